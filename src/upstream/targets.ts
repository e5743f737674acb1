// The targets of one upstream, and the choice of one of them for each attempt.
import { byHash, type Choose, leastPending, roundRobin } from './balance.ts';
import type { Target, TargetState } from './target.ts';

const NONE: readonly Target[] = [];

export type TargetCounts = Readonly<Record<TargetState, number>>;

export class Targets {
  readonly all: readonly Target[];
  readonly #choose: Choose;
  readonly #now: () => number;

  /** @param now monotonic milliseconds. */
  constructor(all: readonly Target[], balance: 'least_pending' | 'round_robin', now: () => number) {
    this.all = all;
    this.#choose = balance === 'round_robin' ? roundRobin : leastPending;
    this.#now = now;
  }

  /**
   * A target for the next attempt: healthy and not the one to avoid, else healthy, else ejected.
   *
   * @param hashKey what keeps belonging together on one target; undefined or '' without.
   * @param excluded never these: they could not be reached.
   * @param avoid where the last attempt went, preferably not again.
   * @returns undefined when active checks find every other target unhealthy.
   */
  pick(hashKey: string | undefined, excluded: readonly Target[] = NONE, avoid?: Target): Target | undefined {
    const now = this.#now();
    return (
      this.#healthy(hashKey, excluded, avoid, now) ??
      (avoid === undefined ? undefined : this.#healthy(hashKey, excluded, undefined, now)) ??
      this.#ejected(hashKey, excluded)
    );
  }

  /** How many targets are in which state. */
  counts(): TargetCounts {
    const counts = { healthy: 0, unhealthy: 0, ejected: 0 };
    const now = this.#now();
    for (const target of this.all) {
      target.ejection?.refresh(target, now);
      counts[target.state] += 1;
    }
    return counts;
  }

  #healthy(
    hashKey: string | undefined,
    excluded: readonly Target[],
    avoid: Target | undefined,
    now: number,
  ): Target | undefined {
    for (const target of this.all) {
      target.ejection?.refresh(target, now);
      const out = target.unhealthy || target.ejectedUntil !== 0 || target === avoid || excluded.includes(target);
      target.share = out ? 0 : target.shareAt(now);
    }
    return this.#chosen(hashKey);
  }

  #ejected(hashKey: string | undefined, excluded: readonly Target[]): Target | undefined {
    for (const target of this.all) {
      target.share = target.unhealthy || excluded.includes(target) ? 0 : target.weight;
    }
    return this.#chosen(hashKey);
  }

  #chosen(hashKey: string | undefined): Target | undefined {
    return hashKey === undefined || hashKey === '' ? this.#choose(this.all) : byHash(this.all, hashKey);
  }
}
