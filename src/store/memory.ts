// State of limits in this process: one number per caller, forgotten when its bucket would be full again anyway.
import type { Gcra } from './gcra.ts';

/** Below this, moving busy callers from one generation to the next costs more than the memory is worth. */
const GENERATION_MIN_MS = 10_000;
/** Callers of one generation. Tenants are bounded by the configuration; addresses are not. */
const GENERATION_MAX = 1_000_000;

/** Times by caller. As numbers in one list they cost eight bytes each, and a collection of garbage does not look at them. */
class Generation {
  readonly places = new Map<string, number>();
  readonly times: number[] = [];
}

/** Before the first caller, and after a long silence: thousands of routes may have a limit, and few of them callers. */
const NOBODY = new Generation();

/**
 * Buckets by caller, in two generations. A bucket that is used moves to the current generation; when one has lasted as long
 * as any bucket takes to fill, the one before it holds only full buckets and is let go whole. So there is no sweep, no timer
 * and no pause, and an idle caller costs nothing.
 *
 * A flood of more callers than {@link GENERATION_MAX} ends the generation early: memory stays bounded, and callers idle
 * since before the flood start anew.
 */
export class BucketTable {
  #current = NOBODY;
  #previous = NOBODY;
  #lifeMs = GENERATION_MIN_MS;
  #endsAtMs = 0;

  /** Keeps buckets for as long as this limit needs them. */
  serve(gcra: Gcra): void {
    this.#lifeMs = Math.max(this.#lifeMs, gcra.horizonMs);
  }

  /** Where the bucket of a caller, new or known, is kept: true until the next one is asked for. */
  place(caller: string, nowMs: number): number {
    if (nowMs >= this.#endsAtMs || this.#current.times.length >= GENERATION_MAX) this.#turn(nowMs);
    const { places, times } = this.#current;
    const known = places.get(caller);
    if (known !== undefined) return known;
    const before = this.#previous.places.get(caller);
    const place = times.push(before === undefined ? 0 : (this.#previous.times[before] ?? 0)) - 1;
    places.set(caller, place);
    return place;
  }

  /** `tatMs` of the bucket there. */
  get(place: number): number {
    return this.#current.times[place] ?? 0;
  }

  set(place: number, tatMs: number): void {
    this.#current.times[place] = tatMs;
  }

  /** Callers remembered; one that is in both generations counts twice. */
  get size(): number {
    return this.#current.times.length + this.#previous.times.length;
  }

  #turn(nowMs: number): void {
    const isOverdue = nowMs >= this.#endsAtMs + this.#lifeMs;
    this.#previous = isOverdue ? NOBODY : this.#current;
    this.#current = new Generation();
    this.#endsAtMs = nowMs + this.#lifeMs;
  }
}

/**
 * The buckets of one kind of caller: a table for each window. Limits with the same window share one, so that a caller's debt
 * outlives a change of its limit; those with different windows never read each other's.
 */
export class WindowTables {
  /** Made with the first caller. */
  #tables: Map<number, BucketTable> | undefined = undefined;

  /** The table of the limit's window, which from now on keeps buckets for as long as this limit needs. */
  serve(gcra: Gcra): BucketTable {
    this.#tables ??= new Map();
    let table = this.#tables.get(gcra.windowMs);
    if (table === undefined) {
      table = new BucketTable();
      this.#tables.set(gcra.windowMs, table);
    }
    table.serve(gcra);
    return table;
  }
}
