// The circuit breaker: opossum's window and state machine, behind an adapter that decides who may enter and what counts.
import { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import type { BreakerState } from '../telemetry/upstream-metrics.ts';
import type { Settlement } from './outcome.ts';
import type { BreakerSettings } from './settings.ts';

export type { BreakerState };

/** Leave to make one attempt. */
export interface Pass {
  /** Says what became of the attempt, and why it failed. Only the first call counts; every pass must get one. */
  settle(settlement: Settlement, why?: string): void;
}

/** A change of state, and what led to it. */
export interface Transition {
  readonly to: BreakerState;
  /** Failed attempts, and all of them, in the window. */
  readonly failed: number;
  readonly attempts: number;
  /** Why the last of them failed; '' when nobody said. */
  readonly lastError: string;
  /** How long it stays open; 0 in other states. */
  readonly openMs: number;
}

export interface BreakerHooks {
  /** After each change of state. */
  readonly onTransition?: (transition: Transition) => void;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

const BUCKETS = 10;
const SETTLEMENTS_PER_TRIM = 1024;
/** opossum opens above its threshold, ours is at it. */
const JUST_BELOW = 1e-9;

const FAILED = new Error('the attempt failed');
const SUCCEEDED = Promise.resolve();

/**
 * Opens when, of at least `min` attempts in `window`, the share `failures` or more have failed. After `open` it lets one
 * probe through: its success closes, its failure opens again.
 *
 * opossum is fired when an attempt *settles*, not when it starts, so that nothing but a counted outcome ever reaches it: an
 * attempt that is ignored (the client left), or that began under an earlier state, cannot close, trip, dilute or block it.
 */
export class Breaker {
  /** The upstream's name, or `route:NAME`: a metric label. */
  readonly label: string;
  readonly settings: BreakerSettings;
  readonly #hooks: BreakerHooks;
  readonly #now: () => number;
  readonly #rotation = new EventEmitter();
  readonly #options: CircuitBreaker.Options<[boolean]>;
  readonly #circuit: CircuitBreaker<[boolean], void>;
  readonly #record: Settle = (generation, settlement, why) => this.#settle(generation, settlement, why);
  #state: BreakerState = 'closed';
  /** Changes with every state and every probe; a settlement from another one is out of date. */
  #generation = 0;
  #probeAt: number | undefined = undefined;
  #opensUntil = 0;
  #lastError = '';
  #rotatedAt: number;
  #untrimmed = 0;
  #announces = true;
  #heir: Breaker | undefined = undefined;

  constructor(label: string, settings: BreakerSettings, hooks: BreakerHooks = {}) {
    this.label = label;
    this.settings = settings;
    this.#hooks = hooks;
    this.#now = hooks.now ?? (() => performance.now());
    this.#rotatedAt = this.#now();
    this.#options = {
      name: label,
      timeout: false,
      errorThresholdPercentage: settings.failures * 100 - JUST_BELOW,
      volumeThreshold: settings.min,
      resetTimeout: settings.open,
      rollingCountTimeout: settings.window,
      rollingCountBuckets: BUCKETS,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      // The window moves by our clock when something settles: an idle breaker costs no timer and no turn of the loop.
      rotateBucketController: this.#rotation,
    };
    this.#circuit = new CircuitBreaker(act, this.#options);
    this.#circuit.on('open', () => this.#enter('open'));
    this.#circuit.on('halfOpen', () => this.#enter('half_open'));
    this.#circuit.on('close', () => this.#enter('closed'));
  }

  get state(): BreakerState {
    return this.#heir?.state ?? this.#state;
  }

  /** Leave for one attempt, or undefined when it must not be made. */
  tryEnter(): Pass | undefined {
    if (this.#heir !== undefined) return this.#heir.tryEnter();
    if (this.#state === 'closed') return new Entry(this.#record, this.#generation);
    if (this.#state === 'open') return undefined;
    const now = this.#now();
    // A probe that has not settled for as long as the breaker was open is given up: another may go.
    if (this.#probeAt !== undefined && now - this.#probeAt < this.settings.open) return undefined;
    this.#probeAt = now;
    this.#generation += 1;
    return new Entry(this.#record, this.#generation);
  }

  /** Whole seconds until the next probe may go, at least 1: `Retry-After` of a refusal. */
  retryAfterS(): number {
    if (this.#heir !== undefined) return this.#heir.retryAfterS();
    if (this.#state !== 'open') return 1;
    return Math.max(1, Math.ceil((this.#opensUntil - this.#now()) / 1000));
  }

  /** Until the next probe may go, while it is open; else undefined. */
  nextProbeMs(): number | undefined {
    if (this.#heir !== undefined) return this.#heir.nextProbeMs();
    return this.#state === 'open' ? Math.max(0, this.#opensUntil - this.#now()) : undefined;
  }

  /**
   * Takes over from the breaker of an earlier configuration: one that is open stays so for what remains of its time. What
   * still enters by the old one is let in by this one.
   */
  adopt(old: Breaker): void {
    this.#lastError = old.#lastError;
    if (old.#state !== 'closed') {
      const remainingMs = old.#state === 'open' ? old.#opensUntil - this.#now() : 0;
      this.#options.resetTimeout = Math.min(this.settings.open, Math.max(1, Math.ceil(remainingMs)));
      // A state that was there before is no transition.
      this.#announces = false;
      this.#circuit.open();
      this.#announces = true;
      this.#options.resetTimeout = this.settings.open;
    }
    old.shutdown();
    old.#heir = this;
  }

  /** Stops its timer. Entries are let through afterwards and settle without effect. */
  shutdown(): void {
    this.#generation += 1;
    this.#state = 'closed';
    this.#circuit.shutdown();
  }

  #settle(generation: number, settlement: Settlement, why: string): void {
    if (generation !== this.#generation || this.#circuit.isShutdown) return;
    if (settlement === 'ignored') {
      this.#probeAt = undefined;
      return;
    }
    this.#rotate();
    this.#trim();
    if (settlement === 'success' && this.#state === 'closed') {
      // All that a success means to a closed circuit, without the three promises that `fire` makes of it.
      this.#circuit.emit('fire');
      this.#circuit.emit('success');
      return;
    }
    if (settlement === 'failure') this.#lastError = why;
    // Settled at once and read by events: the promise itself says nothing new.
    this.#circuit.fire(settlement === 'failure').catch(ignore);
  }

  #enter(state: BreakerState): void {
    const { failures: failed, fires: attempts } = this.#circuit.stats;
    const openMs = state === 'open' ? (this.#options.resetTimeout ?? 0) : 0;
    this.#state = state;
    this.#generation += 1;
    this.#probeAt = undefined;
    if (state === 'open') this.#opensUntil = this.#now() + openMs;
    // What tripped it is history: otherwise the first failure after closing would trip it again.
    if (state === 'closed') this.#turn(BUCKETS);
    if (!this.#announces) return;
    this.#hooks.onTransition?.({ to: state, failed, attempts, lastError: this.#lastError, openMs });
  }

  #rotate(): void {
    const bucketMs = this.settings.window / BUCKETS;
    const due = Math.floor((this.#now() - this.#rotatedAt) / bucketMs);
    if (due <= 0) return;
    this.#rotatedAt += due * bucketMs;
    this.#turn(Math.min(due, BUCKETS));
  }

  #turn(buckets: number): void {
    for (let turned = 0; turned < buckets; turned++) this.#rotation.emit('rotate');
  }

  /** opossum keeps every latency of the window, used or not. */
  #trim(): void {
    this.#untrimmed += 1;
    if (this.#untrimmed < SETTLEMENTS_PER_TRIM) return;
    this.#untrimmed = 0;
    for (const bucket of this.#circuit.status.window) bucket.latencyTimes.length = 0;
  }
}

// Throwing is how opossum counts a failure within the same call, before anyone else can enter.
function act(failed: boolean): Promise<void> {
  if (failed) throw FAILED;
  return SUCCEEDED;
}

function ignore(): void {}

type Settle = (generation: number, settlement: Settlement, why: string) => void;

class Entry implements Pass {
  readonly #record: Settle;
  readonly #generation: number;
  #settled = false;

  constructor(record: Settle, generation: number) {
    this.#record = record;
    this.#generation = generation;
  }

  settle(settlement: Settlement, why = ''): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#record(this.#generation, settlement, why);
  }
}
