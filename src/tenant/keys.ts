// API keys: how one is made, what may stand for one in a file, and the digest by which it is known.
import { hash, randomBytes } from 'node:crypto';
import * as s from '../schema/schema.ts';

/** 64 lower-case hex digits. */
export type KeyDigest = string;

const HASHED = 'sha256:';
const PREFIX = 'slc_';
const SECRET_MIN = 16;
const SECRET_MAX = 512;

/** SHA-256 of a key. Keys are random and long, so a fast hash leaves nothing to guess. */
export function keyDigest(key: string): KeyDigest {
  return hash('sha256', key, 'hex');
}

/** Whether a text is too long to be a key of ours, so that hostile ones need not be hashed. */
export function isOverlong(key: string): boolean {
  return key.length > SECRET_MAX;
}

/** A fresh key of 256 random bits, safe in headers, URLs and a WebSocket subprotocol, and the line that lets it in. */
export function newKey(): { readonly key: string; readonly hash: string } {
  const key = PREFIX + randomBytes(32).toString('base64url');
  return { key, hash: HASHED + keyDigest(key) };
}

/**
 * Reads `sha256:` and 64 hex digits, or a secret in clear, which is hashed at once. No message repeats the text.
 * A secret has {@link SECRET_MIN} to {@link SECRET_MAX} visible ASCII characters: anything else cannot be sent in a header.
 */
function parseKey(text: string): KeyDigest | s.Refusal {
  if (text.slice(0, HASHED.length).toLowerCase() === HASHED) return parseHashed(text);
  if (text.length < SECRET_MIN) {
    return { error: `a key in clear needs ${SECRET_MIN} characters or more`, hint: '`sluice keys new` makes one' };
  }
  if (isOverlong(text)) return { error: `a key in clear has at most ${SECRET_MAX} characters` };
  if (!/^[!-~]+$/.test(text)) return { error: 'a key in clear is visible ASCII without spaces' };
  return keyDigest(text);
}

function parseHashed(text: string): KeyDigest | s.Refusal {
  const digits = text.slice(HASHED.length);
  if (text.startsWith(HASHED) && /^[0-9a-f]{64}$/i.test(digits)) return Buffer.from(digits, 'hex').toString('hex');
  return { error: `a hashed key is ${HASHED} and 64 hex digits`, hint: '`sluice keys new` makes one' };
}

/** A key in the file; decodes to its digest. */
export const keySchema: s.Schema<KeyDigest> = s.custom({
  doc: 'sha256: and the 64 hex digits of its hash, or the secret itself, better as a reference',
  expected: 'a key: sha256: and 64 hex digits, or a secret',
  parse: parseKey,
  json: { type: 'string', examples: ['sha256:…'] },
});
