// Several policies as one: in through each gate in order, out again in reverse over those that were entered.
import { type Exchange, slot } from '../exchange/exchange.ts';
import type { Maybe, Policy, Verdict } from './policy.ts';

const entered = slot<number>();

/** At most one sequence per route: what was entered is remembered per exchange. */
export class Sequence implements Policy {
  readonly #policies: readonly Policy[];

  constructor(policies: readonly Policy[]) {
    this.#policies = policies;
  }

  onRequest(x: Exchange): Maybe<Verdict> {
    return this.#gates(x, 0);
  }

  #gates(x: Exchange, from: number): Maybe<Verdict> {
    for (let i = from; i < this.#policies.length; i++) {
      entered.set(x, i + 1);
      const verdict = this.#policies[i]?.onRequest?.(x);
      if (verdict instanceof Promise) return verdict.then((settled) => settled ?? this.#gates(x, i + 1));
      if (verdict !== undefined) return verdict;
    }
    return undefined;
  }

  onResponse(x: Exchange): void {
    for (let i = (entered.get(x) ?? 0) - 1; i >= 0; i--) this.#policies[i]?.onResponse?.(x);
  }

  onEnd(x: Exchange): void {
    this.#ends(x, (entered.get(x) ?? 0) - 1);
  }

  /** One that throws keeps no other from giving back what it took. */
  #ends(x: Exchange, last: number): void {
    for (let i = last; i >= 0; i--) {
      try {
        this.#policies[i]?.onEnd?.(x);
      } catch (error) {
        this.#ends(x, i - 1);
        throw error;
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#policies.map(async (policy) => policy.close?.()));
  }
}
