// The one loop of attempts: deadline, breaker, target, attempt, back-off, and again. Upstreams and integrations differ only in
// how an attempt is sent; that is what a subclass adds.
import { type Alarm, alarms } from './alarm.ts';
import { backoffMs } from './backoff.ts';
import type { Breaker, Pass } from './breaker.ts';
import type { Budget } from './budget.ts';
import { type AttemptResult, type Failure, type Settlement, settlementOf } from './outcome.ts';
import type { Backoff, RetryCondition } from './settings.ts';

/** How a call may be attempted; resolved at load. Times in milliseconds, `Infinity` for none. */
export interface CallPlan {
  /** Until the answer starts, over all attempts and waits. */
  readonly answerMs: number;
  /** One attempt, to its response head. */
  readonly tryMs: number;
  /** Between two bytes, either way. */
  readonly idleMs: number;
  /** The whole exchange. */
  readonly totalMs: number;
  /** Re-tries after the first attempt. */
  readonly retries: number;
  readonly retryOn: ReadonlySet<RetryCondition>;
  readonly backoff: Backoff;
  readonly breaker: Breaker | undefined;
  readonly budget: Budget;
}

/** Why a call ended without an answer. */
export type CallFailure =
  | { readonly kind: 'breaker_open'; readonly retryAfterS: number }
  | { readonly kind: 'no_target' }
  /** The upstream's concurrency is used up. */
  | { readonly kind: 'busy' }
  /** The answer, or the whole exchange, took too long. */
  | { readonly kind: 'deadline'; readonly limit: 'answer' | 'total' }
  /** The client stopped sending its request. */
  | { readonly kind: 'stalled' }
  | { readonly kind: 'attempt'; readonly failure: Failure };

/** What became of a wish to retry; label of `sluice_retries_total`. */
export type RetryOutcome = 'success' | 'failed' | 'budget_exhausted' | 'not_replayable' | 'deadline';

const IDLE = 0;
const ATTEMPT = 1;
const BACKOFF = 2;
const STREAMING = 3;
const ENDED = 4;

const NO_TARGET: CallFailure = { kind: 'no_target' };
const ANSWER_DUE: CallFailure = { kind: 'deadline', limit: 'answer' };
const TOTAL_DUE: CallFailure = { kind: 'deadline', limit: 'total' };
const BUSY: CallFailure = { kind: 'busy' };
const ATTEMPT_TIMEOUT: Failure = { kind: 'timeout', result: 'timeout', unsent: false };
const STALLED: CallFailure = { kind: 'stalled' };

export abstract class Call implements Alarm {
  /** Attempts made so far. */
  attempts = 0;
  readonly #plan: CallPlan;
  #phase = IDLE;
  #retriesLeft: number;
  #pass: Pass | undefined = undefined;
  #startedAt = 0;
  #attemptAt = 0;
  #wakeAt = 0;
  /** When a byte of the answer last moved. */
  #movedAt = 0;
  #retrying = false;
  #lastFailure: CallFailure | undefined = undefined;
  /** @internal of the alarm. */
  dueAt = Number.POSITIVE_INFINITY;
  /** @internal of the alarm. */
  alarmPlace = -1;

  constructor(plan: CallPlan) {
    this.#plan = plan;
    this.#retriesLeft = plan.retries;
  }

  /** Chooses the target of the next attempt, one that has not refused this call yet; false when none is left. */
  protected abstract choose(): boolean;
  /** Sends an attempt to the chosen target. */
  protected abstract send(): void;
  /** Aborts the attempt under way; it must report nothing any more. */
  protected abstract cancel(): void;
  /** Whether the attempt still waits for a connection: nothing of it was sent. */
  protected abstract waits(): boolean;
  /** Whether sending again, after a byte was sent, is safe: the method is idempotent and the body can be replayed. */
  protected abstract repeatable(): boolean;
  /** When the request was complete; undefined while its body still comes, for as long as `uploadMovedAt` stays fresh. */
  protected abstract requestCompleteAt(): number | undefined;
  protected abstract uploadMovedAt(): number;
  /** Whether it is the client that sends no more, and not the target that takes no more. */
  protected abstract clientStalled(): boolean;
  /** The attempt is over, and what it took is free until the next one: its place, and the client's body. */
  protected abstract release(): void;
  /** The call ends without an answer. */
  protected abstract failed(failure: CallFailure): void;
  /** The answer has begun and must be cut off. */
  protected abstract cut(reason: 'idle_timeout' | 'total_timeout'): void;
  /** An attempt is over, at its head or without one. `why` it failed, in words; '' when it did not, or nobody knows. */
  protected abstract attempted(result: AttemptResult, seconds: number, why: string): void;
  /** An attempt brought the call nothing: it failed, or what it answered is discarded. */
  protected abstract lost(result: AttemptResult, why: string): void;
  protected abstract retried(outcome: RetryOutcome): void;

