// The ajv engines of one compiler. Nothing else leads to ajv, whose some ninety modules are loaded with the first schema.
import type { Ajv2020 } from 'ajv/dist/2020.js';
import type { SchemaDocument } from './document.ts';
import { type Judge, judge } from './judge.ts';
import { Effort } from './linear-matcher.ts';
import type { Survey } from './survey.ts';
import { type CompiledSchema, engineOptions, newEngine, type Reading, Validator } from './validators.ts';
import { isRecord, walkSchema } from './walk.ts';

/** Each engine is made when it is first needed: there are reloads in which nothing is. */
export class Engines {
  readonly judge: Judge = judge;
  readonly #effort = new Effort();
  readonly #engines = new Map<string, Ajv2020>();

  /**
   * The first of the documents, compiled; the others are those it refers to. The judge has found nothing wrong with any.
   *
   * @param surveys by URI: formats that nobody knows are not checked
   * @throws what ajv throws, with `missingRef` where a reference leads nowhere
   */
  compile(
    documents: readonly [SchemaDocument, ...SchemaDocument[]],
    reading: Reading,
    surveys: ReadonlyMap<string, Survey>,
  ): CompiledSchema {
    const all = this.#engine(reading, true);
    // What is coerced is small (a URL, a header section), so one validator does for both questions.
    const first = reading === 'coerced' ? all : this.#engine(reading, false);
    for (const engine of new Set([all, first])) add(engine, documents, surveys);
    const [{ uri }] = documents;
    const checkAll = all.getSchema(uri);
    const checkFirst = first.getSchema(uri);
    if (checkAll === undefined || checkFirst === undefined) throw new Error(`${uri} was not added`);
    return new Validator(checkFirst, checkAll, namesIn(documents), this.#effort);
  }

  #engine(reading: Reading, allErrors: boolean): Ajv2020 {
    const key = `${reading} ${allErrors}`;
    let engine = this.#engines.get(key);
    if (engine === undefined) {
      engine = newEngine(engineOptions(reading, allErrors), this.#effort);
      this.#engines.set(key, engine);
    }
    return engine;
  }
}

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

function add(engine: Ajv2020, documents: readonly SchemaDocument[], surveys: ReadonlyMap<string, Survey>): void {
  for (const { uri, schema } of documents) {
    for (const format of surveys.get(uri)?.unknownFormats ?? []) engine.addFormat(format, true);
    if (engine.schemas[uri] !== undefined) continue;
    // A file is known by where it is, whatever it calls itself: relative references then mean files.
    if (typeof schema === 'object') engine.addSchema({ ...schema, $id: uri, $schema: DIALECT }, uri);
    else engine.addSchema(schema ? { $id: uri } : { $id: uri, not: {} }, uri);
  }
}

/** The members of objects that the documents name. */
function namesIn(documents: readonly SchemaDocument[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { schema } of documents) {
    walkSchema(schema, ({ properties, required, dependentRequired }) => {
      if (isRecord(properties)) for (const name of Object.keys(properties)) names.add(name);
      for (const list of [required, ...(isRecord(dependentRequired) ? Object.values(dependentRequired) : [])]) {
        if (Array.isArray(list)) for (const name of list) names.add(String(name));
      }
    });
  }
  return names;
}
