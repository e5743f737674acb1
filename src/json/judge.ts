// What the JSON Schema of JSON Schemas says of one. To compile it takes ten times as long as most schemas do: it is done once in
// a process, and the code that comes of it is not improved any further.
import { Effort } from './linear-matcher.ts';
import { type SchemaError, schemaErrors } from './schema-errors.ts';
import type { Vocabulary } from './survey.ts';
import { newEngine } from './validators.ts';

export class Judge {
  /** The keywords and formats that every engine knows. */
  readonly vocabulary: Vocabulary;
  readonly #effort = new Effort();
  readonly #engine = newEngine({ allErrors: true, code: { optimize: false } }, this.#effort);

  constructor() {
    const { RULES, formats } = this.#engine;
    this.vocabulary = {
      keywords: new Set(['$anchor', ...Object.keys(RULES.keywords)]),
      formats: new Set(Object.keys(formats)),
    };
  }

  /** What is wrong with a schema; empty when it is sound. */
  faultsOf(schema: object | boolean): readonly SchemaError[] {
    this.#effort.renew();
    return this.#engine.validateSchema(schema) === true ? [] : schemaErrors(this.#engine.errors ?? [], schema);
  }
}

export const judge = new Judge();
