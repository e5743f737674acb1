// How calls of one route are attempted: the route's settings over its upstream's, as numbers.
import type { Breaker } from '../../resilience/breaker.ts';
import type { UpstreamTerms } from '../../upstream/terms.ts';
import type { Upstream } from '../../upstream/upstream.ts';
import type { RouteConfig } from '../format/routes-config.ts';
import type { Host } from './host.ts';

/** @param breaker the one that guards this route's calls; undefined for none. */
export function callTerms(
  { core }: RouteConfig,
  upstream: Upstream,
  breaker: Breaker | undefined,
  host: Host,
): UpstreamTerms {
  const { timeout, retry, fallback } = core;
  return {
    answerMs: timeout?.answer ?? NEVER,
    tryMs: upstream.settings.timeout.try ?? NEVER,
    idleMs: timeout?.idle ?? NEVER,
    totalMs: timeout?.total ?? NEVER,
    retries: retry.max,
    retryOn: new Set(retry.when),
    backoff: retry.backoff,
    breaker,
    budget: upstream.budget,
    upstream,
    metrics: host.metrics.upstream(upstream.name),
    headers: host.forward,
    body: {
      maxBytes: core.body_max ?? NEVER,
      replayBytes: retry.max === 0 ? 0 : retry.replay,
      stallMs: timeout?.idle ?? NEVER,
      totalMs: timeout?.total ?? NEVER,
    },
    fallback: fallback
      ? { status: fallback.status, body: fallback.body === undefined ? '' : JSON.stringify(fallback.body) }
      : undefined,
  };
}

const NEVER = Number.POSITIVE_INFINITY;
