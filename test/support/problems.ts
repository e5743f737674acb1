// A refusal of the gateway's own, as every client must get it (RFC 9457, RFC 9209).
import assert from 'node:assert/strict';
import type { RawResponse } from './raw.ts';

export interface ProblemDocument {
  readonly detail?: string;
  readonly route?: string;
  readonly retry_after?: number;
  readonly [member: string]: unknown;
}

/** `Proxy-Status` errors by problem code or its area, where they are not `http_request_error`. */
const PROXY_ERRORS: Readonly<Record<string, string>> = {
  auth: 'http_request_denied',
  cors: 'http_request_denied',
  gateway: 'destination_unavailable',
  integration: 'http_protocol_error',
  'integration.body_not_json': 'http_request_error',
  'integration.coding': 'http_response_content_coding',
  'integration.credentials': 'http_request_denied',
  'integration.egress': 'destination_ip_prohibited',
  'integration.mappings_busy': 'destination_unavailable',
  'integration.missing_value': 'http_request_error',
  'integration.no_credentials': 'http_request_denied',
  'integration.queue_full': 'destination_unavailable',
  'integration.request_mapping': 'http_request_error',
  'integration.too_large': 'http_response_body_size',
  'integration.wait': 'destination_unavailable',
  ip: 'http_request_denied',
  tenant: 'http_request_denied',
  internal: 'proxy_internal_error',
  'request.loop': 'proxy_loop_detected',
  'route.disabled': 'destination_unavailable',
  'route.not_found': 'destination_not_found',
  'upstream.breaker_open': 'destination_unavailable',
  'upstream.busy': 'destination_unavailable',
  'upstream.connect': 'connection_refused',
  'upstream.connect_timeout': 'connection_timeout',
  'upstream.dns': 'dns_error',
  'upstream.protocol': 'http_protocol_error',
  'upstream.reset': 'connection_terminated',
  'upstream.timeout': 'http_response_timeout',
};

/** Asserts everything that holds for each problem, and returns the document. */
export function assertProblem(response: RawResponse, status: number, code: string): ProblemDocument {
  const text = response.body.toString();
  assert.equal(response.status, status, text);
  assert.equal(response.header('content-type'), 'application/problem+json');
  assert.equal(response.header('content-length'), String(response.body.length));
  const document: ProblemDocument & Record<string, unknown> = JSON.parse(text);
  assert.equal(document['code'], code, text);
  assert.equal(document['type'], `urn:sluice:problem:${code}`);
  assert.equal(document['status'], status);
  assert.ok(typeof document['title'] === 'string' && document['title'] !== '');
  const id = document['request_id'];
  assert.ok(typeof id === 'string' && /^[A-Za-z0-9._-]{8,128}$/.test(id), text);
  assert.equal(response.header('x-request-id'), id);
  const error = PROXY_ERRORS[code] ?? PROXY_ERRORS[code.split('.')[0] ?? ''] ?? 'http_request_error';
  assert.equal(response.header('proxy-status'), `sluice; error=${error}`);
  assert.equal(
    response.header('retry-after'),
    document.retry_after === undefined ? undefined : String(document.retry_after),
  );
  if (status === 401) assert.match(response.header('www-authenticate') ?? '', /^Bearer realm="sluice"/);
  if (status === 405) assert.match(response.header('allow') ?? '', /^[A-Z]+(?:, [A-Z]+)*$/);
  if (status === 429 || status === 503) assert.match(response.header('retry-after') ?? '', /^\d+$/);
  return document;
}
