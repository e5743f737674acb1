// One request on its way to an upstream and its answer on the way back: the call loop with undici as the transport.
import type { Exchange } from '../exchange/exchange.ts';
import type { BodyFailure, BodyListener } from '../exchange/request-body.ts';
import type { Attempt } from '../resilience/call.ts';
import { refuseBody } from './failure.ts';
import { HttpAttempt } from './http-attempt.ts';
import type { Target } from './target.ts';
import { TargetCall } from './target-call.ts';
import type { UpstreamTerms } from './terms.ts';

/** Sends the exchange to the route's upstream. Everything after this happens in events. */
export function forward(x: Exchange, terms: UpstreamTerms): void {
  const { body } = x;
  const call = new UpstreamCall(x, terms);
  x.call = call;
  if (!body.present || body.bytes !== undefined) return call.start();
  const { maxBytes, replayBytes } = terms.body;
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
  bodyFailed(failure: BodyFailure): void {
    if (failure === 'aborted') return;
    const { x } = this;
    this.abandon();
    if (x.reply.started) x.reply.abort(`request.body_${failure}`);
    else x.reply.refuse(refuseBody(x, failure, this.terms.body.maxBytes));
  }

  protected override attemptAt(target: Target, path: string, headers: string[]): Attempt {
    return new HttpAttempt(this, target, path, headers, this.x);
  }
}
