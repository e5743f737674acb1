// The generic cell rate algorithm: a rate limit in one number per caller.
import type { Rate } from '../schema/units.ts';

/** What is remembered of one caller. The zero of the clock is a full bucket, so a new caller starts with `tatMs` 0. */
export interface Bucket {
  /** Theoretical arrival time: when the bucket is full again, in monotonic milliseconds. */
  tatMs: number;
}

/**
 * Times are whole ticks of 2⁻¹⁶ ms (15 ns). Sums of those are exact in a double for four years of uptime, so no rounding
 * error can ever add up to a request too many.
 */
const TICKS_PER_MS = 2 ** 16;

/** Monotonic milliseconds, cut to the tick the arithmetic is exact in. */
export function toTick(nowMs: number): number {
  return Math.floor(nowMs * TICKS_PER_MS) / TICKS_PER_MS;
}

/**
 * A bucket of `burst` refilled at `limit` ÷ `windowMs`, as the virtual scheduling algorithm (ITU-T I.371 annex A; applied to
 * requests by Brandur Leach's "Rate Limiting, Cells, and GCRA"). In any window it admits at most {@link bound} requests.
 *
 * `waitMs` looks and `charge` takes, so that several limits can all be asked before any is charged. Both expect the same
 * `nowMs` of {@link toTick}. A clock that is read a little early is harmless; a wall clock would not be.
 */
export class Gcra {
  readonly limit: number;
  readonly windowMs: number;
  readonly burst: number;
  /** How far ahead of the clock a bucket's time can run; a bucket untouched for as long is full. */
  readonly horizonMs: number;
  readonly #intervalMs: number;

  /** @param burst requests at once; the limit's own number unless given */
  constructor(rate: Rate, burst: number = rate.limit) {
    this.limit = rate.limit;
    this.windowMs = rate.windowMs;
    this.burst = burst;
    this.#intervalMs = Math.ceil((rate.windowMs / rate.limit) * TICKS_PER_MS) / TICKS_PER_MS;
    // The interval is rounded up; without its share back, a bucket that holds `limit` would need a little more than a window to refill.
    const roundingMs = Math.max(0, rate.limit * this.#intervalMs - rate.windowMs);
    this.horizonMs = burst * this.#intervalMs + Math.min(roundingMs, this.#intervalMs / 2);
  }

  /** The most requests that any window can see admitted. */
  get bound(): number {
    return this.limit + this.burst;
  }

  /** Milliseconds until one more would be admitted; 0 or less: now. */
  waitMs(bucket: Bucket, nowMs: number): number {
    return this.fullAtMs(bucket, nowMs) + this.#intervalMs - this.horizonMs - nowMs;
  }

  /** Takes one from the bucket. */
  charge(bucket: Bucket, nowMs: number): void {
    bucket.tatMs = this.fullAtMs(bucket, nowMs) + this.#intervalMs;
  }

  /** Requests that would be admitted at once. */
  remaining(bucket: Bucket, nowMs: number): number {
    return Math.floor((this.horizonMs - (this.fullAtMs(bucket, nowMs) - nowMs)) / this.#intervalMs);
  }

  /** When the bucket is full. What a slower rate before a reload left behind counts as an empty bucket, no worse. */
  fullAtMs(bucket: Bucket, nowMs: number): number {
    return Math.max(nowMs, Math.min(bucket.tatMs, nowMs + this.horizonMs));
  }
}
