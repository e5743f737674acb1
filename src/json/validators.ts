// The JSON Schema engine: how ajv is set up, and what a compiled schema can be asked.
import { Ajv2020, type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { type Breach, breachesOf } from './breach.ts';
import { addLinearFormats } from './formats.ts';
import { type Effort, EffortExhausted } from './linear-matcher.ts';
import { patternMatcher } from './pattern.ts';
import { uniqueItems } from './unique-items.ts';

/** Whether values are checked as they are, or as texts that stand for numbers, booleans and lists (`params`, `query`, headers). */
export type Reading = 'exact' | 'coerced';

export interface CompiledSchema {
  /** Every member of an object that the schema names, at any level. */
  readonly names: ReadonlySet<string>;
  /** Whether the value is valid. A coerced schema converts the values inside `value` in place. */
  accepts(value: unknown): boolean;
  /**
   * What a value that was not accepted breaks, at most fifty; the first breach only of a value that came in many bytes.
   *
   * @param bytes the length of the text it was read from
   */
  breaches(value: unknown, bytes: number): readonly Breach[];
}

const COMMON: Options = {
  strict: true,
  // Strict about what is unknown, not about style: real-world schemas are not written for ajv.
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  allowUnionTypes: true,
  // Otherwise `required: [constructor]` would find Object.prototype's.
  ownProperties: true,
  $data: false,
  allErrors: false,
  addUsedSchema: false,
  // The judge has seen it (judge.ts).
  validateSchema: false,
  logger: false,
};

/** A new engine; one lives as long as the schemas compiled with it. Its patterns draw on `effort`. */
export function newEngine(options: Options, effort: Effort): Ajv2020 {
  const regExp = Object.assign((pattern: string) => patternMatcher(pattern, effort), { code: 'linear' });
  const ajv = new Ajv2020({ ...COMMON, ...options, code: { ...options.code, regExp } });
  addFormats.default(ajv);
  addLinearFormats(ajv);
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    errors: true,
    validate: uniqueItems,
  });
  return ajv;
}

/** The engine's options for a reading, with all errors or the first only. */
export function engineOptions(reading: Reading, allErrors: boolean): Options {
  return reading === 'coerced' ? { coerceTypes: 'array', allErrors } : { allErrors };
}

/**
 * Asks `first` whether a value is valid and `all` what is wrong with one that is not: looking for everything costs nothing
 * while requests are good.
 */
export class Validator implements CompiledSchema {
  readonly names: ReadonlySet<string>;
  readonly #first: ValidateFunction;
  readonly #all: ValidateFunction;
  readonly #effort: Effort;

  constructor(first: ValidateFunction, all: ValidateFunction, names: ReadonlySet<string>, effort: Effort) {
    this.names = names;
    this.#first = first;
    this.#all = all;
    this.#effort = effort;
  }

  accepts(value: unknown): boolean {
    return this.#run(this.#first, value) === true;
  }

  breaches(value: unknown, bytes: number): readonly Breach[] {
    const validate = bytes > ALL_BREACHES_MAX_BYTES ? this.#first : this.#all;
    const result = this.#run(validate, value);
    if (result === 'exhausted') return [TOO_COSTLY];
    return result ? [] : breachesOf(validate.errors ?? []);
  }

  #run(validate: ValidateFunction, value: unknown): boolean | 'exhausted' {
    this.#effort.renew();
    try {
      return validate(value);
    } catch (error) {
      if (error instanceof EffortExhausted) return 'exhausted';
      throw error;
    }
  }
}

/** Looking for every breach of a hostile value costs time and memory in proportion to it. */
const ALL_BREACHES_MAX_BYTES = 32_768;

const TOO_COSTLY: Breach = { pointer: '', detail: 'takes too long to be matched with its patterns', kind: 'enum' };
