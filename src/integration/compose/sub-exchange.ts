// The exchange of one call within that of the client: who calls is the same, what is asked for is the call's own.
import { randomBytes } from 'node:crypto';
import { Exchange } from '../../exchange/exchange.ts';
import type { VendorRequest } from '../client/client.ts';
import type { FixedBody } from './fixed-body.ts';

/**
 * An exchange of which nothing is counted, logged or unwound: that is the client's.
 *
 * @param startedAt what its deadlines count from
 */
export function subExchange(x: Exchange, body: FixedBody, startedAt: number): Exchange {
  const sub = new Exchange(x.req, x.res, body, startedAt);
  sub.method = x.method;
  sub.path = x.path;
  sub.query = x.query;
  sub.host = x.host;
  sub.authority = x.authority;
  sub.requestId = x.requestId;
  sub.traceId = x.traceId;
  sub.traceparent = ownSpan(x.traceparent);
  sub.clientAddress = x.clientAddress;
  sub.scheme = x.scheme;
  sub.route = x.route;
  sub.params = x.params;
  sub.tenant = x.tenant;
  sub.keyId = x.keyId;
  sub.forwardable = x.forwardable;
  sub.via = x.via;
  sub.forwardedFor = x.forwardedFor;
  sub.forwardedBefore = x.forwardedBefore;
  sub.forwardedHost = x.forwardedHost;
  sub.peer = x.peer;
  sub.requestHeaderEdits = x.requestHeaderEdits;
  return sub;
}

/** Makes the exchange one about this request, for an upstream: of the client's headers those stay that still hold. */
export function askFor(sub: Exchange, request: VendorRequest): void {
  sub.method = request.method;
  sub.upstreamPath = request.path;
  sub.forwardable = relayed(sub.forwardable);
  // What policies remove stays away; then an answer that can be read, and what the call itself says.
  const edits = [...(sub.requestHeaderEdits ?? []), 'accept-encoding', 'identity'];
  for (const [name, value] of request.headers) edits.push(name, value);
  sub.requestHeaderEdits = edits;
}

/** Conditions, ranges and what describes a body or the answer that is wished for: they speak of the client's own request. */
const OF_ITS_REQUEST = /^(?:if-.+|range|content-.+|accept(?:-.+)?|expect|digest|repr-digest|want-.+)$/i;

function relayed(flat: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = flat[i] ?? '';
    if (!OF_ITS_REQUEST.test(name)) kept.push(name, flat[i + 1] ?? '');
  }
  return kept;
}

/** A span of the same trace (W3C Trace Context §3.2.2): `VERSION-TRACE-SPAN-FLAGS`. */
function ownSpan(traceparent: string): string {
  return `${traceparent.slice(0, 36)}${randomBytes(8).toString('hex')}${traceparent.slice(52)}`;
}
