// What a refusal is made of: a load-time constant, never an Error, so that refusing captures no stack.

/** The `error` parameter of `Proxy-Status` (RFC 9209 §2.3). */
export type ProxyError =
  | 'connection_refused'
  | 'connection_terminated'
  | 'connection_timeout'
  | 'destination_ip_prohibited'
  | 'destination_not_found'
  | 'destination_unavailable'
  | 'dns_error'
  | 'http_protocol_error'
  | 'http_request_denied'
  | 'http_request_error'
  | 'http_response_body_size'
  | 'http_response_content_coding'
  | 'http_response_timeout'
  | 'proxy_internal_error'
  | 'proxy_loop_detected'
  | 'tls_certificate_error'
  | 'tls_protocol_error';

/**
 * One kind of answer the gateway itself gives (RFC 9457). `code` is stable and public: clients switch on it,
 * `docs/errors.md` lists it and a test holds the two together.
 */
export interface Problem {
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly proxyError: ProxyError;
  /** The connection cannot be trusted or reused after this answer. */
  readonly closes: boolean;
}

/** Declares a {@link Problem}. `code` is `area.reason` in snake case. */
export function defineProblem(
  code: string,
  status: number,
  title: string,
  proxyError: ProxyError,
  options: { readonly closes?: boolean } = {},
): Problem {
  return Object.freeze({ code, status, title, proxyError, closes: options.closes ?? false });
}

/** One violated rule of a request body or parameter: where (RFC 6901 JSON Pointer) and what. */
export interface Violation {
  readonly pointer: string;
  readonly detail: string;
}
