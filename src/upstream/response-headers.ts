// The header fields of an upstream's response as the client gets them: in order, in their case, without what ends here.

const PASS = 0;
const DROP = 1;
/** Ends here, and names further fields that do. */
const CONNECTION = 2;
/** Ours take its place when the gateway limits, too. */
const RATE_LIMIT = 3;

const KINDS: ReadonlyMap<string, number> = new Map([
  ['connection', CONNECTION],
  ['keep-alive', DROP],
  ['proxy-connection', DROP],
  ['proxy-authenticate', DROP],
  ['te', DROP],
  ['trailer', DROP],
  ['transfer-encoding', DROP],
  ['upgrade', DROP],
  ['x-request-id', DROP],
  ['ratelimit', RATE_LIMIT],
  ['ratelimit-policy', RATE_LIMIT],
]);

/** A field name as it was spelled, and what is to be done with it. */
interface Name {
  readonly bytes: Buffer;
  readonly text: string;
  readonly lower: string;
  readonly kind: number;
}

/**
 * Names met before, by their bytes: the same few come with every response, and need not be made into strings again. One place
 * for each hash, so that an upstream that makes names up cannot fill the memory.
 */
const met = Array.from<Name | undefined>({ length: 1024 });

function nameOf(bytes: Buffer): Name {
  const { length } = bytes;
  const place = ((bytes[0] ?? 0) * 31 + (bytes[length >> 1] ?? 0) * 17 + (bytes[length - 1] ?? 0) * 7 + length) & 1023;
  const known = met[place];
  if (known !== undefined && isSame(known.bytes, bytes)) return known;
  const text = bytes.toString('latin1');
  const lower = text.toLowerCase();
  // A copy: what the parser hands out is a view of a much larger buffer.
  const name = { bytes: Buffer.from(bytes), text, lower, kind: KINDS.get(lower) ?? PASS };
  met[place] = name;
  return name;
}

function isSame(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * @param raw name and value bytes in turn, as they came.
 * @param parsed the same as undici has parsed them, by lower-case name: values that are strings already.
 * @param limited the gateway adds `RateLimit` fields of its own.
 * @returns flat name/value pairs.
 */
export function responseHeaders(raw: RawHeaders, parsed: ParsedHeaders, limited: boolean): string[] {
  const headers: string[] = [];
  let nominated: string[] | undefined;
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const { text, lower, kind } = nameOf(bytesOf(raw[i]));
    if (kind === DROP || (kind === RATE_LIMIT && limited)) continue;
    const single = parsed[lower];
    const value = typeof single === 'string' ? single : bytesOf(raw[i + 1]).toString('latin1');
    if (kind === CONNECTION) nominated = nominate(nominated, value);
    else headers.push(text, value);
  }
  return nominated === undefined ? headers : without(headers, nominated);
}

function bytesOf(raw: Buffer | string | undefined): Buffer {
  return typeof raw === 'object' ? raw : Buffer.from(raw ?? '', 'latin1');
}

/** Name and value in turn. */
export type RawHeaders = readonly (Buffer | string)[];

/** undici's: lower-case names. */
export type ParsedHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** Where nobody has parsed them. */
export const UNPARSED: ParsedHeaders = {};

/** Names in `Connection` (RFC 9110 §7.6.1); the everyday values name nothing. */
function nominate(names: string[] | undefined, value: string): string[] | undefined {
  const lower = value.toLowerCase();
  if (lower === 'keep-alive' || lower === 'close') return names;
  return [...(names ?? []), ...lower.split(',').map((name) => name.trim())];
}

function without(headers: readonly string[], names: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (!names.includes(name.toLowerCase())) kept.push(name, headers[i + 1] ?? '');
  }
  return kept;
}

/** A 1xx or 204 has no content, and says no length (RFC 9110 §8.6): a client that believes one takes the next answer for it. */
export function withoutLength(headers: readonly string[]): string[] {
  return without(headers, LENGTH);
}
const LENGTH = ['content-length'];

/** First value of a field in flat pairs; the name in lower case. */
export function fieldOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const each = headers[i] ?? '';
    if (each.length === name.length && each.toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}
