// Which messages count as JSON.

/** `application/json` or anything `+json` (RFC 6839 §3.1), with its parameters. */
const JSON_TYPE = /^\s*(?:application\/json|[\w!#$&^.-]+\/[\w!#$&^.+-]+\+json)\s*(?:;(.*))?$/is;
const CHARSET = /(?:^|;)\s*charset\s*=\s*"?([^";\s]*)/i;

/** Whether a Content-Type says JSON in UTF-8. JSON has no other encoding between systems (RFC 8259 §8.1). */
export function isJsonType(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true;
  const match = contentType === undefined ? null : JSON_TYPE.exec(contentType);
  if (match === null) return false;
  const charset = CHARSET.exec(match[1] ?? '')?.[1];
  return charset === undefined || charset.toLowerCase() === 'utf-8';
}

/** Whether a Content-Encoding leaves the bytes as they are. */
export function isPlain(contentEncoding: string | undefined): boolean {
  return contentEncoding === undefined || /^\s*(?:identity)?\s*$/i.test(contentEncoding);
}
