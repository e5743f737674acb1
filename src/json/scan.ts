// Strict JSON: what JSON.parse lets through (duplicate keys, any depth, broken UTF-8) is refused, with its position.
// The valid path is one pass over the bytes, JSON.parse, and a count of keys; who is at fault is worked out only when someone is.
import { isUtf8 } from 'node:buffer';
import { traceJson } from './trace.ts';

/** Why a text is not acceptable JSON. */
export type JsonFaultKind = 'syntax' | 'duplicate' | 'depth' | 'keys' | 'encoding';

/** Where and why; lines and columns start at 1, columns count characters. */
export interface JsonFault {
  readonly error: JsonFaultKind;
  readonly line: number;
  readonly column: number;
  readonly detail: string;
}

export type JsonScan = { readonly value: unknown } | JsonFault;

/** Deepest nesting of arrays and objects in a message. */
const MAX_JSON_DEPTH = 64;
/** Most keys in a message, over all its objects: a table of a million keys costs seconds, however small it is in bytes. */
const MAX_JSON_KEYS = 100_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Parses `bytes` as JSON (RFC 8259) in UTF-8. Refuses duplicate keys, as I-JSON does (RFC 7493 §2.3): two parsers may
 * disagree about which one counts. Keys such as `__proto__` become own properties, as JSON.parse makes them.
 */
export function scanJson(bytes: Buffer, options: { readonly maxDepth?: number } = {}): JsonScan {
  const maxDepth = options.maxDepth ?? MAX_JSON_DEPTH;
  if (!isUtf8(bytes)) return encodingFault(bytes);
  const text = bytes.toString('utf8');
  const keys = countKeys(bytes, maxDepth);
  if (keys === TOO_DEEP) return faultOf(text, maxDepth);
  if (keys < 0) return keysFault(bytes, -keys);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return faultOf(text, maxDepth);
  }
  // A duplicate key overwrites the first, so the value then has fewer keys than the text has colons.
  if (keys > 0 && ownKeys(value) !== keys) return faultOf(text, maxDepth);
  return { value };
}

const TOO_DEEP = -1;

/**
 * Counts the colons outside strings. {@link TOO_DEEP} when the nesting goes beyond `maxDepth`, the negative offset of the colon
 * beyond {@link MAX_JSON_KEYS} when there are more. Exact for valid JSON only.
 */
function countKeys(bytes: Buffer, maxDepth: number): number {
  let keys = 0;
  let depth = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) i = endOfString(bytes, i + 1);
    else if (byte === COLON) {
      if (++keys > MAX_JSON_KEYS) return -i;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > maxDepth) return TOO_DEEP;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth--;
  }
  return keys;
}

/** Index of the closing quote, or the end of the text. */
function endOfString(bytes: Buffer, from: number): number {
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) return i;
    if (byte === BACKSLASH) i++;
  }
  return bytes.length;
}

/** How many keys a parsed value has, over all levels. Its depth is known to be bounded. */
function ownKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) keys += ownKeys(value[i]);
    return keys;
  }
  for (const child of Object.values(value)) keys += 1 + ownKeys(child);
  return keys;
}

function faultOf(text: string, maxDepth: number): JsonFault {
  const trace = traceJson(text, { maxDepth });
  // Both parsers read the same grammar; should they ever differ, the text is refused all the same.
  const fault = trace.fault ?? { error: 'syntax', offset: 0, detail: 'is not valid JSON' };
  return { error: fault.error, ...position(text, fault.offset), detail: fault.detail };
}

/** Line and column of an offset in a text. */
export function position(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let i = text.indexOf('\n'); i >= 0 && i < offset; i = text.indexOf('\n', i + 1)) {
    line++;
    start = i + 1;
  }
  let column = 1;
  for (let i = start; i < offset; i++) {
    // The second half of a surrogate pair is no character of its own.
    if ((text.charCodeAt(i) & 0xfc00) !== 0xdc00) column++;
  }
  return { line, column };
}

function keysFault(bytes: Buffer, offset: number): JsonFault {
  const before = bytes.toString('utf8', 0, offset);
  return { error: 'keys', ...position(before, before.length), detail: `has more than ${MAX_JSON_KEYS} keys` };
}

function encodingFault(bytes: Buffer): JsonFault {
  const start = encodingFaultAt(bytes);
  const before = bytes.toString('utf8', 0, start);
  return { error: 'encoding', ...position(before, before.length), detail: 'is not valid UTF-8' };
}

/** Where the first character begins that is not UTF-8: the half it is in, and the half of that, each looked at once. */
function encodingFaultAt(bytes: Buffer): number {
  let start = 0;
  let end = bytes.length;
  while (end - start > 2 * LONGEST_SEQUENCE) {
    const middle = characterStart(bytes, (start + end) >> 1);
    if (isUtf8(bytes.subarray(start, middle))) start = middle;
    else end = middle;
  }
  for (;;) {
    const length = sequenceLength(bytes[start] ?? 0);
    if (start + length > bytes.length || !isUtf8(bytes.subarray(start, start + length))) return start;
    start += length;
  }
}

/** Bytes of the longest UTF-8 sequence (RFC 3629 §3). */
const LONGEST_SEQUENCE = 4;

/** Where the character begins that the byte at `index` is part of. */
function characterStart(bytes: Buffer, index: number): number {
  let at = index;
  while (at > index - LONGEST_SEQUENCE + 1 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at--;
  return at;
}

/** Bytes of the UTF-8 sequence that a lead byte announces (RFC 3629 §3). */
function sequenceLength(lead: number): number {
  if (lead < 0x80) return 1;
  if (lead < 0xe0) return 2;
  return lead < 0xf0 ? 3 : 4;
}
