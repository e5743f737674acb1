// The first look at a request: framing, host, target and expectation. What is ambiguous is refused here, before anything
// acts on it. Node's parser has refused most malformed framing already; what it accepts is decided in this file.
import type { Exchange } from '../exchange/exchange.ts';
import * as kind from '../exchange/header-kinds.ts';
import type { Problem } from '../exchange/problem.ts';
import { canonicalTarget, hostOf, splitAbsolute } from './canonical-path.ts';
import { clientAddress } from './client-address.ts';
import type { Connection } from './connection.ts';
import { requestId, traceparent } from './ids.ts';
import * as problems from './problems.ts';
import { SERVED_METHODS } from './served-methods.ts';

/** Process settings the edge needs per request, resolved at start. */
export interface EdgeSettings {
  readonly urlBytes: number;
  readonly headerBytes: number;
  readonly headersMax: number;
  readonly isTrusted: (address: string) => boolean;
  /** `sluice-<token>`: the comment in our own `Via` by which a loop is known. */
  readonly loopToken: string;
}

/** Reads what the exchange needs from the request's head; a problem when it cannot be understood in exactly one way. */
export function admit(
  x: Exchange,
  connection: Connection,
  edge: EdgeSettings,
  kinds: kind.HeaderKinds,
): Problem | undefined {
  const { req } = x;
  x.requestId = requestId(x.header('x-request-id'));
  x.traceparent = traceparent(x.header('traceparent'));
  x.traceId = x.traceparent.slice(3, 35);
  x.peer = connection.peer;
  x.clientAddress = connection.peer;
  x.scheme = connection.encrypted ? 'https' : 'http';
  if (req.rawHeaders.length > edge.headersMax * 2)
    return x.refuse(problems.HEADERS_TOO_LARGE, `a request may have at most ${edge.headersMax} header fields`);
  const fault = sortHeaders(x, edge.headerBytes, kinds);
  if (fault !== undefined) return fault;
  x.forwardedHost = x.authority;
  if (connection.trusted) believeProxy(x, connection, edge);
  else x.forwardedFor = '';
  return (
    refuseFraming(x) ??
    refuseHost(x) ??
    refuseTarget(x, req.url ?? '', edge.urlBytes) ??
    refuseExpectation(x) ??
    (x.via !== '' && x.via.includes(edge.loopToken)
      ? x.refuse(problems.LOOP, 'the request has passed this gateway before: an upstream sends it back here')
      : undefined)
  );
}

/**
 * One pass over the raw header pairs: what may be forwarded goes to `x.forwardable`. Refuses a section longer
 * than the limit (the parser's own has the request line in it), and what came twice though everyone reads one of it only.
 */
function sortHeaders(x: Exchange, bytesMax: number, kinds: kind.HeaderKinds): Problem | undefined {
  const raw = x.req.rawHeaders;
  const nominated = nominations(x.req.headers.connection);
  const forwardable = x.forwardable;
  let hosts = 0;
  let types = 0;
  let bytes = 0;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    bytes += name.length + value.length + FIELD_BYTES;
    switch (kinds.of(name)) {
      case kind.PASS:
        if (nominated === undefined || !nominated.includes(name.toLowerCase())) forwardable.push(name, value);
        break;
      case kind.CONTENT_TYPE:
        types++;
        forwardable.push(name, value);
        break;
      case kind.HOST:
        hosts++;
        x.authority = value;
        break;
      case kind.TE:
        x.wantsTrailers ||= TRAILERS.test(value);
        break;
      case kind.VIA:
        x.via = x.via === '' ? value : `${x.via}, ${value}`;
        break;
      case kind.FORWARDED_FOR:
        x.forwardedFor = x.forwardedFor === '' ? value : `${x.forwardedFor}, ${value}`;
        break;
    }
  }
  if (bytes > bytesMax)
    return x.refuse(problems.HEADERS_TOO_LARGE, `a header section may have at most ${bytesMax} bytes`);
  if (hosts > 1) return x.refuse(problems.HOST, 'the request has more than one Host');
  if (types > 1) return x.refuse(problems.MALFORMED, 'the request has more than one Content-Type');
  return undefined;
}

/** `: ` and CRLF. */
const FIELD_BYTES = 4;
const TRAILERS = /(?:^|,)\s*trailers\s*(?:,|$)/i;

