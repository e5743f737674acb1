// What a setting may be. One declaration gives its type, its validation, its default, its documentation and its editor completion.
import type { Node, Origin, Place, Setting } from './node.ts';
import type { Rate, Refusal } from './units.ts';

export { list, record } from './collections.ts';
export { described, off, optional, partial, shared, short } from './forms.ts';
export { json } from './json.ts';
export { object } from './object.ts';
export { boolean, bytes, choice, custom, duration, integer, number, percent, rate, string } from './scalars.ts';
export * as settings from './settings.ts';

/** A rule broken across fields: which field (path below the settings), why, and what to do. */
export interface Issue {
  /** e.g. `['retry', 'max']`; the finding points at that value. */
  readonly path: readonly (string | number)[];
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly severity?: 'error' | 'warning';
}

/** Collects what is wrong while settings are read. */
export interface Report {
  add(at: Place, code: string, message: string, hint?: string, severity?: 'error' | 'warning'): void;
}

/** JSON Schema 2020-12, for the editor. */
export type JsonSchema = { readonly [key: string]: unknown };

/**
 * `T` is the decoded type. `normalise` turns what was written into long form and reports what is wrong (returning undefined for it);
 * `decode` turns a long form that had no findings into a T, filling defaults.
 */
export interface Schema<T> {
  readonly doc: string;
  /** What is expected, for messages: `a duration such as 250ms or 5s`. */
  readonly expected: string;
  /** Whether an object with this field must be given it: there is no default, and it is not optional. */
  readonly required: boolean;
  /** A map keeps its good fields when some of them are bad, so that one reading finds everything. */
  normalise(node: Node, report: Report): Setting | undefined;
  /**
   * For long forms that were read with `partial` and merged: fills defaults in (origin 'default') and reports required fields that
   * are still missing. The result decodes to the same T, and is what `explain` shows.
   */
  complete(setting: Setting | undefined, report: Report): Setting | undefined;
  decode(setting: Setting | undefined): T;
  /** The defaults as settings with origin 'default', for `explain`; undefined when there is none. */
  defaults(): Setting | undefined;
  json(): JsonSchema;
}

export type Infer<S> = S extends Schema<infer T> ? T : never;

export type { Json } from './json.ts';
export type { LeafSetting, ListNode, ListSetting, MapEntry, MapNode, MapSetting, ScalarNode } from './node.ts';
export type { Node, Origin, Place, Rate, Refusal, Setting };