  /** @param startedAt monotonic milliseconds: when the request came. */
  begin(startedAt: number): void {
    this.#startedAt = startedAt;
    this.#plan.budget.request();
    this.#attempt();
  }

  /** The call is over, well or not: stops the clock. Idempotent. */
  end(): void {
    if (this.#phase === ENDED) return;
    this.#phase = ENDED;
    alarms.clear(this);
    this.#settle('ignored');
  }

  /** The client has gone: its leaving says nothing about the target. */
  abandon(): void {
    if (this.#phase === ENDED) return;
    const running = this.#phase === ATTEMPT;
    const streaming = this.#phase === STREAMING;
    this.end();
    if (running) this.attempted('aborted', (performance.now() - this.#attemptAt) / 1000, '');
    if (running || streaming) this.cancel();
  }

  /**
   * The head of a response has come. True: it is the answer, pass it on. False: another attempt follows, discard it.
   *
   * @param retryAfterMs what the response's Retry-After says, 0 for nothing; asked only when it matters.
   */
  protected head(status: number, retryAfterMs: () => number): boolean {
    // 501 says that the upstream works and does not know the method.
    const result = status >= 500 && status !== 501 ? '5xx' : 'ok';
    const why = result === '5xx' ? `status ${status}` : '';
    const now = performance.now();
    this.#over(result, now, why);
    if (this.#plan.retryOn.has(status) && this.#retry(retryAfterMs())) {
      this.lost(result, why === '' ? `status ${status}` : why);
      return false;
    }
    if (this.#retrying) this.retried(result === 'ok' ? 'success' : 'failed');
    this.#phase = STREAMING;
    this.#movedAt = now;
    this.#arm(now);
    return true;
  }

  /** The last byte of the request has come: from here on it is the target's turn. */
  bodyComplete(): void {
    if (this.#phase === ATTEMPT) this.#arm(performance.now());
  }

  /** A byte of the answer moved, in or out. */
  protected moved(): void {
    this.#movedAt = performance.now();
  }

  /** The attempt failed before a response head. */
  protected attemptFailed(failure: Failure, why: string): void {
    if (this.#phase !== ATTEMPT) return;
    this.#over(failure.result, performance.now(), why);
    this.lost(failure.result, why);
    const ended: CallFailure = { kind: 'attempt', failure };
    this.#lastFailure = ended;
    if (failure.unsent) return this.#failOver(ended);
    if (isCondition(failure.result) && this.#plan.retryOn.has(failure.result) && this.#retry(0)) return;
    this.#fail(ended);
  }

  /** Nothing was sent: another target may have it at once, whatever the method; without one the failure is final. */
  #failOver(failure: CallFailure): void {
    if (this.#plan.retries === 0 || !this.#plan.retryOn.has('connect')) return this.#fail(failure);
    this.#attempt(true);
  }

  #over(result: AttemptResult, now: number, why: string): void {
    this.#settle(settlementOf(result), why);
    this.attempted(result, (now - this.#attemptAt) / 1000, why);
  }

  #attempt(failingOver = false): void {
    const { breaker } = this.#plan;
    if (breaker !== undefined) {
      this.#pass = breaker.tryEnter();
      if (this.#pass === undefined) {
        return this.#fail(this.#lastFailure ?? { kind: 'breaker_open', retryAfterS: breaker.retryAfterS() });
      }
    }
    if (!this.choose()) {
      this.#settle('ignored');
      return this.#fail(this.#lastFailure ?? NO_TARGET);
    }
    if (failingOver) this.#beginRetry();
    this.attempts++;
    this.#phase = ATTEMPT;
    const now = performance.now();
    this.#attemptAt = now;
    this.#arm(now);
    this.send();
  }

  /** Plans another attempt if all agree: count, breaker, method and body, deadline, budget. */
  #retry(retryAfterMs: number): boolean {
    if (this.#retriesLeft === 0 || this.#plan.breaker?.state === 'open') return false;
    if (!this.repeatable()) return this.#declined('not_replayable');
    const now = performance.now();
    const retry = this.#plan.retries - this.#retriesLeft + 1;
    const waitMs = backoffMs(this.#plan.backoff, retry, retryAfterMs, this.#deadline(now) - now);
    if (waitMs === undefined) return this.#declined('deadline');
    if (!this.#plan.budget.tryRetry()) return this.#declined('budget_exhausted');
    this.#beginRetry();
    this.#retriesLeft--;
    this.#phase = BACKOFF;
    this.#wakeAt = now + waitMs;
    this.release();
    this.#arm(now);
    return true;
  }

  #beginRetry(): void {
    if (this.#retrying) this.retried('failed');
    this.#retrying = true;
  }

  #declined(outcome: RetryOutcome): false {
    this.retried(outcome);
    return false;
  }

  #fail(failure: CallFailure): void {
    if (this.#retrying) this.retried('failed');
    this.end();
    this.failed(failure);
  }

  #settle(settlement: Settlement, why = ''): void {
    const pass = this.#pass;
    this.#pass = undefined;
    pass?.settle(settlement, why);
  }

  /** When the answer must have started. A long upload is bounded by `idle`, so `answer` counts from the complete request. */
  #deadline(now: number): number {
    const answerAt = Math.max(this.requestCompleteAt() ?? now, this.#startedAt) + this.#plan.answerMs;
    return Math.min(answerAt, this.#totalAt);
  }

  get #totalAt(): number {
    return this.#startedAt + this.#plan.totalMs;
  }

  #dueAt(now: number): number {
    if (this.#phase === BACKOFF) return this.#wakeAt;
    const movedAt = this.uploadMovedAt();
    if (this.#phase === STREAMING) return Math.min(Math.max(this.#movedAt, movedAt) + this.#plan.idleMs, this.#totalAt);
    const completeAt = this.requestCompleteAt();
    if (completeAt === undefined)
      return Math.min(Math.max(movedAt, this.#attemptAt) + this.#plan.idleMs, this.#totalAt);
    return Math.min(this.#deadline(now), Math.max(completeAt, this.#attemptAt) + this.#plan.tryMs);
  }

  #arm(now: number): void {
    const dueAt = this.#dueAt(now);
    if (dueAt === Number.POSITIVE_INFINITY) alarms.clear(this);
    else alarms.set(this, dueAt, now);
  }

  /** @internal the alarm: acts when something is due, else sleeps on: bytes have moved since it was set. */
  onDue(): void {
    if (this.#phase === ENDED) return;
    const now = performance.now();
    if (this.#dueAt(now) - now > 1) return this.#arm(now);
    if (this.#phase === BACKOFF) return now < this.#deadline(now) ? this.#attempt() : this.#fail(this.#dueFailure(now));
    if (this.#phase === ATTEMPT) return this.#timedOut(now);
    const reason = now + 1 >= this.#totalAt ? 'total_timeout' : 'idle_timeout';
    this.end();
    this.cut(reason);
  }

  #timedOut(now: number): void {
    const uploading = this.requestCompleteAt() === undefined;
    const final = now + 1 >= (uploading ? this.#totalAt : this.#deadline(now));
    // Cancelling ends the upload, too: asked afterwards, the client would seem to be held back.
    const stalled = uploading && this.clientStalled();
    const waited = this.waits();
    this.cancel();
    if (waited) {
      // All connections were taken: that is no failure of the target, whoever holds them.
      this.#over('aborted', now, 'all connections of the target were taken');
      return this.#fail(BUSY);
    }
    const why = stalled ? 'the client sent no more' : `no answer after ${Math.round(now - this.#attemptAt)} ms`;
    if (!final && !stalled) return this.attemptFailed(ATTEMPT_TIMEOUT, why);
    // A request that never was complete says nothing about the target.
    const result = uploading ? 'aborted' : 'timeout';
    this.#over(result, now, why);
    this.lost(result, why);
    this.#fail(final ? this.#dueFailure(now) : STALLED);
  }

  #dueFailure(now: number): CallFailure {
    return now + 1 >= this.#totalAt ? TOTAL_DUE : ANSWER_DUE;
  }
}

function isCondition(result: AttemptResult): result is 'timeout' | 'reset' {
  return result === 'timeout' || result === 'reset';
}
