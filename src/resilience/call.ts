// The one loop of attempts: deadline, breaker, attempt, back-off, and again. What is sent, and where, is for an Attempt to know.
import type { Exchange } from '../exchange/exchange.ts';
import type { RetryOutcome, UpstreamMetrics } from '../telemetry/upstream-metrics.ts';
import { type Alarm, alarms } from './alarm.ts';
import { backoffMs } from './backoff.ts';
import type { Breaker, Pass } from './breaker.ts';
import type { Budget } from './budget.ts';
import { ANSWER_DUE, BUSY, type CallFailure, NO_TARGET, STALLED, TOTAL_DUE } from './call-failure.ts';
import { type AttemptResult, type Failure, type Settlement, settlementOf } from './outcome.ts';
import type { Backoff, RetryCondition } from './settings.ts';

/** How a call may be attempted; resolved at load. Times in milliseconds, `Infinity` for none. */
export interface CallTerms {
  /** Until the answer starts, over all attempts and waits. */
  readonly answerMs: number;
  /** One attempt, to its response head. */
  readonly tryMs: number;
  /** Between two bytes, either way; the client's body says how slowly it may come (`RequestBody.overdueAt`). */
  readonly idleMs: number;
  /** The whole exchange. */
  readonly totalMs: number;
  /** Re-tries after the first attempt. */
  readonly retries: number;
  readonly retryOn: ReadonlySet<RetryCondition>;
  readonly backoff: Backoff;
  readonly breaker: Breaker | undefined;
  readonly budget: Budget;
  readonly metrics: UpstreamMetrics;
}

/** One try on the wire. It tells its call what it brings: `head` or `attemptFailed`, and at last `end`. */
export interface Attempt {
  /** Where it goes, as the log says it. */
  readonly target: string;
  /** It stands in line: nothing of it has been sent. */
  readonly waits: boolean;
  send(): void;
  /** Ends it, whatever it is at; it must tell nothing any more. */
  cancel(): void;
}

const IDLE = 0;
const ATTEMPT = 1;
const BACKOFF = 2;
const STREAMING = 3;
const ENDED = 4;
/** It waits until it may make an attempt at all. */
const TURN = 5;

const ATTEMPT_TIMEOUT: Failure = { kind: 'timeout', result: 'timeout', unsent: false };

/** Failed attempts that are remembered for the log. */
const FAILED_MAX = 8;

/**
 * A subclass makes the attempts and answers for the call that got nothing; that is all an upstream and a third party differ in.
 * `head`, `attemptFailed`, `moved` and `end` are for what it hears of the attempt under way.
 */
export abstract class Call<Terms extends CallTerms> implements Alarm {
  protected readonly x: Exchange;
  protected readonly terms: Terms;
  #attempt: Attempt | undefined = undefined;
  #phase = IDLE;
  #retriesLeft: number;
  #pass: Pass | undefined = undefined;
  #begunAt = 0;
  #attemptAt = 0;
  #wakeAt = 0;
  /** When a byte of the answer last moved. */
  #movedAt = 0;
  #retrying = false;
  /** The last attempt got no connection. */
  #unreached = false;
  #lastFailure: CallFailure | undefined = undefined;
  /** @internal of the alarm. */
  dueAt = Number.POSITIVE_INFINITY;
  /** @internal of the alarm. */
  alarmPlace = -1;

  constructor(x: Exchange, terms: Terms) {
    this.x = x;
    this.terms = terms;
    this.#retriesLeft = terms.retries;
  }

  /**
   * The next attempt, not yet sent; undefined when nobody is left to ask.
   *
   * @param unreached the one before got no connection: where it went is not to be asked again.
   */
  protected abstract next(unreached: boolean): Attempt | undefined;
  /** Whether sending again, after a byte was sent, is safe: the method is idempotent and the body can be replayed. */
  protected abstract repeatable(): boolean;
  /** The call ends without an answer. */
  protected abstract failed(failure: CallFailure): void;
  /** Whether an attempt may be made now. False: `proceed` says when, or the call has ended. */
  protected ready(): boolean {
    return true;
  }
  /** An attempt is over, at its head or without one. `why` it failed, in words; '' when it did not, or nobody knows. */
  protected judged(_result: AttemptResult, _why: string): void {}
  /** Between two attempts: what the last one took is free. */
  protected released(): void {}

