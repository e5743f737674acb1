// A problem as the client reads it: application/problem+json (RFC 9457) and the Proxy-Status field (RFC 9209).
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';

/** The document's text; extension members come last and never override the standard ones. */
export function problemDocument(x: Exchange, problem: Problem, base: string): string {
  const standard = {
    type: base + problem.code,
    title: problem.title,
    status: problem.status,
    detail: x.detail === '' ? undefined : x.detail,
    code: problem.code,
    request_id: x.requestId,
    route: x.route?.name,
    retry_after: x.retryAfter > 0 ? x.retryAfter : undefined,
    errors: x.violations,
  };
  return JSON.stringify(x.extensions === undefined ? standard : { ...standard, ...x.extensions, ...standard });
}

/** `sluice; error=…` */
export function proxyStatus(problem: Problem): string {
  return `sluice; error=${problem.proxyError}`;
}
