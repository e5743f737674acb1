// The budget that a vendor grants: when the next call may be sent. One number of GCRA, and what the vendor itself has said.
import type { Rate } from '../../schema/units.ts';
import { type Bucket, Gcra, toTick } from '../../store/gcra.ts';

/** Times are monotonic milliseconds. */
export class Ledger {
  readonly #gcra: Gcra | undefined;
  readonly #bucket: Bucket = { tatMs: 0 };
  readonly #ownSpacingMs: number;
  #pausedUntilMs = 0;
  #slowSpacingMs = 0;
  #slowUntilMs = 0;
  #sentAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param rate undefined for none. A burst of one spaces the calls, so that no window of the rate sees more than its limit
   *   and one.
   */
  constructor(rate: Rate | undefined) {
    this.#gcra = rate === undefined ? undefined : new Gcra(rate, 1);
    this.#ownSpacingMs = rate === undefined ? 0 : rate.windowMs / rate.limit;
  }

  /** Takes over what was spent, and what the vendor has said. */
  adopt(old: Ledger): void {
    this.#bucket.tatMs = old.#bucket.tatMs;
    this.#sentAtMs = old.#sentAtMs;
    this.#pausedUntilMs = old.#pausedUntilMs;
    this.#slowSpacingMs = old.#slowSpacingMs;
    this.#slowUntilMs = old.#slowUntilMs;
  }

  /** How long until a call may be sent; 0: now. */
  waitMs(nowMs: number): number {
    const tick = toTick(nowMs);
    const own = this.#gcra?.waitMs(this.#bucket, tick) ?? 0;
    const slowed = Math.min(this.#sentAtMs + this.#slowSpacingMs, this.#slowUntilMs) - nowMs;
    return Math.max(0, own, slowed, this.#pausedUntilMs - nowMs);
  }

  /** A call is sent. */
  debit(nowMs: number): void {
    this.#gcra?.charge(this.#bucket, toTick(nowMs));
    this.#sentAtMs = nowMs;
  }

  /** Time between two calls that go one after the other. */
  spacingMs(nowMs: number): number {
    return nowMs < this.#slowUntilMs ? Math.max(this.#ownSpacingMs, this.#slowSpacingMs) : this.#ownSpacingMs;
  }

  /** Nothing is sent before then. A pause is never shortened by a later, shorter one. */
  pause(untilMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
  }

  /** Until then, calls are at least so far apart. The vendor's latest word replaces the one before. */
  slow(spacingMs: number, untilMs: number): void {
    this.#slowSpacingMs = spacingMs;
    this.#slowUntilMs = untilMs;
  }
}