  /** Makes the first attempt. */
  protected begin(): void {
    const now = performance.now();
    this.#begunAt = now;
    this.terms.budget.request();
    this.#try(false, now);
  }

  /** The attempt that waited to be made is made. */
  protected proceed(): void {
    if (this.#phase === TURN) this.#attemptNow(this.#unreached, performance.now());
  }

  /** The answer was of no use for a reason that is mended now: another attempt, which is no retry. */
  protected again(): void {
    const now = performance.now();
    this.#over('ok', now, '');
    this.released();
    this.#try(false, now);
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
    if (running) this.#count('aborted', performance.now(), '');
    if (running || streaming) this.#attempt?.cancel();
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
    if (this.terms.retryOn.has(status) && this.#retry(retryAfterMs())) {
      this.#lost(result, why === '' ? `status ${status}` : why);
      this.#lastFailure = undefined;
      return false;
    }
    if (this.#retrying) this.#retried(result === 'ok' ? 'success' : 'failed');
    this.waited(now);
    this.#phase = STREAMING;
    this.#movedAt = now;
    this.#arm(now);
    return true;
  }

  /** The answer has begun, or there is none: so long has the exchange waited for others. */
  protected waited(now: number): void {
    this.x.upstreamMs = now - this.#begunAt;
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
    this.#lost(failure.result, why);
    const ended: CallFailure = { kind: 'attempt', failure };
    this.#lastFailure = ended;
    if (failure.unsent) return this.#failOver(ended);
    if (isCondition(failure.result) && this.terms.retryOn.has(failure.result) && this.#retry(0)) return;
    this.#fail(ended);
  }

  /** Nothing was sent: another target may have it at once, whatever the method; without one the failure is final. */
  #failOver(failure: CallFailure): void {
    if (this.terms.retries === 0 || !this.terms.retryOn.has('connect')) return this.#fail(failure);
    this.#try(true, performance.now());
  }

  #over(result: AttemptResult, now: number, why: string): void {
    this.#settle(settlementOf(result), why);
    this.#count(result, now, why);
  }

  #count(result: AttemptResult, now: number, why: string): void {
    const { metrics } = this.terms;
    metrics.attempts[result].value++;
    metrics.attemptFinished((now - this.#attemptAt) / 1000);
    this.judged(result, why);
  }

  /** An attempt brought the call nothing: it failed, or what it answered is discarded. */
  #lost(result: AttemptResult, error: string): void {
    const { x } = this;
    x.error = error;
    x.failed ??= [];
    if (x.failed.length < FAILED_MAX) x.failed.push({ target: this.#attempt?.target ?? '', result, error });
  }

  /** @param failingOver the last attempt got no connection, and nothing of it was sent. */
  #try(failingOver: boolean, now: number): void {
    this.#phase = TURN;
    this.#unreached = failingOver;
    if (this.ready()) return this.#attemptNow(failingOver, now);
    if (this.#phase === TURN) this.#arm(now);
  }

  #attemptNow(failingOver: boolean, now: number): void {
    const { breaker } = this.terms;
    if (breaker !== undefined) {
      this.#pass = breaker.tryEnter();
      if (this.#pass === undefined) {
        return this.#fail(this.#lastFailure ?? { kind: 'breaker_open', retryAfterS: breaker.retryAfterS() });
      }
    }
    const attempt = this.next(failingOver);
    if (attempt === undefined) {
      this.#settle('ignored');
      return this.#fail(this.#lastFailure ?? NO_TARGET);
    }
    if (failingOver) this.#beginRetry();
    const { x } = this;
    x.target = attempt.target;
    x.attempts += 1;
    this.#attempt = attempt;
    this.#phase = ATTEMPT;
    this.#attemptAt = now;
    this.#arm(now);
    attempt.send();
  }

  /** Plans another attempt if all agree: count, breaker, method and body, deadline, budget. */
  #retry(retryAfterMs: number): boolean {
    if (this.#retriesLeft === 0 || this.terms.breaker?.state === 'open') return false;
    if (!this.repeatable()) return this.#declined('not_replayable');
    const now = performance.now();
    const retry = this.terms.retries - this.#retriesLeft + 1;
    const waitMs = backoffMs(this.terms.backoff, retry, retryAfterMs, this.#deadline(now) - now);
    if (waitMs === undefined) return this.#declined('deadline');
    if (!this.terms.budget.tryRetry()) return this.#declined('budget_exhausted');
    this.#beginRetry();
    this.#retriesLeft--;
    this.#phase = BACKOFF;
    this.#wakeAt = now + waitMs;
    this.x.body.release();
    this.released();
    this.#arm(now);
    return true;
  }

  #beginRetry(): void {
    if (this.#retrying) this.#retried('failed');
    this.#retrying = true;
  }

  #declined(outcome: RetryOutcome): false {
    this.#retried(outcome);
    return false;
  }

  #retried(outcome: RetryOutcome): void {
    this.terms.metrics.retries[outcome].value++;
  }

  #fail(failure: CallFailure): void {
    if (this.#retrying) this.#retried('failed');
    this.waited(performance.now());
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
    const { x, terms } = this;
    const completeAt = this.#uploading ? now : x.body.completedAt;
    return Math.min(Math.max(completeAt, x.startedAt) + terms.answerMs, this.#totalAt);
  }

  /** The client has not sent its whole request yet. */
  get #uploading(): boolean {
    const { body } = this.x;
    return body.present && !body.complete;
  }

  get #totalAt(): number {
    return this.x.startedAt + this.terms.totalMs;
  }

