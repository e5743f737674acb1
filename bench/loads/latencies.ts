// Times of single units, and what a script says of them in the end.
import type { LoadResult } from '../scenario.ts';

export class Latencies {
  /** Grows by doubling: none is made while the load is on but at a power of two. */
  #millis = new Float64Array(2 ** 16);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(millis: number): void {
    if (this.#count === this.#millis.length) {
      const grown = new Float64Array(2 * this.#count);
      grown.set(this.#millis);
      this.#millis = grown;
    }
    this.#millis[this.#count++] = millis;
  }

  /** Writes the result where the bench reads it. */
  report(seconds: number): void {
    const sorted = this.#millis.subarray(0, this.#count).toSorted();
    const quantile = (share: number): number => sorted[Math.min(this.#count - 1, Math.floor(share * this.#count))] ?? 0;
    const result: LoadResult = {
      units: this.#count,
      unitsPerSecond: this.#count / seconds,
      p50Ms: quantile(0.5),
      p99Ms: quantile(0.99),
    };
    process.stdout.write(JSON.stringify(result));
  }
}
