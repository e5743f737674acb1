// How calls of one route are attempted: the route's settings over its upstream's, as numbers.
import type { BodyLimits } from '../../exchange/request-body.ts';
import type { Integration } from '../../integration/integration.ts';
import type { IntegrationTerms } from '../../integration/integration-call.ts';
import type { Breaker } from '../../resilience/breaker.ts';
import type { UpstreamTerms } from '../../upstream/terms.ts';
import type { Upstream } from '../../upstream/upstream.ts';
import type { PartConfig, RouteConfig } from '../format/routes-config.ts';
import type { Host } from './host.ts';

/** How a call is attempted. */
type Attempted = Pick<PartConfig, 'timeout' | 'retry'>;

/**
 * @param breaker the one that guards this route's calls; undefined for none
 * @param how what is said of one of several calls
 */
export function upstreamTerms(
  entry: RouteConfig,
  upstream: Upstream,
  breaker: Breaker | undefined,
  host: Host,
  how: Attempted = entry.core,
): UpstreamTerms {
  return {
    ...answerTerms(entry, upstream, breaker, host, how),
    retryOn: new Set(how.retry.when),
    upstream,
    headers: host.forward,
  };
}

/** A vendor's 429 is worth another attempt whatever `when` says: nothing was done, and the pace waits for its turn. */
const NOT_YET = 429;

/**
 * @param breaker the one that guards this route's calls; undefined for none
 * @param how what is said of one of several calls
 */
export function integrationTerms(
  entry: RouteConfig,
  integration: Integration,
  breaker: Breaker | undefined,
  host: Host,
  how: Attempted = entry.core,
): IntegrationTerms {
  return {
    ...answerTerms(entry, integration, breaker, host, how),
    retryOn: new Set([...how.retry.when, NOT_YET]),
    upstream: integration,
    integration,
  };
}

type Shared = Omit<UpstreamTerms, 'upstream' | 'headers' | 'retryOn'>;

function answerTerms(
  entry: RouteConfig,
  called: Upstream | Integration,
  breaker: Breaker | undefined,
  host: Host,
  { timeout, retry }: Attempted,
): Shared {
  const { fallback } = entry.core;
  return {
    answerMs: timeout?.answer ?? NEVER,
    tryMs: called.settings.timeout.try ?? NEVER,
    idleMs: timeout?.idle ?? NEVER,
    totalMs: timeout?.total ?? NEVER,
    retries: retry.max,
    backoff: retry.backoff,
    breaker,
    budget: called.budget,
    metrics: host.metrics.upstream(called.name),
    body: bodyLimits(entry),
    fallback: fallback
      ? { status: fallback.status, body: fallback.body === undefined ? '' : JSON.stringify(fallback.body) }
      : undefined,
  };
}

/** What a route allows a request body. */
export function bodyLimits({ core: { body_max, retry, timeout } }: RouteConfig): BodyLimits {
  return {
    maxBytes: body_max ?? NEVER,
    replayBytes: retry.max === 0 ? 0 : retry.replay,
    stallMs: timeout?.idle ?? NEVER,
    totalMs: timeout?.total ?? NEVER,
  };
}

const NEVER = Number.POSITIVE_INFINITY;
