// Which methods may be sent again when nobody knows whether they were carried out.

const IDEMPOTENT = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'QUERY']);

/** RFC 9110 §9.2.2, and QUERY (draft-ietf-httpbis-safe-method-w-body). TRACE is not served. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method);
}
