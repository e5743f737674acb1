// State that outlives a reload: limiter tables, counts in flight, breakers of routes. Found again by name.

interface Kept {
  readonly value: object;
  /** The last generation that asked for it. */
  generation: number;
}

/** Keyed by `stateKey`; what no configuration in service asks for any more is dropped. */
export class KeptState {
  readonly #kept = new Map<string, Kept>();

  /** What is kept under `key`, made when there is none. Asking for one key with two types is a bug of the caller. */
  keep<T extends object>(generation: number, key: string, make: () => T): T {
    const kept = this.#kept.get(key);
    if (kept === undefined) {
      const value = make();
      this.#kept.set(key, { value, generation });
      return value;
    }
    kept.generation = Math.max(kept.generation, generation);
    // A key names its kind of state, so what is found under it was made by the same `make`.
    return kept.value as T;
  }

  /** Drops what only configurations before `generation` asked for. */
  dropBefore(generation: number): void {
    for (const [key, kept] of this.#kept) if (kept.generation < generation) this.#kept.delete(key);
  }
}
