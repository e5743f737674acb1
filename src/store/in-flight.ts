// How many requests each caller has in flight.

/** Counts by caller; a caller with none in flight costs nothing. */
export class InFlight {
  readonly #counts = new Map<string, number>();

  count(caller: string): number {
    return this.#counts.get(caller) ?? 0;
  }

  take(caller: string): void {
    this.#counts.set(caller, this.count(caller) + 1);
  }

  /** Gives one back; pair it with exactly one `take`. */
  release(caller: string): void {
    const left = this.count(caller) - 1;
    if (left > 0) this.#counts.set(caller, left);
    else this.#counts.delete(caller);
  }

  /** Callers with requests in flight. */
  get size(): number {
    return this.#counts.size;
  }
}
