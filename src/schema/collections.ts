// Many values of one kind: in order (list), or by name (record).
import { readDefault, type Written } from './defaults.ts';
import { isNothing, reportMismatch } from './mismatch.ts';
import type { MapNode } from './node.ts';
import type { Report, Schema, Setting } from './schema.ts';
import * as settings from './settings.ts';

interface ListOptions {
  readonly doc: string;
  readonly default?: readonly Written[];
  /** Fewest items. */
  readonly min?: number;
  /** A lone value is a list of one. */
  readonly single?: true;
}

/** Values of one kind, in order. */
export function list<T>(item: Schema<T>, options: ListOptions): Schema<readonly T[]> {
  const { doc, min = 0, single = false } = options;
  const expected = single ? `${item.expected}, or a list of these` : `a list, each ${item.expected}`;
  const normalise: Schema<unknown>['normalise'] = (node, report) => {
    if (node.kind !== 'list' && (!single || isNothing(node))) return reportMismatch(node, expected, report);
    const items = node.kind === 'list' ? node.items : [node];
    if (items.length < min) {
      report.add(node.at, 'too-few', min === 1 ? 'this list is empty' : `this list needs ${min} items or more`);
    }
    const read = items.map((each) => item.normalise(each, report));
    return settings.list(isComplete(read) ? read : read.filter((each) => each !== undefined), node.at);
  };
  const initial = options.default && readDefault({ normalise }, options.default);
  return {
    doc,
    expected,
    required: initial === undefined,
    normalise,
    complete(setting, report) {
      if (setting?.kind !== 'list') return setting ?? initial;
      const items = setting.items.map((each) => item.complete(each, report) ?? each);
      return items.every((each, index) => each === setting.items[index]) ? setting : settings.list(items, setting.at);
    },
    decode(setting) {
      const given = setting ?? initial;
      if (given?.kind !== 'list') throw new Error(`decoded a setting that was not checked: expected ${expected}`);
      return given.items.map((each) => item.decode(each));
    },
    defaults: () => initial,
    json() {
      const many = { type: 'array', items: item.json(), ...(min > 0 && { minItems: min }) };
      const form = single ? { anyOf: [item.json(), many] } : many;
      return { description: doc, ...form, ...(initial && { default: options.default }) };
    },
  };
}

/** Filtering would reserve room for more: thousands of routes have a list of one method. */
function isComplete<T>(items: readonly (T | undefined)[]): items is readonly T[] {
  return !items.includes(undefined);
}

interface RecordOptions {
  readonly doc: string;
  /** What a key must be: the whole of it matches. */
  readonly key?: { readonly pattern: RegExp; readonly expected: string };
  readonly default?: { readonly [key: string]: Written };
}

/** Values of one kind, by name; the names are the user's. */
export function record<T>(value: Schema<T>, options: RecordOptions): Schema<ReadonlyMap<string, T>> {
  const { doc, key } = options;
  const expected = `a map, each value ${value.expected}`;
  const whole = key && new RegExp(`^(?:${key.pattern.source})$`, key.pattern.flags.replace(/[gy]/g, ''));
  const normalise: Schema<unknown>['normalise'] = (node, report) => {
    if (node.kind !== 'map') return reportMismatch(node, expected, report);
    if (whole !== undefined && key !== undefined) checkKeys(node, whole, key.expected, report);
    const entries = new Map<string, Setting>();
    for (const entry of node.entries) {
      const setting = value.normalise(entry.value, report);
      if (setting !== undefined) entries.set(entry.key, setting);
    }
    return { kind: 'map', entries, at: node.at };
  };
  const initial = options.default && readDefault({ normalise }, options.default);
  return {
    doc,
    expected,
    required: initial === undefined,
    normalise,
    complete(setting, report) {
      if (setting?.kind !== 'map') return setting ?? initial;
      const entries = [...setting.entries].map(([name, each]) => [name, value.complete(each, report) ?? each] as const);
      return settings.map(entries, setting.at);
    },
    decode(setting) {
      const given = setting ?? initial;
      if (given?.kind !== 'map') throw new Error(`decoded a setting that was not checked: expected ${expected}`);
      return new Map(Array.from(given.entries, ([name, each]) => [name, value.decode(each)]));
    },
    defaults: () => initial,
    json: () => ({
      type: 'object',
      description: doc,
      ...(key && { propertyNames: { pattern: `^(?:${key.pattern.source})$` } }),
      additionalProperties: value.json(),
      ...(initial && { default: options.default }),
    }),
  };
}

function checkKeys(node: MapNode, whole: RegExp, expected: string, report: Report): void {
  for (const { key, keyAt } of node.entries) {
    if (!whole.test(key)) report.add(keyAt, 'bad-key', `"${key}" is not ${expected}`);
  }
}
