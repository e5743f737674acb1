// What became of an attempt: one word for metrics, retries and passive health, and a finer one for the reply.

import type { AttemptResult } from '../telemetry/upstream-metrics.ts';

export type { AttemptResult };

/** Why there was no answer, as finely as the reply to the client tells it apart. */
export type FailureKind =
  | 'refused'
  | 'unreachable'
  | 'dns'
  | 'connect_timeout'
  /** Our own process or machine can open no more connections: no target is to blame. */
  | 'exhausted'
  /** A certificate, the target's or ours, was not accepted. */
  | 'tls'
  /** There was no TLS to speak of: plain text, no common version or cipher. */
  | 'tls_protocol'
  | 'timeout'
  | 'reset'
  | 'protocol'
  /** A body is larger than it may be. */
  | 'too_large'
  /** A content coding is unknown, or the bytes are not what it says. */
  | 'coding'
  /** The address is not to be connected to. */
  | 'egress'
  | 'aborted';

/** An attempt without an answer. */
export interface Failure {
  readonly kind: FailureKind;
  readonly result: AttemptResult;
  /** The upstream cannot have seen the request: any method may go to another target. */
  readonly unsent: boolean;
}

const UNSENT = {
  refused: failure('refused', 'connect', true),
  unreachable: failure('unreachable', 'connect', true),
  dns: failure('dns', 'dns', true),
  connect_timeout: failure('connect_timeout', 'connect', true),
  tls: failure('tls', 'tls', true),
  tls_protocol: failure('tls_protocol', 'tls', true),
} as const;

/** What only a transport that buffers its answers, and looks where it connects to, finds out by itself. */
export const TOO_LARGE = failure('too_large', 'protocol', false);
export const CODING = failure('coding', 'protocol', false);
export const EGRESS = failure('egress', 'connect', true);

const EXHAUSTED = failure('exhausted', 'aborted', false);

const SENT = {
  tls: failure('tls', 'tls', false),
  tls_protocol: failure('tls_protocol', 'tls', false),
  timeout: failure('timeout', 'timeout', false),
  reset: failure('reset', 'reset', false),
  protocol: failure('protocol', 'protocol', false),
  aborted: failure('aborted', 'aborted', false),
} as const;

function failure(kind: FailureKind, result: AttemptResult, unsent: boolean): Failure {
  return Object.freeze({ kind, result, unsent });
}

/**
 * Says what an error of undici, `node:net`, `node:tls` or `node:dns` means for the attempt.
 *
 * @param sent whether the transport had a connection and began to write the request.
 */
export function classifyError(error: Error, sent: boolean): Failure {
  const code = errorCode(error);
  const tls = tlsKind(code);
  if (tls !== undefined) return (sent ? SENT : UNSENT)[tls];
  return sent ? classifySent(code, error) : classifyUnsent(code, error);
}

function classifyUnsent(code: string, error: Error): Failure {
  switch (code) {
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'ETIMEDOUT':
      return UNSENT.connect_timeout;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
      return UNSENT.dns;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'EHOSTDOWN':
    case 'ENETDOWN':
      return UNSENT.unreachable;
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
      return EXHAUSTED;
    case 'UND_ERR_ABORTED':
    case 'UND_ERR_ABORT':
      return SENT.aborted;
    case 'UND_ERR_INVALID_ARG':
    case 'UND_ERR_NOT_SUPPORTED':
      // A request that undici will not write: a header or a method that is not HTTP.
      return SENT.protocol;
    default:
      // With several addresses each has its own error, and only the last word is on the aggregate itself.
      if (error instanceof AggregateError && error.errors.some((each) => errorCode(each) === 'ETIMEDOUT')) {
        return UNSENT.connect_timeout;
      }
      return UNSENT.refused;
  }
}

function classifySent(code: string, error: Error): Failure {
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
    case 'ETIMEDOUT':
      return SENT.timeout;
    case 'UND_ERR_ABORTED':
    case 'UND_ERR_ABORT':
      return SENT.aborted;
    case 'UND_ERR_HEADERS_OVERFLOW':
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
    case 'UND_ERR_RES_EXCEEDED_MAX_SIZE':
    // undici asserts what its parser lets through: a status below 100, a 101 that names no protocol.
    case 'ERR_ASSERTION':
      return SENT.protocol;
    case 'UND_ERR_SOCKET':
      // undici says `bad response` and `bad upgrade` of a 1xx nobody asked for; all else under this code is a closed connection.
      return error.message.startsWith('bad ') ? SENT.protocol : SENT.reset;
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
    case 'UND_ERR_INFO':
    case 'UND_ERR_DESTROYED':
    case 'UND_ERR_CLOSED':
      return SENT.reset;
    default:
      // The parser's own errors have a code of llhttp (HPE_…) or none.
      return error.name === 'HTTPParserError' || code.startsWith('HPE_') ? SENT.protocol : SENT.reset;
  }
}

// X.509 verification results that do not start with CERT_, as Node names them (`node:tls`, X509 certificate error codes).
const VERIFICATION = new Set([
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_GET_CRL',
  'UNABLE_TO_DECRYPT_CERT_SIGNATURE',
  'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
]);

/** RFC 9209 §2.3 tells a certificate that was not accepted from a handshake that failed; undefined: no matter of TLS. */
function tlsKind(code: string): 'tls' | 'tls_protocol' | undefined {
  if (code.startsWith('CERT_') || VERIFICATION.has(code)) return 'tls';
  if (code !== 'EPROTO' && !code.startsWith('ERR_TLS_') && !code.startsWith('ERR_SSL_')) return undefined;
  // An alert names what the other side found wrong with ours: ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED, …_UNKNOWN_CA.
  return code.includes('CERT') || code.includes('UNKNOWN_CA') ? 'tls' : 'tls_protocol';
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  return typeof error.code === 'string' ? error.code : '';
}

/** What an attempt says about the upstream's health. `ignored`: nothing, neither good nor bad. */
export type Settlement = 'success' | 'failure' | 'ignored';

/** Only what the upstream itself brought about counts: a call that was given up from our side does not. */
export function settlementOf(result: AttemptResult): Settlement {
  if (result === 'ok') return 'success';
  return result === 'aborted' ? 'ignored' : 'failure';
}
