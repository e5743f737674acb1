// The setting that names a JSON Schema: a map written in place, or the path of a file.
import { dirname, resolve } from 'node:path';
import type { Node, Place, Report, ScalarNode, Schema, Setting } from '../schema/schema.ts';
import { pointerTo } from './pointer.ts';
import type { Reading } from './validators.ts';

/** A JSON Schema as it was set. */
export type SchemaSource = (Inline | InFile) & { readonly reading: Reading };

interface Inline {
  readonly kind: 'inline';
  readonly schema: object;
  /** The file it is written in: relative `$ref`s start there. */
  readonly file: string;
  readonly at: Place;
  /** JSON Pointer → where that part of it is written. */
  readonly places: ReadonlyMap<string, Place>;
}

interface InFile {
  readonly kind: 'file';
  /** Absolute. */
  readonly path: string;
  readonly at: Place;
}

/**
 * Declares a setting that is a JSON Schema 2020-12: a map, or a path relative to the file that names it. It is one value:
 * a route's schema replaces an inherited one whole, and never merges with it.
 */
export function schemaSource(options: { readonly doc: string; readonly reading: Reading }): Schema<SchemaSource> {
  return {
    doc: options.doc,
    expected: 'a JSON Schema, in place or as the path of a file',
    required: true,
    normalise(node, report) {
      const source = read(node, report);
      if (source === undefined) return undefined;
      const text = source.kind === 'file' && node.kind === 'scalar' ? node.text : 'a schema in place';
      const value: SchemaSource = { ...source, reading: options.reading };
      sources.add(value);
      return { kind: 'leaf', value, text, secret: false, at: node.at };
    },
    complete: (setting) => setting,
    decode(setting) {
      const source = schemaSourceOf(setting);
      if (source !== undefined) return source;
      throw new TypeError('a schema setting was decoded that was not normalised');
    },
    defaults: () => undefined,
    json: () => ({
      description: options.doc,
      anyOf: [{ type: 'string', description: 'Path of a JSON Schema file' }, { type: 'object' }],
    }),
  };
}

/** The schema that a setting is, wherever it stands; undefined for a setting of another kind. */
export function schemaSourceOf(setting: Setting | undefined): SchemaSource | undefined {
  return setting?.kind === 'leaf' && isSource(setting.value) ? setting.value : undefined;
}

/** Every source there is: a JSON value of the user's may look like one. */
const sources = new WeakSet();

function isSource(value: unknown): value is SchemaSource {
  return typeof value === 'object' && value !== null && sources.has(value);
}

function read(node: Node, report: Report): Inline | InFile | undefined {
  if (node.kind === 'map') {
    const places = new Map<string, Place>();
    const schema = jsonOf(node, '', places, report);
    if (typeof schema !== 'object' || schema === null) return undefined;
    return { kind: 'inline', schema, file: node.at.file, at: node.at, places };
  }
  if (node.kind === 'scalar' && node.type === 'string' && node.text !== '') {
    return { kind: 'file', path: resolve(dirname(node.at.file), node.text), at: node.at };
  }
  report.add(node.at, 'schema-setting', 'a schema is a map or the path of a file', 'e.g. config/schemas/order.json');
  return undefined;
}

/** What YAML says as JSON, noting where each part stands. */
function jsonOf(node: Node, pointer: string, places: Map<string, Place>, report: Report): unknown {
  places.set(pointer, node.at);
  if (node.kind === 'scalar') return scalarOf(node, report);
  if (node.kind === 'list') {
    return node.items.map((item, index) => jsonOf(item, pointerTo(pointer, index), places, report));
  }
  // fromEntries defines own properties, so that a key such as __proto__ stays a key.
  return Object.fromEntries(
    node.entries.map(({ key, value }) => [key, jsonOf(value, pointerTo(pointer, key), places, report)]),
  );
}

function scalarOf(node: ScalarNode, report: Report): string | number | boolean | null {
  if (node.type === 'boolean') return node.text.toLowerCase() === 'true';
  if (node.type === 'null') return null;
  if (node.type === 'string') return node.text;
  const number = Number(node.text);
  if (!Number.isFinite(number)) report.add(node.at, 'schema-number', 'JSON has no such number');
  return number;
}
