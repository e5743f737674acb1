// What may be sent to a third party: a request that cannot be read as another one, or as going elsewhere.
import type { Failure } from '../../resilience/outcome.ts';
import { ClientError } from './client-error.ts';

/** A request to a third party, as credentials may still change it. Header names in lower case. */
export interface VendorRequest {
  /** In upper case. */
  method: string;
  /** Below the integration's url, with its query; escaped, as it goes out. */
  path: string;
  readonly headers: Map<string, string>;
  readonly body: Buffer | undefined;
}

/** Ours to get right: it says nothing about the third party. */
const UNSENDABLE: Failure = { kind: 'protocol', result: 'aborted', unsent: false };
const TOO_LARGE_TO_SEND: Failure = { kind: 'too_large', result: 'aborted', unsent: false };

/**
 * Most bytes of path and headers. A server that takes fewer says so; one that is sent far more closes the connection while it still
 * comes, which looks like an outage, and a caller's own value would open the breaker for everybody.
 */
const MAX_HEAD_BYTES = 32_768;

const METHOD = /^[A-Z0-9!#$%&'*+.^_`|~-]+$/;
/** Visible ASCII without what ends a path (`#`) or is read as a slash (`\`). */
const TARGET = /^(?:[/?][!"$-[\]-~]*)?$/;
/** Segments that servers resolve, and that would lead out of the integration's url. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?=\/|$)/i;
const NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
const VALUE = /^[\t -~\u0080-\u00ff]*$/;
/** These belong to the connection, which is the client's own. */
const CONNECTION_HEADERS = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Refuses what is no single, plain HTTP request below the integration's url.
 *
 * @throws ClientError naming what is wrong, never its value.
 */
export function assertSendable({ method, path, headers, body }: VendorRequest, maxBytes: number): void {
  if (!METHOD.test(method) || method === 'CONNECT') throw unsendable('the method cannot be sent');
  let headBytes = path.length;
  for (const [name, value] of headers) headBytes += name.length + value.length;
  if (headBytes > MAX_HEAD_BYTES) {
    throw new ClientError(
      TOO_LARGE_TO_SEND,
      `the request has ${headBytes} bytes of path and headers, ${MAX_HEAD_BYTES} are the most`,
    );
  }
  assertTarget(path);
  const bodyBytes = body?.length ?? 0;
  for (const [name, value] of headers) assertHeader(name, value, bodyBytes);
  if (bodyBytes > maxBytes) {
    throw new ClientError(TOO_LARGE_TO_SEND, `the request has a body of ${bodyBytes} bytes, ${maxBytes} are the most`);
  }
}

function assertTarget(path: string): void {
  if (!TARGET.test(path)) throw unsendable('the path is not one below the url, percent-encoded');
  const query = path.indexOf('?');
  if (DOT_SEGMENT.test(query < 0 ? path : path.slice(0, query))) {
    throw unsendable('the path has a segment that is a dot or two, which lead elsewhere');
  }
}

function assertHeader(name: string, value: string, bodyBytes: number): void {
  if (!NAME.test(name)) throw unsendable('the name of a header is not one, in lower case');
  if (!VALUE.test(value)) throw unsendable(`the value of header ${name} has characters that no header can have`);
  const foreign = name === 'content-length' ? value !== String(bodyBytes) : CONNECTION_HEADERS.has(name);
  if (foreign) throw unsendable(`header ${name} belongs to the connection and cannot be set`);
}

function unsendable(message: string): ClientError {
  return new ClientError(UNSENDABLE, message);
}
