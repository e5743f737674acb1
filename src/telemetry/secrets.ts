// Names whose values are never written anywhere: headers refused by the access log, fields blanked in events.

/** Stands for a value that is not shown. */
export const REDACTED = '[redacted]';

const SECRET_NAME =
  /authorization|cookie|token|secret|password|passwd|api[-_]?key|signature|session|credential|private[-_]?key|sec-websocket-protocol/i;

/**
 * Whether a header or field of this name may hold a secret. Deliberately wide: what is not logged can be asked for, what was
 * logged cannot be taken back. `Sec-WebSocket-Protocol` is one because browsers send their API key in it.
 */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}
