// The setting that is a longer text: written in place, or the path of a file when it ends in a known way.
import { dirname, resolve } from 'node:path';
import { isNothing, reportMismatch } from './mismatch.ts';
import type { Place, Schema, Setting } from './schema.ts';
import * as settings from './settings.ts';

/** A text as it was set. */
export type TextSource =
  | { readonly kind: 'inline'; readonly text: string; readonly at: Place }
  | {
      readonly kind: 'file';
      /** Absolute. */
      readonly path: string;
      readonly at: Place;
    };

/** A mapping: JSON in, JSON out. */
export function mappingSource(doc: string): Schema<TextSource> {
  return textSource({ doc, expected: 'a JSONata expression, or the path of a .jsonata file', extension: '.jsonata' });
}

/** XML with placeholders for what the request says. */
export function xmlSource(doc: string): Schema<TextSource> {
  return textSource({ doc, expected: 'XML with placeholders, or the path of an .xml file', extension: '.xml' });
}

interface TextOptions {
  readonly doc: string;
  readonly expected: string;
  /** What makes a value a path, relative to the file that names it: `.jsonata`. */
  readonly extension: string;
}

function textSource({ doc, expected, extension }: TextOptions): Schema<TextSource> {
  return {
    doc,
    expected,
    required: true,
    normalise(node, report) {
      if (node.kind !== 'scalar' || isNothing(node)) return reportMismatch(node, expected, report);
      const { text, at, secret } = node;
      if (text.trim() === '') {
        report.add(at, 'empty-text', `this is empty: expected ${expected}`);
        return undefined;
      }
      const isPath = text.endsWith(extension) && !text.includes('\n');
      const source: TextSource = isPath
        ? { kind: 'file', path: resolve(dirname(at.file), text), at }
        : { kind: 'inline', text, at };
      sources.add(source);
      return settings.leaf(source, text, at, secret);
    },
    complete: (setting) => setting,
    decode(setting) {
      const source = textSourceOf(setting);
      if (source !== undefined) return source;
      throw new TypeError('a text setting was decoded that was not normalised');
    },
    defaults: () => undefined,
    json: () => ({ type: 'string', description: doc }),
  };
}

/** The text that a setting is, wherever it stands; undefined for a setting of another kind. */
export function textSourceOf(setting: Setting | undefined): TextSource | undefined {
  return setting?.kind === 'leaf' && isSource(setting.value) ? setting.value : undefined;
}

/** Every source there is: a JSON value of the user's may look like one. */
const sources = new WeakSet();

function isSource(value: unknown): value is TextSource {
  return typeof value === 'object' && value !== null && sources.has(value);
}
