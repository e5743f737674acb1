// Keeps calls to a third party within what it grants: at once while there is room, in turns when there is none.
import Bottleneck from 'bottleneck';
import type { Rate } from '../../schema/units.ts';
import type { Counter, Gauge, Histogram } from '../../telemetry/instruments.ts';
import type { PaceRefusal } from '../../telemetry/integration-metrics.ts';
import { Ledger } from './ledger.ts';
import { type Share, Turns, type Waiting } from './turns.ts';
import { vendorWish } from './vendor-limits.ts';

/** `pace` of an integration. Milliseconds; `Infinity` for no bound. */
export interface PaceSettings {
  readonly rate: Rate | undefined;
  /** Calls in flight. */
  readonly concurrency: number;
  /** Calls that may wait. */
  readonly queue: number;
  /** Longest that one may wait. */
  readonly waitMs: number;
  readonly share: Share;
}

/** A call that wants to be sent. */
export interface Waiter extends Waiting {
  /** Its turn has come: it is in flight from now on, until {@link Pacer.done}. */
  go(): void;
  /** It is not sent. `retryAfterS`: when its turn might have come. */
  refused(why: PaceRefusal, retryAfterS: number): void;
}

export interface PaceEnv {
  readonly depth: Gauge;
  readonly waited: Histogram;
  readonly refusals: Readonly<Record<PaceRefusal, Counter>>;
  /** The vendor asked for a pause. */
  onPause(pauseMs: number, status: number): void;
}

/** Bottleneck takes a few milliseconds to let a job run: the next turn is drawn so long before it is due. */
const DRAW_AHEAD_MS = 5;
/** A shorter pause is the vendor's ordinary pace; and of two that end almost together, one is news. */
const NEWS_FROM_MS = 1_000;
const LOWEST = 0;
const HIGHEST = 9;

/** A call that waits, and since when. */
class Place implements Waiting {
  readonly waiter: Waiter;
  readonly tenant: string;
  readonly priority: number;
  readonly sinceMs: number;

  constructor(waiter: Waiter, sinceMs: number) {
    this.waiter = waiter;
    this.tenant = waiter.tenant;
    this.priority = Math.min(HIGHEST, Math.max(LOWEST, waiter.priority));
    this.sinceMs = sinceMs;
  }
}

/**
 * One vendor's budget. A call goes at once while the budget and the concurrency have room and nobody waits; that costs a look
 * at two numbers. Otherwise it waits: bottleneck draws the priority that is next, and inside it tenants take turns.
 *
 * Bottleneck holds one job for each priority that is waited with, not one for each call: it cannot take back a job of a caller
 * who has left, and it admits only a few hundred jobs a second. Its reservoir is empty but for the turn that the ledger grants.
 */
export class Pacer {
  readonly #env: PaceEnv;
  #settings: PaceSettings;
  #ledger: Ledger;
  #turns: Turns<Place>;
  /** Those who wait, the longest first. */
  readonly #places = new Map<Waiter, Place>();
  #lottery: Bottleneck | undefined = undefined;
  /** Priorities that have a job in bottleneck. */
  readonly #entered = new Set<number>();
  /** A turn was granted and nobody has taken it yet. */
  #granted = false;
  #inFlight = 0;
  #pausedUntilMs = 0;
  #turnTimer: NodeJS.Timeout | undefined = undefined;
  #waitTimer: NodeJS.Timeout | undefined = undefined;

  constructor(settings: PaceSettings, env: PaceEnv) {
    this.#settings = settings;
    this.#env = env;
    this.#ledger = new Ledger(settings.rate);
    this.#turns = new Turns(settings.share);
  }