  #dueAt(now: number): number {
    if (this.#phase === BACKOFF) return this.#wakeAt;
    if (this.#phase === TURN) return this.#deadline(now);
    const { body } = this.x;
    const { idleMs, tryMs } = this.terms;
    if (this.#phase === STREAMING) return Math.min(Math.max(this.#movedAt, body.movedAt) + idleMs, this.#totalAt);
    if (this.#uploading) {
      return Math.min(Math.max(body.movedAt, this.#attemptAt) + idleMs, body.overdueAt, this.#totalAt);
    }
    return Math.min(this.#deadline(now), Math.max(body.completedAt, this.#attemptAt) + tryMs);
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
    if (this.#phase === BACKOFF)
      return now < this.#deadline(now) ? this.#try(false, now) : this.#fail(this.#dueFailure(now));
    if (this.#phase === ATTEMPT) return this.#timedOut(now);
    if (this.#phase === TURN) return this.#fail(this.#dueFailure(now));
    this.#cut(now);
  }

  /** The answer has begun: all that can be said is that it is not whole. */
  #cut(now: number): void {
    const { x, terms } = this;
    const total = now + 1 >= this.#totalAt;
    this.end();
    // What has come and is not out waits for the client, whatever the upstream does.
    const silence = x.res.writableLength > 0 ? 'the client took no byte' : 'no byte';
    x.error = total ? `not complete within ${terms.totalMs} ms` : `${silence} for ${terms.idleMs} ms`;
    this.#attempt?.cancel();
    x.reply.abort(total ? 'upstream.total_timeout' : 'upstream.idle_timeout');
  }

  #timedOut(now: number): void {
    const uploading = this.#uploading;
    const final = now + 1 >= (uploading ? this.#totalAt : this.#deadline(now));
    // Cancelling ends the upload, too: asked afterwards, the client would seem to be held back.
    const { overdueAt, heldBack } = this.x.body;
    const slow = now + 1 >= overdueAt;
    const stalled = uploading && (slow || !heldBack);
    const waited = this.#attempt?.waits ?? false;
    this.#attempt?.cancel();
    if (waited) {
      // All connections were taken: that is no failure of the target, whoever holds them.
      this.x.error = 'all connections of the target were taken';
      this.#over('aborted', now, this.x.error);
      return this.#fail(BUSY);
    }
    const silence = slow ? 'the client sends too slowly' : 'the client sent no more';
    const why = stalled ? silence : `no answer after ${Math.round(now - this.#attemptAt)} ms`;
    if (!final && !stalled) return this.attemptFailed(ATTEMPT_TIMEOUT, why);
    // A request that never was complete says nothing about the target.
    const result = uploading ? 'aborted' : 'timeout';
    this.#over(result, now, why);
    this.#lost(result, why);
    this.#fail(final ? this.#dueFailure(now) : STALLED);
  }

  #dueFailure(now: number): CallFailure {
    return now + 1 >= this.#totalAt ? TOTAL_DUE : ANSWER_DUE;
  }
}

function isCondition(result: AttemptResult): result is 'timeout' | 'reset' {
  return result === 'timeout' || result === 'reset';
}
