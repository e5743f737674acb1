// A call to the targets of an upstream, whatever it is made of: where each attempt goes, and what is taken and given back.
import type { Exchange } from '../exchange/exchange.ts';
import { Call, type CallFailure, type RetryOutcome } from '../resilience/call.ts';
import { causeOf } from '../resilience/cause.ts';
import type { AttemptResult, Failure } from '../resilience/outcome.ts';
import { retryAfterMs } from '../resilience/retry-after.ts';
import type { AttemptListener } from './attempt.ts';
import { answerFailure } from './failure.ts';
import type { ForwardPlan } from './forward.ts';
import { requestHeaders } from './request-headers.ts';
import { fieldOf, type ParsedHeaders, type RawHeaders, responseHeaders, UNPARSED } from './response-headers.ts';
import type { Target } from './target.ts';

/** Failed attempts that are remembered for the log. */
const FAILED_MAX = 8;
/** `requestHeaders` puts Host first. */
const HOST_VALUE = 1;

export abstract class TargetCall extends Call implements AttemptListener {
  protected readonly x: Exchange;
  protected readonly plan: ForwardPlan;
  #target: Target | undefined = undefined;
  /** Targets that could not be reached for this call; most calls never meet one. */
  #unreachable: Target[] | undefined = undefined;
  /** The last attempt never got a connection. */
  #unsent = false;
  #headers: string[] | undefined = undefined;
  #admitted = false;
  /** Where this call counts as pending. */
  #place: Target | undefined = undefined;
  #begunAt = 0;

  constructor(x: Exchange, plan: ForwardPlan) {
    super(plan);
    this.x = x;
    this.plan = plan;
  }

  /** Sends an attempt with these flat header pairs; `path` has the target's own before it. */
  protected abstract dispatch(target: Target, path: string, headers: string[]): void;

  start(): void {
    const { upstream } = this.plan;
    this.x.upstream = upstream.name;
    if (!upstream.enter()) return this.failed({ kind: 'busy' });
    this.#admitted = true;
    this.#begunAt = performance.now();
    this.begin(this.x.startedAt);
  }

  /** The exchange is over: gives back what it held. Idempotent. */
  finish(): void {
    this.abandon();
    this.#leaveTarget();
    if (!this.#admitted) return;
    this.#admitted = false;
    this.plan.upstream.leave();
  }

  protected override choose(): boolean {
    const { upstream } = this.plan;
    const before = this.#target;
    // A target that refused the connection would refuse it again; one that answered badly may do better.
    if (before !== undefined && this.#unsent) this.#unreachable = [...(this.#unreachable ?? []), before];
    this.#target = upstream.targets.pick(hashKey(this.x, upstream.hashBy), this.#unreachable, before);
    return this.#target !== undefined;
  }

  protected override send(): void {
    const { x, plan } = this;
    const target = this.#target;
    if (target === undefined) return;
    x.target = target.href;
    x.attempts = this.attempts;
    // HTTP/1.0 may come without a Host (RFC 9112 §3.2), and there is none to preserve.
    const host = (plan.upstream.preservesHost && x.authority) || target.authority;
    this.#headers ??= requestHeaders(x, host, plan.headers);
    this.#headers[HOST_VALUE] = host;
    this.#leaveTarget();
    this.#place = target;
    target.begin();
    this.dispatch(target, target.basePath === '' ? x.upstreamPath : target.basePath + x.upstreamPath, this.#headers);
  }

  protected override attempted(result: AttemptResult, seconds: number, why: string): void {
    const { metrics } = this.plan;
    this.#target?.judge(result, why);
    metrics.attempts[result].value++;
    metrics.attemptFinished(seconds);
  }

  protected override lost(result: AttemptResult, error: string): void {
    const { x } = this;
    x.error = error;
    x.failed ??= [];
    if (x.failed.length < FAILED_MAX) x.failed.push({ target: x.target, result, error });
  }

  protected override release(): void {
    this.#leaveTarget();
    this.x.body.release();
  }

  #leaveTarget(): void {
    this.#place?.end();
    this.#place = undefined;
  }

  protected override requestCompleteAt(): number | undefined {
    const { body } = this.x;
    return body.present && !body.complete ? undefined : body.completedAt;
  }

  protected override uploadMovedAt(): number {
    return this.x.body.movedAt;
  }

  protected override clientStalled(): boolean {
    return !this.x.body.heldBack;
  }

  protected override retried(outcome: RetryOutcome): void {
    this.plan.metrics.retries[outcome].value++;
  }

  protected override cut(reason: 'idle_timeout' | 'total_timeout'): void {
    const { x, plan } = this;
    x.error = reason === 'idle_timeout' ? `no byte for ${plan.idleMs} ms` : `not complete within ${plan.totalMs} ms`;
    this.cancel();
    x.reply.abort(`upstream.${reason}`);
  }

  protected override failed(failure: CallFailure): void {
    this.#waited();
    answerFailure(this.x, failure, this.plan);
  }

  /** Takes the head of an answer; false when another attempt follows and this one is of no use. */
  protected answered(status: number, headers: string[]): boolean {
    const { x } = this;
    if (!this.head(status, () => retryAfterMs(fieldOf(headers, 'retry-after') ?? '') ?? 0)) return false;
    this.#waited();
    x.status = status;
    x.responseHeaders = headers;
    return true;
  }

  #waited(): void {
    this.x.upstreamMs = performance.now() - this.#begunAt;
  }

  onHead(status: number, raw: RawHeaders, parsed: ParsedHeaders): boolean {
    const { x } = this;
    if (!this.answered(status, responseHeaders(raw, parsed, x.answerHeaders !== undefined))) return false;
    x.reply.begin(x.method === 'HEAD' || status === 204 || status === 304);
    return true;
  }

  onInformation(status: number, raw: RawHeaders): void {
    if (status === 103) this.x.reply.earlyHints(responseHeaders(raw, UNPARSED, false));
  }

  onData(chunk: Buffer): boolean {
    this.moved();
    return this.x.reply.write(chunk);
  }

  onDrain(resume: () => void): void {
    this.x.reply.onDrain(() => {
      this.moved();
      resume();
    });
  }

  onDone(trailers: RawHeaders): void {
    this.end();
    this.x.reply.end(trailers.length === 0 ? undefined : responseHeaders(trailers, UNPARSED, false));
  }

  onFailed(failure: Failure, error: Error): void {
    this.#unsent = failure.unsent;
    this.attemptFailed(failure, causeOf(error));
  }

  onBroken(error: Error): void {
    this.end();
    this.x.error = causeOf(error);
    this.x.reply.abort('upstream.truncated');
  }
}

/** What keeps belonging together on one target; undefined when the upstream does not ask for that. */
function hashKey(x: Exchange, by: 'tenant' | 'client' | undefined): string | undefined {
  if (by === undefined) return undefined;
  return by === 'tenant' ? (x.tenant?.id ?? x.clientAddress) : x.clientAddress;
}
