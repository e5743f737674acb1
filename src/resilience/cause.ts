// What went wrong on the wire, in a few words for whoever reads the log at night.

const MOST_CHARS = 200;

/**
 * Code and message of an error, at most 200 characters: `connect ECONNREFUSED 127.0.0.1:1`,
 * `CERT_HAS_EXPIRED: certificate has expired`.
 */
export function causeOf(error: Error): string {
  const message = messageOf(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  // What the system says names its code; our transport may have changed the field since (see `tellReset` in upstream/connector.ts).
  const told = code === '' || 'syscall' in error || message.includes(code);
  const text = told ? message : `${code}: ${message}`;
  return text.length <= MOST_CHARS ? text : `${text.slice(0, MOST_CHARS - 1)}…`;
}

/** With several addresses each has its own error, and the aggregate no message. */
function messageOf(error: Error): string {
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message || error.name;
  return error.errors.map((each) => (each instanceof Error ? each.message : String(each))).join(', ');
}
