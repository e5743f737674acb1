// A call to the targets of an upstream, HTTP or WebSocket: where each attempt goes, what is taken and given back, and how an answer
// reaches the client.
import type { Exchange } from '../exchange/exchange.ts';
import type { Written } from '../exchange/reply.ts';
import { type Attempt, Call } from '../resilience/call.ts';
import type { CallFailure } from '../resilience/call-failure.ts';
import { causeOf } from '../resilience/cause.ts';
import { isIdempotent } from '../resilience/idempotent.ts';
import type { AttemptResult, Failure } from '../resilience/outcome.ts';
import { retryAfterMs } from '../resilience/retry-after.ts';
import { answerFailure } from './failure.ts';
import type { AttemptListener } from './http-attempt.ts';
import { requestHeaders } from './request-headers.ts';
import {
  fieldOf,
  type ParsedHeaders,
  type RawHeaders,
  responseHeaders,
  UNPARSED,
  withoutLength,
} from './response-headers.ts';
import type { Target } from './target.ts';
import type { UpstreamTerms } from './terms.ts';

/** `requestHeaders` puts Host first. */
const HOST_VALUE = 1;

export abstract class TargetCall extends Call<UpstreamTerms> implements AttemptListener {
  #target: Target | undefined = undefined;
  /** Targets that could not be reached for this call; most calls never meet one. */
  #unreachable: Target[] | undefined = undefined;
  #headers: string[] | undefined = undefined;
  #admitted = false;
  /** Where this call counts as pending. */
  #place: Target | undefined = undefined;

  /** An attempt at this target with these flat header pairs; `path` has the target's own before it. */
  protected abstract attemptAt(target: Target, path: string, headers: string[]): Attempt;

  start(): void {
    const { upstream } = this.terms;
    this.x.upstream = upstream.name;
    if (!upstream.enter()) return this.failed({ kind: 'busy' });
    this.#admitted = true;
    this.begin();
  }

  /** The exchange is over: gives back what it held. Idempotent. */
  finish(): void {
    this.abandon();
    this.released();
    if (!this.#admitted) return;
    this.#admitted = false;
    this.terms.upstream.leave();
  }

  protected override next(unreached: boolean): Attempt | undefined {
    const { x, terms } = this;
    const { upstream } = terms;
    const before = this.#target;
    // A target that refused the connection would refuse it again; one that answered badly may do better.
    if (unreached && before !== undefined) this.#unreachable = [...(this.#unreachable ?? []), before];
    const target = upstream.targets.pick(hashKey(x, upstream.hashBy), this.#unreachable, before);
    if (target === undefined) return undefined;
    this.#target = target;
    this.released();
    this.#place = target;
    target.begin();
    // HTTP/1.0 may come without a Host (RFC 9112 §3.2), and there is none to preserve.
    const host = (upstream.preservesHost && x.authority) || target.authority;
    this.#headers ??= requestHeaders(x, host, terms.headers);
    this.#headers[HOST_VALUE] = host;
    const path = target.basePath === '' ? x.upstreamPath : target.basePath + x.upstreamPath;
    return this.attemptAt(target, path, this.#headers);
  }

  protected override repeatable(): boolean {
    return isIdempotent(this.x.method) && this.x.body.replayable;
  }

  protected override judged(result: AttemptResult, why: string): void {
    this.#target?.judge(result, why);
  }

  protected override released(): void {
    this.#place?.end();
    this.#place = undefined;
  }

  protected override failed(failure: CallFailure): void {
    answerFailure(this.x, failure, this.terms);
  }

  /** Takes the head of an answer; false when another attempt follows and this one is of no use. */
  protected answered(status: number, headers: string[]): boolean {
    const { x } = this;
    if (!this.head(status, () => retryAfterMs(fieldOf(headers, 'retry-after') ?? '') ?? 0)) return false;
    x.status = status;
    x.responseHeaders = status === 204 ? withoutLength(headers) : headers;
    return true;
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

  onData(chunk: Buffer): Written {
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
