// The retry budget of one upstream: however badly it fails, retries stay a small share of the traffic.
import type { BudgetSettings } from './settings.ts';

const RATIO_WINDOW_MS = 10_000;

/**
 * Retries are at most `ratio` of the requests in a sliding 10 s, plus `min` in any sliding window of its own length. So over
 * any time t: attempts ≤ (1 + ratio) × requests + min × t (rounded up to whole windows of `min`).
 *
 * Constant time and memory, no timers. Source: Finagle's `RetryBudget`, Envoy's `retry_budget`.
 */
export class Budget {
  readonly #ratio: number;
  readonly #least: number;
  readonly #now: () => number;
  #requests = new SlidingCount(RATIO_WINDOW_MS);
  #retriesByRatio = new SlidingCount(RATIO_WINDOW_MS);
  #retriesByLeast: SlidingCount;

  /** @param now monotonic milliseconds. */
  constructor(settings: BudgetSettings, now: () => number = () => performance.now()) {
    this.#ratio = settings.ratio;
    this.#least = settings.min.limit;
    this.#retriesByLeast = new SlidingCount(settings.min.windowMs);
    this.#now = now;
  }

  /** Counts on with the budget of an earlier configuration, whose calls may still be under way: a reload grants nothing extra. */
  adopt(old: Budget): void {
    this.#requests = old.#requests;
    this.#retriesByRatio = old.#retriesByRatio;
    if (this.#retriesByLeast.windowMs === old.#retriesByLeast.windowMs) this.#retriesByLeast = old.#retriesByLeast;
  }

  /** Counts a request: the first attempt of each call. */
  request(): void {
    this.#requests.add(this.#now());
  }

  /** Takes one retry out of the budget; false when it is exhausted. */
  tryRetry(): boolean {
    const now = this.#now();
    if (this.#retriesByRatio.sum(now) + 1 <= this.#ratio * this.#requests.sum(now)) {
      this.#retriesByRatio.add(now);
      return true;
    }
    if (this.#retriesByLeast.sum(now) + 1 > this.#least) return false;
    this.#retriesByLeast.add(now);
    return true;
  }
}

const SLOTS_PER_WINDOW = 10;
/** One more than a window has, so that whatever happened within the window is counted whole. */
const SLOTS = SLOTS_PER_WINDOW + 1;

/** Counts events over a sliding window, to a tenth of it; an event is forgotten only when it is older than the window. */
class SlidingCount {
  readonly windowMs: number;
  readonly #slotMs: number;
  readonly #slots = new Float64Array(SLOTS);
  #sum = 0;
  /** Index of the newest slot since time 0. */
  #newest = 0;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
    this.#slotMs = windowMs / SLOTS_PER_WINDOW;
  }

  add(now: number): void {
    this.#advance(now);
    const slot = this.#newest % SLOTS;
    this.#slots[slot] = (this.#slots[slot] ?? 0) + 1;
    this.#sum += 1;
  }

  sum(now: number): number {
    this.#advance(now);
    return this.#sum;
  }

  #advance(now: number): void {
    const current = Math.floor(now / this.#slotMs);
    if (current <= this.#newest) return;
    if (current - this.#newest >= SLOTS) {
      this.#slots.fill(0);
      this.#sum = 0;
    } else {
      for (let each = this.#newest + 1; each <= current; each++) {
        this.#sum -= this.#slots[each % SLOTS] ?? 0;
        this.#slots[each % SLOTS] = 0;
      }
    }
    this.#newest = current;
  }
}
