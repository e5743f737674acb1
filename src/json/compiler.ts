// Compiles the JSON Schemas of one snapshot. A schema that did not change since the last snapshot is not compiled again.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readNamedFile, UnfitFile } from '../named-file.ts';
import type { Place } from '../schema/schema.ts';
import { messageOf } from '../telemetry/thrown.ts';
import { type DocumentFault, fileDocument, inlineDocument, type SchemaDocument } from './document.ts';
import type { Engines } from './engines.ts';
import type { SchemaSource } from './source.ts';
import { type ReportAt, type Survey, survey } from './survey.ts';
import type { CompiledSchema, Reading } from './validators.ts';
import { walkSchema } from './walk.ts';

/** Compiles schemas; one per snapshot. */
export class SchemaCompiler {
  readonly #previous: ReadonlyMap<string, CompiledSchema>;
  readonly #compiled = new Map<string, CompiledSchema>();
  /** Texts of documents that were found sound before, that name no others and of which nothing is to be said. */
  readonly #knownPlain: ReadonlySet<string>;
  readonly #plain = new Set<string>();
  readonly #pending = new Map<string, Promise<CompiledSchema | undefined>>();
  readonly #reads = new Map<string, Promise<SchemaDocument | DocumentFault | string>>();
  readonly #surveys = new Map<string, Survey>();
  readonly #files = new Set<string>();
  #engines: Promise<Engines> | undefined;

  /** `previous`: the compiler of the snapshot in service, whose schemas are taken over where they are unchanged. */
  constructor(previous?: SchemaCompiler) {
    this.#previous = previous === undefined ? new Map() : previous.#compiled;
    this.#knownPlain = previous === undefined ? new Set() : previous.#plain;
  }

  /** Every schema file asked for, also those that could not be read: what to watch. Absolute paths. */
  get files(): ReadonlySet<string> {
    return this.#files;
  }

  /**
   * The compiled schema; undefined when something is wrong with it, which was then reported: unreadable or malformed files,
   * unknown keywords, patterns that cannot be matched in linear time, references that lead nowhere. Each document is reported once.
   */
  async compile(source: SchemaSource, report: ReportAt): Promise<CompiledSchema | undefined> {
    const { reading } = source;
    const root = source.kind === 'inline' ? inlineDocument(source) : await this.#read(source.path, source.at, report);
    if (root === undefined) return undefined;
    this.#engines ??= loadEngines();
    const engines = await this.#engines;
    const documents = await this.#closure(root, engines, report);
    if (documents === undefined) return undefined;
    const key = JSON.stringify([reading, ...documents.map(({ uri, text }) => [uri, text])]);
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = this.#compileOnce(documents, reading, engines, report);
      this.#pending.set(key, pending);
    }
    return pending;
  }

  /** The schema as it was read for {@link compile}; undefined when it could not be. */
  async schemaOf(source: SchemaSource): Promise<object | boolean | undefined> {
    if (source.kind === 'inline') return source.schema;
    const document = await this.#reads.get(source.path);
    return typeof document === 'object' && 'uri' in document ? document.schema : undefined;
  }

  async #compileOnce(
    documents: Closure,
    reading: Reading,
    engines: Engines,
    report: ReportAt,
  ): Promise<CompiledSchema | undefined> {
    const same = contentKey(documents, reading);
    let compiled = this.#compiled.get(same) ?? this.#previous.get(same);
    if (compiled === undefined) {
      // Compiling takes a millisecond or more each: requests go in between while a reload compiles many.
      await nextTurn();
      compiled = this.#build(documents, reading, engines, report);
    }
    if (compiled !== undefined) this.#compiled.set(same, compiled);
    return compiled;
  }

  #build(documents: Closure, reading: Reading, engines: Engines, report: ReportAt): CompiledSchema | undefined {
    try {
      return engines.compile(documents, reading, this.#surveys);
    } catch (error) {
      const message = messageOf(error);
      const reference = missingReference(error);
      const place = reference === undefined ? documents[0].place('') : placeOfReference(documents, reference);
      report({ path: [], code: 'schema-invalid', message: `the schema cannot be used: ${message}` }, place);
      return undefined;
    }
  }

  /** The document and all it refers to; undefined when one of them is unsound. */
  async #closure(root: SchemaDocument, engines: Engines, report: ReportAt): Promise<Closure | undefined> {
    const found = new Map<string, SchemaDocument>([[root.uri, root]]);
    let sound = true;
    for (const document of found.values()) {
      const { references, sound: isSound } = this.#survey(document, engines, report);
      sound &&= isSound;
      for (const [uri, at] of references) {
        if (found.has(uri)) continue;
        const referred = await this.#read(fileURLToPath(uri), at, report);
        if (referred === undefined) sound = false;
        else found.set(uri, referred);
      }
    }
    const [, ...others] = found.values();
    return sound ? [root, ...others] : undefined;
  }

  #survey(document: SchemaDocument, engines: Engines, report: ReportAt): Survey {
    const known = this.#surveys.get(document.uri);
    if (known !== undefined) return known;
    const made = this.#knownPlain.has(document.text) ? PLAIN : surveyAnew(document, engines, report);
    if (made.sound && made.references.size === 0 && made.unknownFormats.length === 0) this.#plain.add(document.text);
    this.#surveys.set(document.uri, made);
    return made;
  }

  async #read(path: string, at: Place, report: ReportAt): Promise<SchemaDocument | undefined> {
    const isFirst = !this.#reads.has(path);
    const read = this.#reads.get(path) ?? readDocument(path);
    this.#reads.set(path, read);
    this.#files.add(path);
    const document = await read;
    if (typeof document === 'string') {
      report({ path: [], code: 'schema-file', message: `the schema file ${path} ${document}` }, at);
      return undefined;
    }
    if ('uri' in document) return document;
    if (isFirst) report({ path: [], code: 'schema-json', message: document.message }, document.at);
    return undefined;
  }
}