  /** Goes on under other settings: what was spent stays spent, who waits keeps the place, what is in flight counts. */
  change(settings: PaceSettings): void {
    const before = { ledger: this.#ledger, share: this.#settings.share };
    this.#settings = settings;
    this.#ledger = new Ledger(settings.rate);
    this.#ledger.adopt(before.ledger);
    if (settings.share !== before.share) {
      this.#turns = new Turns(settings.share);
      for (const place of this.#places.values()) this.#turns.add(place);
    }
    clearTimeout(this.#waitTimer);
    this.#waitTimer = undefined;
    this.#expire();
    this.#grant();
  }

  /** Calls that wait. */
  get depth(): number {
    return this.#turns.size;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * True: the call goes at once, and is in flight from now on. False: it waits; `go` or `refused` follows, the latter perhaps
   * before this returns.
   */
  enter(waiter: Waiter): boolean {
    const now = performance.now();
    if (this.#turns.size === 0 && !this.#granted && this.#hasRoom() && this.#ledger.waitMs(now) <= 0) {
      this.#depart(now);
      this.#env.waited.observe(0);
      return true;
    }
    this.#join(new Place(waiter, now), now);
    return false;
  }

  /** A waiting call goes away, and its place is free. Of no effect on one that does not wait. */
  leave(waiter: Waiter): void {
    const place = this.#places.get(waiter);
    if (place === undefined) return;
    this.#turns.remove(place);
    this.#forget(place);
  }

  /** A call in flight has ended, however. */
  done(): void {
    this.#inFlight--;
    this.#grant();
  }

  /** Heeds what an answer says of the vendor's limits, for all calls. */
  observe(status: number, headers: ReadonlyMap<string, string>): void {
    const { pauseMs, slow } = vendorWish(status, headers);
    const now = performance.now();
    if (slow !== undefined) this.#ledger.slow(slow.spacingMs, now + slow.forMs);
    if (pauseMs === 0) return;
    this.#ledger.pause(now + pauseMs);
    if (now + pauseMs < Math.max(now, this.#pausedUntilMs) + NEWS_FROM_MS) return;
    this.#pausedUntilMs = now + pauseMs;
    this.#env.onPause(pauseMs, status);
  }

  /** Milliseconds until a call may be sent, as far as the budget goes. */
  get waitMs(): number {
    return this.#ledger.waitMs(performance.now());
  }

  /** Refuses who still waits, and stops. Idempotent. */
  close(): void {
    for (const { waiter } of this.#places.values()) this.#refuse(waiter, 'wait', 1);
    clearTimeout(this.#turnTimer);
    clearTimeout(this.#waitTimer);
    void this.#lottery?.stop({ dropWaitingJobs: true });
    this.#lottery = undefined;
  }

  #hasRoom(): boolean {
    return this.#inFlight < this.#settings.concurrency;
  }

  #depart(nowMs: number): void {
    this.#ledger.debit(nowMs);
    this.#inFlight++;
  }

  #join(place: Place, nowMs: number): void {
    const dueMs = this.#dueMs(place, nowMs);
    if (dueMs > this.#settings.waitMs) return this.#turnAway(place.waiter, 'wait', dueMs);
    if (this.#turns.size >= this.#settings.queue && !this.#makeRoom(place, nowMs)) {
      return this.#turnAway(place.waiter, 'queue_full', dueMs);
    }
    this.#turns.add(place);
    this.#places.set(place.waiter, place);
    this.#env.depth.value++;
    this.#enter(place.priority);
    this.#expire();
    this.#grant();
  }

  /** When its turn would come, as far as the rate and a pause tell. */
  #dueMs(place: Place, nowMs: number): number {
    return this.#ledger.waitMs(nowMs) + this.#turns.ahead(place) * this.#ledger.spacingMs(nowMs);
  }

  #makeRoom(newcomer: Place, nowMs: number): boolean {
    const given = this.#turns.giveWay(newcomer);
    if (given === undefined) return false;
    this.#forget(given);
    this.#turnAway(given.waiter, 'queue_full', this.#dueMs(given, nowMs));
    return true;
  }

  #turnAway(waiter: Waiter, why: PaceRefusal, dueMs: number): void {
    this.#env.refusals[why].value++;
    waiter.refused(why, Math.max(1, Math.ceil(dueMs / 1000)));
  }

  #refuse(waiter: Waiter, why: PaceRefusal, retryAfterS: number): void {
    this.leave(waiter);
    this.#env.refusals[why].value++;
    waiter.refused(why, retryAfterS);
  }

  #forget(place: Place): void {
    this.#places.delete(place.waiter);
    this.#env.depth.value--;
  }

  /** Bottleneck's 0 is what goes first. */
  #enter(priority: number): void {
    if (this.#entered.has(priority)) return;
    this.#entered.add(priority);
    this.#lottery ??= new Bottleneck({ reservoir: 0, highWater: HIGHEST + 1 });
    this.#lottery.schedule({ priority: HIGHEST - priority }, async () => this.#drawn(priority)).catch(ignoreStopped);
  }

  /** Grants the next turn, when it is due, to whom bottleneck draws. */
  #grant(): void {
    if (this.#granted || this.#turns.size === 0 || !this.#hasRoom()) return;
    const waitMs = this.#ledger.waitMs(performance.now());
    clearTimeout(this.#turnTimer);
    if (waitMs > DRAW_AHEAD_MS) {
      this.#turnTimer = setTimeout(() => this.#grant(), waitMs - DRAW_AHEAD_MS);
      return;
    }
    this.#granted = true;
    void this.#lottery?.incrementReservoir(1);
  }

  /** A turn was drawn with this priority; it is taken when the budget has room. */
  #drawn(priority: number): void {
    this.#entered.delete(priority);
    this.#take(priority);
  }

  /**
   * Between the draw and the turn, which a pause may put off, somebody may have come who goes before. A draw takes a few
   * milliseconds: it stands for all places that became free meanwhile.
   */
  #take(drawn: number): void {
    const now = performance.now();
    const waitMs = this.#turns.size > 0 ? this.#ledger.waitMs(now) : 0;
    if (waitMs > 0) {
      this.#turnTimer = setTimeout(() => this.#take(drawn), Math.ceil(waitMs));
      return;
    }
    while (this.#turns.size > 0 && this.#hasRoom() && this.#ledger.waitMs(now) <= 0) this.#next(now);
    this.#granted = false;
    if (this.#turns.has(drawn)) this.#enter(drawn);
    this.#grant();
  }

  #next(nowMs: number): void {
    const place = this.#turns.next(this.#turns.highest());
    if (place === undefined) return;
    this.#depart(nowMs);
    this.#forget(place);
    this.#env.waited.observe((nowMs - place.sinceMs) / 1000);
    place.waiter.go();
  }

  /** Who has waited too long is refused. All wait equally long, so the first that came is the first to go. */
  #expire(): void {
    if (this.#waitTimer !== undefined || this.#settings.waitMs === Number.POSITIVE_INFINITY) return;
    const oldest = this.#places.values().next().value;
    if (oldest === undefined) return;
    const leftMs = oldest.sinceMs + this.#settings.waitMs - performance.now();
    this.#waitTimer = setTimeout(() => this.#expireNow(), Math.max(1, Math.ceil(leftMs)));
  }

  #expireNow(): void {
    this.#waitTimer = undefined;
    const now = performance.now();
    for (const place of this.#places.values()) {
      if (place.sinceMs + this.#settings.waitMs > now) break;
      this.#refuse(place.waiter, 'wait', Math.max(1, Math.ceil(this.#dueMs(place, now) / 1000)));
    }
    this.#expire();
  }
}

/** A job that was dropped because the pacer closed. */
function ignoreStopped(error: unknown): void {
  if (!(error instanceof Bottleneck.BottleneckError)) throw error;
}