/** Names in `Connection` (RFC 9110 §7.6.1); undefined for the everyday values that name nothing. */
function nominations(connection: string | undefined): readonly string[] | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  return connection
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
}

function believeProxy(x: Exchange, connection: Connection, edge: EdgeSettings): void {
  x.clientAddress = clientAddress(connection.peer, x.forwardedFor === '' ? undefined : x.forwardedFor, edge.isTrusted);
  const scheme = x.header('x-forwarded-proto');
  if (scheme === 'https' || scheme === 'http') x.scheme = scheme;
  x.forwardedHost = x.header('x-forwarded-host') ?? x.authority;
  x.forwardedBefore = x.header('forwarded') ?? '';
}

function refuseFraming(x: Exchange): Problem | undefined {
  const { headers } = x.req;
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return undefined;
  if (x.req.httpVersionMinor === 0) return x.refuse(problems.FRAMING, 'HTTP/1.0 has no Transfer-Encoding');
  if (headers['content-length'] !== undefined) {
    return x.refuse(problems.FRAMING, 'Content-Length and Transfer-Encoding contradict each other');
  }
  if (coding.toLowerCase() === 'chunked') return undefined;
  if (fieldsNamed(x.req.rawHeaders, 'transfer-encoding') > 1) {
    return x.refuse(problems.FRAMING, 'the request has more than one Transfer-Encoding');
  }
  const codings = coding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  if (codings.at(-1) !== 'chunked' || codings.indexOf('chunked') !== codings.length - 1) {
    return x.refuse(problems.FRAMING, 'Transfer-Encoding must end in one "chunked"');
  }
  return x.refuse(problems.TRANSFER_CODING, 'the only transfer coding known is "chunked"');
}

function fieldsNamed(raw: readonly string[], name: string): number {
  let count = 0;
  for (let i = 0; i < raw.length; i += 2) if (raw[i]?.toLowerCase() === name) count++;
  return count;
}

const AUTHORITY = /^(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
let lastAuthority: string | undefined;
let lastHost = '';

function refuseHost(x: Exchange): Problem | undefined {
  if (x.req.headers.host === undefined) {
    if (x.req.httpVersionMinor === 0) return undefined;
    return x.refuse(problems.HOST, 'the request has no Host');
  }
  if (x.authority !== lastAuthority) {
    if (!AUTHORITY.test(x.authority)) return x.refuse(problems.HOST, 'Host is not a host name with an optional port');
    lastHost = hostOf(x.authority);
    lastAuthority = x.authority;
  }
  x.host = lastHost;
  return undefined;
}

function refuseTarget(x: Exchange, url: string, urlBytes: number): Problem | undefined {
  if (url.length > urlBytes) return x.refuse(problems.URL_TOO_LONG, `a URL may have at most ${urlBytes} bytes`);
  if (x.method === 'TRACE' || x.method === 'CONNECT') {
    x.addAnswerHeaders(['Allow', SERVED_METHODS]);
    return x.refuse(problems.METHOD_REFUSED, `${x.method} is not served by this gateway`);
  }
  if (url === '*') {
    if (x.method !== 'OPTIONS') return x.refuse(problems.TARGET, 'the target * belongs to OPTIONS only');
    x.path = '*';
    return undefined;
  }
  let target = url;
  if (url.charCodeAt(0) !== SLASH) {
    const absolute = splitAbsolute(url);
    if (absolute === undefined) return x.refuse(problems.TARGET, 'the target must begin with a slash');
    if (absolute.authority.toLowerCase() !== x.authority.toLowerCase()) {
      return x.refuse(problems.HOST, 'the target and the Host field name different hosts');
    }
    target = absolute.target;
  }
  const canonical = canonicalTarget(target);
  if ('detail' in canonical) return x.refuse(problems.TARGET, canonical.detail);
  x.path = canonical.path;
  x.query = canonical.query;
  x.encodedSlash = canonical.encodedSlash;
  x.upstreamPath = canonical.query === '' ? canonical.path : canonical.path + canonical.query;
  return undefined;
}

const SLASH = 0x2f;

function refuseExpectation(x: Exchange): Problem | undefined {
  const expect = x.req.headers.expect;
  if (expect === undefined || expect.toLowerCase() === '100-continue') return undefined;
  return x.refuse(problems.EXPECTATION, 'the only expectation that can be met is 100-continue');
}
