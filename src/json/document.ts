// One schema document: where it came from, what it says, and where each part of it is written.
import { pathToFileURL } from 'node:url';
import type { Place } from '../schema/schema.ts';
import { position, scanJson } from './scan.ts';
import type { SchemaSource } from './source.ts';
import { traceJson } from './trace.ts';

/** Nesting of a schema file; deeper than any hand or generator writes. */
const MAX_SCHEMA_DEPTH = 256;

export interface SchemaDocument {
  /** Identifies the document; relative `$ref`s resolve against it. */
  readonly uri: string;
  readonly schema: object | boolean;
  /** What the document says, for telling whether it changed. */
  readonly text: string;
  /** Where the part at a JSON Pointer is written; the nearest enclosing part that is known. */
  place(pointer: string): Place;
}

/** Why a file is no schema. */
export interface DocumentFault {
  readonly at: Place;
  readonly message: string;
}

/** The document of a schema written in place. */
export function inlineDocument(source: SchemaSource & { readonly kind: 'inline' }): SchemaDocument {
  const { schema, file, at, places } = source;
  const url = pathToFileURL(file);
  // Two schemas of one file must differ in name, and both resolve relative references from its folder.
  url.search = `?${at.line}:${at.column}`;
  return {
    uri: url.href,
    schema,
    text: JSON.stringify(schema),
    place: (pointer) => nearest(pointer, (known) => places.get(known)) ?? at,
  };
}

/** Reads the bytes of a schema file as a document. */
export function fileDocument(file: string, bytes: Buffer): SchemaDocument | DocumentFault {
  const scan = scanJson(bytes, { maxDepth: MAX_SCHEMA_DEPTH });
  if ('error' in scan) {
    const at = { file, line: scan.line, column: scan.column, length: 1 };
    return { at, message: `the schema ${scan.detail}` };
  }
  const { value } = scan;
  const start = { file, line: 1, column: 1, length: 1 };
  if (typeof value !== 'boolean' && (typeof value !== 'object' || value === null || Array.isArray(value))) {
    return { at: start, message: 'a schema is a JSON object, or true or false' };
  }
  const text = bytes.toString('utf8');
  return {
    uri: pathToFileURL(file).href,
    schema: value,
    text,
    place(pointer) {
      const { spans } = traceJson(text, { maxDepth: MAX_SCHEMA_DEPTH, spans: true });
      const span = nearest(pointer, (known) => spans.get(known));
      if (span === undefined) return start;
      const firstLine = text.slice(span.offset, span.offset + span.length).split('\n', 1)[0] ?? '';
      return { file, ...position(text, span.offset), length: Math.max(1, firstLine.trimEnd().length) };
    },
  };
}

function nearest<T>(pointer: string, look: (pointer: string) => T | undefined): T | undefined {
  for (let at = pointer; ; at = at.slice(0, at.lastIndexOf('/'))) {
    const found = look(at);
    if (found !== undefined || at === '') return found;
  }
}
