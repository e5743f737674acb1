// Passive health: a target whose attempts keep failing is left out for a while, longer each time, and comes back gradually.
import type { EjectSettings } from './settings.ts';
import type { Target } from './target.ts';

/** An ejection is never longer than this many times `for`. */
const LONGEST = 10;

export interface EjectionHooks {
  onEjected(target: Target, forMs: number): void;
  onReturned(target: Target): void;
}

/** Source: Envoy's outlier detection (consecutive failures, base time × count, largest share ejected). */
export class Ejection {
  readonly #settings: EjectSettings;
  readonly #targets: readonly Target[];
  readonly #hooks: EjectionHooks;
  readonly #now: () => number;
  readonly #most: number;

  /** @param now monotonic milliseconds. */
  constructor(settings: EjectSettings, targets: readonly Target[], hooks: EjectionHooks, now: () => number) {
    this.#settings = settings;
    this.#targets = targets;
    this.#hooks = hooks;
    this.#now = now;
    this.#most = targets.length < 2 ? 0 : Math.floor(targets.length * settings.max);
  }

  /** Failed attempts in a row for which a target is ejected. */
  get failuresMax(): number {
    return this.#settings.failures;
  }

  /** One more attempt has failed on a target. */
  failed(target: Target): void {
    if (target.failures < this.failuresMax || target.ejectedUntil !== 0) return;
    const now = this.#now();
    if (this.#ejected(now) < this.#most) this.#eject(target, now);
  }

  /** Lets a target back in when its time is over. */
  refresh(target: Target, now: number): void {
    if (target.ejectedUntil === 0 || now < target.ejectedUntil) return;
    target.ejectedUntil = 0;
    target.returnedAt = now;
    target.failures = 0;
    target.credit = 0;
    this.#hooks.onReturned(target);
  }

  #eject(target: Target, now: number): void {
    // Good for as long as it was last away: that is forgiven.
    const forgiven = now - target.returnedAt >= this.#lengthMs(target.ejections);
    target.ejections = forgiven ? 1 : target.ejections + 1;
    const forMs = this.#lengthMs(target.ejections);
    target.ejectedUntil = now + forMs;
    this.#hooks.onEjected(target, forMs);
  }

  #lengthMs(ejections: number): number {
    return this.#settings.for * Math.min(ejections, LONGEST);
  }

  #ejected(now: number): number {
    let ejected = 0;
    for (const target of this.#targets) if (target.ejectedUntil > now) ejected += 1;
    return ejected;
  }
}
