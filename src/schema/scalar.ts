// The one shape behind every single-valued schema: a text is parsed once, when the file is read.
import { readDefault } from './defaults.ts';
import { isNothing, reportMismatch } from './mismatch.ts';
import type { JsonSchema, Schema, Setting } from './schema.ts';
import * as settings from './settings.ts';
import { isRefusal, type Refusal } from './units.ts';

/** Any scalar may be written as a reference instead; the editor must let it through. */
export const REFERENCE = '\\$\\{(env|file):';

export interface ScalarOptions<T> {
  readonly doc: string;
  /** For messages: `a duration such as 250ms or 5s`. */
  readonly expected: string;
  readonly default?: string | number | boolean | undefined;
  /** Must not throw. Refusals in the inferred T are taken out of it again. */
  readonly parse: (text: string) => T | Refusal;
  readonly json: JsonSchema;
}

/** A schema of one value, read from its source text: `2.0` is the text `2.0`, whatever YAML makes of it. */
export function scalar<T>(options: ScalarOptions<T>): Schema<Exclude<T, Refusal>> {
  const { doc, expected, parse } = options;
  const normalise: Schema<unknown>['normalise'] = (node, report) => {
    if (node.kind !== 'scalar' || isNothing(node)) return reportMismatch(node, expected, report);
    const value = parse(node.text);
    if (!isRefusal(value)) return settings.leaf(value, node.text, node.at, node.secret);
    // A refusal quotes what it refuses.
    if (node.secret) report.add(node.at, 'bad-value', `expected ${expected}, which the referenced value is not`);
    else report.add(node.at, 'bad-value', value.error, value.hint);
    return undefined;
  };
  const initial = options.default === undefined ? undefined : readDefault({ normalise }, options.default);
  const json = { description: doc, ...options.json, ...(initial && { default: options.default }) };
  return {
    doc,
    expected,
    required: initial === undefined,
    normalise,
    complete: (setting) => setting ?? initial,
    // Only the normalise above wrote this value, and it wrote what parse returned.
    decode: (setting) => leafValue(setting ?? initial, expected) as Exclude<T, Refusal>,
    defaults: () => initial,
    json: () => json,
  };
}

/**
 * What a leaf holds.
 * @throws Error when there is none: the caller decodes a setting that had findings.
 */
export function leafValue(setting: Setting | undefined, expected: string): unknown {
  if (setting?.kind !== 'leaf') throw new Error(`decoded a setting that was not checked: expected ${expected}`);
  return setting.value;
}