/** A document, and all it refers to. */
type Closure = readonly [SchemaDocument, ...SchemaDocument[]];

async function loadEngines(): Promise<Engines> {
  const { Engines } = await import('./engines.ts');
  return new Engines();
}

const PLAIN: Survey = { references: new Map(), unknownFormats: [], sound: true };

/** Where a schema stands matters only to one that names others. */
function contentKey(documents: readonly SchemaDocument[], reading: Reading): string {
  const named = documents.length > 1;
  return JSON.stringify([reading, ...documents.map(({ uri, text }) => (named ? [uri, text] : text))]);
}

const MAX_SCHEMA_ERRORS = 5;

function surveyAnew(document: SchemaDocument, { judge }: Engines, report: ReportAt): Survey {
  const made = survey(document, judge.vocabulary, report);
  if (!made.sound) return made;
  const faults = judge.faultsOf(document.schema);
  for (const { pointer, ...said } of faults.slice(0, MAX_SCHEMA_ERRORS)) {
    report({ path: [], code: 'schema-invalid', ...said }, document.place(pointer));
  }
  return faults.length === 0 ? made : { ...made, sound: false };
}

/** The document in a file, what is wrong with it, or why it could not be read. */
async function readDocument(path: string): Promise<SchemaDocument | DocumentFault | string> {
  try {
    return fileDocument(path, await readNamedFile(path));
  } catch (error) {
    if (error instanceof UnfitFile) return `cannot be read: ${error.reason}`;
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return code === 'ENOENT' ? 'does not exist' : `cannot be read (${code || String(error)})`;
  }
}

/** The reference that ajv could not follow. */
function missingReference(error: unknown): string | undefined {
  return error instanceof Error && 'missingRef' in error ? String(error.missingRef) : undefined;
}

/** Where a reference, as ajv resolved it, is written. */
function placeOfReference(documents: readonly SchemaDocument[], missing: string): Place {
  let place: Place | undefined;
  for (const document of documents) {
    walkSchema(document.schema, ({ $ref: reference }, pointer) => {
      if (typeof reference !== 'string' || !URL.canParse(reference, document.uri)) return;
      if (new URL(reference, document.uri).href === new URL(missing, document.uri).href) {
        place ??= document.place(`${pointer}/$ref`);
      }
    });
  }
  return place ?? documents[0]?.place('') ?? { file: '', line: 1, column: 1, length: 1 };
}
