// One request on its way to an upstream and its answer on the way back: the call loop with undici as the transport.
import type { Exchange } from '../exchange/exchange.ts';
import type { BodyFailure, BodyLimits, BodyListener } from '../exchange/request-body.ts';
import type { CallPlan } from '../resilience/call.ts';
import type { UpstreamMetrics } from '../telemetry/upstream-metrics.ts';
import { Attempt } from './attempt.ts';
import { refuseBody } from './failure.ts';
import type { ForwardSettings } from './request-headers.ts';
import type { Target } from './target.ts';
import { TargetCall } from './target-call.ts';
import type { Upstream } from './upstream.ts';

/** What a route's calls have in common; resolved at load. */
export interface ForwardPlan extends CallPlan {
  readonly upstream: Upstream;
  readonly metrics: UpstreamMetrics;
  readonly headers: ForwardSettings;
  readonly body: BodyLimits;
  /** Answered when there is no answer at all. */
  readonly fallback: Fallback | undefined;
}

export interface Fallback {
  readonly status: number;
  /** JSON text, '' for no body. */
  readonly body: string;
}

// RFC 9110 §9.2.2, and QUERY (draft-ietf-httpbis-safe-method-w-body).
const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'QUERY']);

/** Sends the exchange to the route's upstream. Everything after this happens in events. */
export function forward(x: Exchange, plan: ForwardPlan): void {
  const { body } = x;
  const call = new UpstreamCall(x, plan);
  x.call = call;
  if (!body.present || body.bytes !== undefined) return call.start();
  const { maxBytes, replayBytes } = plan.body;
  if (body.length !== undefined && body.length > maxBytes) return x.reply.refuse(refuseBody(x, 'too_large', maxBytes));
  if (body.length !== undefined && body.length <= replayBytes) {
    // A short body is sent in one write, and can be sent again.
    void body.collect(replayBytes).then((result) => {
      if (x.ended) return;
      if (typeof result === 'string') call.bodyFailed(result);
      else call.start();
    });
    return;
  }
  body.follow(call);
  call.start();
}

class UpstreamCall extends TargetCall implements BodyListener {
  #attempt: Attempt | undefined = undefined;

  bodyFailed(failure: BodyFailure): void {
    if (failure === 'aborted') return;
    const { x } = this;
    this.abandon();
    if (x.reply.started) x.reply.abort(`request.body_${failure}`);
    else x.reply.refuse(refuseBody(x, failure, this.plan.body.maxBytes));
  }

  protected override dispatch(target: Target, path: string, headers: string[]): void {
    const { method, body } = this.x;
    this.#attempt = new Attempt(this, target, { method, path, headers }, body);
    this.#attempt.send();
  }

  protected override cancel(): void {
    this.#attempt?.cancel();
  }

  protected override waits(): boolean {
    return this.#attempt?.waits ?? false;
  }

  protected override repeatable(): boolean {
    return IDEMPOTENT.has(this.x.method) && this.x.body.replayable;
  }
}
