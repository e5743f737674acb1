// What answers of the other side are held against: a schema, how many of them are looked at, and what is told of those that drift.
import type { Counter } from '../telemetry/instruments.ts';
import type { Breach, DriftKind } from './breach.ts';
import { placeOf } from './pointer.ts';
import type { CompiledSchema } from './validators.ts';

/** Where drift is counted and told. */
export interface ContractEnv {
  readonly metrics: {
    /** `sluice_drift_total{route,pointer,kind}`; pointers beyond the cap are counted under `_other`. */
    drift(pointer: string, kind: DriftKind): Counter;
    /** `sluice_validation_failures_total{route,reason}` */
    validationFailure(reason: string): Counter;
  };
  log(level: 'warn', event: string, fields: Record<string, unknown>): void;
}

/** Distinct pointers per route; answers whose keys are data must not make a series of each. */
const MAX_POINTERS = 50;
const OTHER = '_other';

export class Contract {
  /** An answer that breaks it is not passed on. */
  readonly rejects: boolean;
  readonly #schema: CompiledSchema;
  readonly #sample: number;
  readonly #env: ContractEnv;
  readonly #invalid: Counter;
  readonly #pointers = new Set<string>();
  readonly #counters = new Map<string, Counter>();

  /** @param sample share of the answers looked at. Where it rejects, all are. */
  constructor(schema: CompiledSchema, rejects: boolean, sample: number, env: ContractEnv) {
    this.rejects = rejects;
    this.#schema = schema;
    this.#sample = rejects ? 1 : sample;
    this.#env = env;
    this.#invalid = env.metrics.validationFailure('response_invalid');
  }

  /** Whether the next answer is to be looked at. */
  draw(): boolean {
    return this.#sample >= 1 || Math.random() < this.#sample;
  }

  /**
   * Checks a value, and counts and tells what it breaks.
   *
   * @param bytes the length of the text it was read from
   * @param requestId of whose answer it is: an example to look at
   * @returns where it breaks the contract, in words; undefined when it does not
   */
  breachOf(value: unknown, bytes: number, requestId: string): string | undefined {
    return this.#schema.accepts(value) ? undefined : this.tell(this.#schema.breaches(value, bytes), requestId);
  }

  /** Counts and tells breaches; see {@link breachOf}. */
  tell(breaches: readonly Breach[], requestId: string): string | undefined {
    if (breaches.length === 0) return undefined;
    this.#invalid.value++;
    for (const breach of breaches) this.#count(breach, requestId);
    const { names } = this.#schema;
    return [...new Set(breaches.map(({ pointer }) => placeOf(pointer, names) || 'the whole'))].join(', ');
  }

  /** Names of members that the schema does not name are data, which no log or metric may hold. */
  #count({ pointer, kind, detail }: Breach, requestId: string): void {
    const place = this.#place(placeOf(pointer, this.#schema.names));
    const key = `${kind} ${place}`;
    let counter = this.#counters.get(key);
    if (counter === undefined) {
      // The first of its kind is an event; those that follow are only counted.
      this.#env.log('warn', 'response_drift', { pointer: place, kind, detail, request_id: requestId });
      counter = this.#env.metrics.drift(place, kind);
      this.#counters.set(key, counter);
    }
    counter.value++;
  }

  #place(pointer: string): string {
    if (this.#pointers.has(pointer)) return pointer;
    if (this.#pointers.size >= MAX_POINTERS) return OTHER;
    this.#pointers.add(pointer);
    return pointer;
  }
}
