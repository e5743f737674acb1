// State of limits in this process: one bucket per caller, forgotten when it would be full again anyway.
import type { Bucket, Gcra } from './gcra.ts';

/** Below this, moving busy callers from one generation to the next costs more than the memory is worth. */
const GENERATION_MIN_MS = 10_000;
/** Callers of one generation. Tenants are bounded by the configuration; addresses are not. */
const GENERATION_MAX = 1_000_000;

/**
 * Buckets by caller, in two generations. A bucket that is used moves to the current generation; when one has lasted as long
 * as any bucket takes to fill, the one before it holds only full buckets and is let go whole. So there is no sweep, no timer
 * and no pause, and an idle caller costs nothing.
 *
 * A flood of more callers than {@link GENERATION_MAX} ends the generation early: memory stays bounded, and callers idle
 * since before the flood start anew.
 */
export class BucketTable {
  #current = new Map<string, Bucket>();
  #previous = new Map<string, Bucket>();
  #lifeMs = GENERATION_MIN_MS;
  #endsAtMs = 0;

  /** Keeps buckets for as long as this limit needs them. */
  serve(gcra: Gcra): void {
    this.#lifeMs = Math.max(this.#lifeMs, gcra.horizonMs);
  }

  /** The caller's bucket, new or known. */
  bucket(caller: string, nowMs: number): Bucket {
    if (nowMs >= this.#endsAtMs || this.#current.size >= GENERATION_MAX) this.#turn(nowMs);
    const known = this.#current.get(caller);
    if (known !== undefined) return known;
    const bucket = this.#previous.get(caller) ?? { tatMs: 0 };
    this.#current.set(caller, bucket);
    return bucket;
  }

  /** Callers remembered; one that is in both generations counts twice. */
  get size(): number {
    return this.#current.size + this.#previous.size;
  }

  #turn(nowMs: number): void {
    const isOverdue = nowMs >= this.#endsAtMs + this.#lifeMs;
    this.#previous = isOverdue ? new Map() : this.#current;
    this.#current = new Map();
    this.#endsAtMs = nowMs + this.#lifeMs;
  }
}

/**
 * The buckets of one kind of caller: a table for each window. Limits with the same window share one, so that a caller's debt
 * outlives a change of its limit; those with different windows never read each other's.
 */
export class WindowTables {
  readonly #tables = new Map<number, BucketTable>();

  /** The table of the limit's window, which from now on keeps buckets for as long as this limit needs. */
  serve(gcra: Gcra): BucketTable {
    let table = this.#tables.get(gcra.windowMs);
    if (table === undefined) {
      table = new BucketTable();
      this.#tables.set(gcra.windowMs, table);
    }
    table.serve(gcra);
    return table;
  }
}
