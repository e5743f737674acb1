// Any JSON value, written as YAML: an inline JSON Schema, a fallback body, options of a module.
import { isNothing } from './mismatch.ts';
import type { Node, ScalarNode } from './node.ts';
import { leafValue } from './scalar.ts';
import type { Report, Schema } from './schema.ts';
import * as settings from './settings.ts';

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Any JSON value; one setting as a whole, so a merge replaces it. */
export function json(options: { readonly doc: string }): Schema<Json> {
  const { doc } = options;
  const expected = 'a JSON value';
  return {
    doc,
    expected,
    required: true,
    normalise(node, report) {
      const value = jsonOf(node, report);
      if (value === undefined) return undefined;
      return settings.leaf(value, JSON.stringify(value), node.at, holdsSecret(node));
    },
    complete: (setting) => setting,
    // Only the normalise above wrote this value.
    decode: (setting) => leafValue(setting, expected) as Json,
    defaults: () => undefined,
    json: () => ({ description: doc }),
  };
}

function jsonOf(node: Node, report: Report): Json | undefined {
  if (node.kind === 'scalar') return scalarOf(node, report);
  if (node.kind === 'list') {
    const items = node.items.map((item) => jsonOf(item, report));
    return items.includes(undefined) ? undefined : items.filter((item) => item !== undefined);
  }
  const entries: [string, Json][] = [];
  for (const { key, value } of node.entries) {
    const read = jsonOf(value, report);
    if (read === undefined) return undefined;
    entries.push([key, read]);
  }
  // Defines own properties, so that a key `__proto__` is only a key.
  return Object.fromEntries(entries);
}

function scalarOf(node: ScalarNode, report: Report): Json | undefined {
  if (isNothing(node)) return null;
  if (node.type === 'string') return node.text;
  if (node.type === 'boolean') return node.text.toLowerCase() === 'true';
  const value = Number(node.text);
  if (Number.isFinite(value)) return value;
  report.add(node.at, 'bad-value', `"${node.text}" is not a number that JSON can hold`);
  return undefined;
}

function holdsSecret(node: Node): boolean {
  if (node.kind === 'scalar') return node.secret;
  if (node.kind === 'list') return node.items.some(holdsSecret);
  return node.entries.some((entry) => holdsSecret(entry.value));
}
