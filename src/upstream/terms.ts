// What the calls of one route to its upstream have in common; resolved at load.
import type { BodyLimits } from '../exchange/request-body.ts';
import type { CallTerms } from '../resilience/call.ts';
import type { ForwardSettings } from './request-headers.ts';
import type { Upstream } from './upstream.ts';

export interface UpstreamTerms extends CallTerms {
  readonly upstream: Upstream;
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
