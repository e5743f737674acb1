// What is wrong with a schema document as it is written, and which other documents it refers to. Compiling says less, and one thing at a time.
import type { Issue, Place } from '../schema/schema.ts';
import { didYouMean } from '../schema/suggest.ts';
import type { SchemaDocument } from './document.ts';
import { patternFault } from './pattern.ts';
import { pointerTo } from './pointer.ts';
import { isRecord, walkSchema } from './walk.ts';

/** Where findings about schemas go; `at` is the place in the schema itself. */
export type ReportAt = (issue: Issue, at: Place) => void;

/** What the validator knows. */
export interface Vocabulary {
  readonly keywords: ReadonlySet<string>;
  readonly formats: ReadonlySet<string>;
}

export interface Survey {
  /** URIs, without fragment, of the other documents it refers to, and where. */
  readonly references: ReadonlyMap<string, Place>;
  /** Formats nobody knows: not checked, and said so. */
  readonly unknownFormats: readonly string[];
  readonly sound: boolean;
}

const DIALECT = /^https:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/;

/** Looks a document over and reports what it finds. */
export function survey(document: SchemaDocument, vocabulary: Vocabulary, report: ReportAt): Survey {
  const references = new Map<string, Place>();
  const unknownFormats: string[] = [];
  let sound = true;
  const error = (pointer: string, code: string, message: string, hint?: string): void => {
    sound = false;
    report({ path: [], code, message, ...(hint === undefined ? {} : { hint }) }, document.place(pointer));
  };
  const { schema } = document;
  if (isRecord(schema) && typeof schema['$schema'] === 'string' && !DIALECT.test(schema['$schema'])) {
    error('/$schema', 'schema-dialect', `${schema['$schema']} is not supported`, 'schemas are JSON Schema 2020-12');
  }
  walkSchema(schema, (part, pointer) => {
    for (const keyword of Object.keys(part)) {
      if (vocabulary.keywords.has(keyword)) continue;
      const hint = didYouMean(keyword, vocabulary.keywords);
      error(pointerTo(pointer, keyword), 'schema-keyword', `"${keyword}" is not a JSON Schema keyword`, hint);
    }
    if (pointer !== '' && '$id' in part) {
      error(`${pointer}/$id`, 'schema-id', '"$id" below the root is not supported', 'use "$anchor" or "$defs"');
    }
    for (const [pattern, at] of patternsOf(part, pointer)) {
      const fault = patternFault(pattern);
      if (fault !== undefined) error(at, 'schema-pattern', `the pattern ${JSON.stringify(pattern)} ${fault}`);
    }
    const { format, $ref: reference } = part;
    if (typeof format === 'string' && !vocabulary.formats.has(format)) {
      unknownFormats.push(format);
      const hint = didYouMean(format, vocabulary.formats);
      const message = `the format "${format}" is not known and not checked`;
      const issue: Issue = { path: [], code: 'schema-format', message, severity: 'warning' };
      report(hint === undefined ? issue : { ...issue, hint }, document.place(`${pointer}/format`));
    }
    if (typeof reference !== 'string' || reference.startsWith('#')) return;
    const target = URL.canParse(reference, document.uri) ? new URL(reference, document.uri) : undefined;
    if (target?.protocol !== 'file:' || /^[a-z][a-z0-9+.-]*:/i.test(reference)) {
      const hint = 'name another schema file by its relative path';
      error(`${pointer}/$ref`, 'schema-reference', `"${reference}" is not a local schema file`, hint);
      return;
    }
    target.hash = '';
    references.set(target.href, document.place(`${pointer}/$ref`));
  });
  return { references, unknownFormats, sound };
}

/** The regular expressions of one subschema, with their pointers. */
function patternsOf(part: Readonly<Record<string, unknown>>, pointer: string): readonly (readonly [string, string])[] {
  const { pattern, patternProperties } = part;
  const found: (readonly [string, string])[] = [];
  if (typeof pattern === 'string') found.push([pattern, `${pointer}/pattern`]);
  if (isRecord(patternProperties)) {
    for (const key of Object.keys(patternProperties)) {
      found.push([key, pointerTo(`${pointer}/patternProperties`, key)]);
    }
  }
  return found;
}
