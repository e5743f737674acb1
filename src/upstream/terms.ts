// What the calls of one route to its upstream have in common; resolved at load.
import type { BodyLimits } from '../exchange/request-body.ts';
import type { CallTerms } from '../resilience/call.ts';
import type { ForwardSettings } from './request-headers.ts';
import type { Upstream } from './upstream.ts';

/** What a client is answered from when a call got nothing, whatever was called. */
export interface AnswerTerms extends CallTerms {
  readonly upstream: { readonly name: string };
  readonly body: BodyLimits;
  /** Answered when there is no answer at all. */
  readonly fallback: Fallback | undefined;
}

export interface UpstreamTerms extends AnswerTerms {
  readonly upstream: Upstream;
  readonly headers: ForwardSettings;
}

export interface Fallback {
  readonly status: number;
  /** JSON text, '' for no body. */
  readonly body: string;
}
