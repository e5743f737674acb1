// The exchanges under way. Not a Set: V8's hash tables keep their predecessors' entries reachable from old space when they
// churn, which promotes every finished exchange (measured: six times the garbage-collection time).
import type { Exchange } from './exchange.ts';

export class LiveExchanges {
  readonly #all: Exchange[] = [];

  get size(): number {
    return this.#all.length;
  }

  add(x: Exchange): void {
    x.place = this.#all.length;
    this.#all.push(x);
  }

  /** Constant time: the last one takes its place. */
  delete(x: Exchange): void {
    const last = this.#all.pop();
    if (last === undefined || last === x) return;
    last.place = x.place;
    this.#all[x.place] = last;
  }

  /** As of now: ending one while walking through them skips none. */
  all(): readonly Exchange[] {
    return [...this.#all];
  }
}
