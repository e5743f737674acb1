// What an intermediary does with each header it meets, decided once per name and remembered by its exact spelling.

export const PASS = 0;
/** Hop-by-hop (RFC 9110 §7.6.1): ends here. */
const HOP = 1;
/** Says who the client is, or is set by the gateway itself: only the gateway may. */
const OWNED = 2;
export const HOST = 3;
const CONTENT_LENGTH = 4;
const TRANSFER_ENCODING = 5;
const EXPECT = 6;
export const VIA = 7;
export const FORWARDED_FOR = 8;
const CONNECTION = 9;
export const TE = 10;
export const CONTENT_TYPE = 11;

export type HeaderKind = number;

const KINDS: ReadonlyMap<string, HeaderKind> = new Map([
  ['connection', CONNECTION],
  ['keep-alive', HOP],
  ['proxy-connection', HOP],
  ['proxy-authorization', HOP],
  ['proxy-authenticate', HOP],
  ['http2-settings', HOP],
  ['te', TE],
  ['trailer', HOP],
  ['transfer-encoding', TRANSFER_ENCODING],
  ['upgrade', HOP],
  ['host', HOST],
  ['content-length', CONTENT_LENGTH],
  ['content-type', CONTENT_TYPE],
  ['expect', EXPECT],
  ['via', VIA],
  ['x-forwarded-for', FORWARDED_FOR],
  ['x-forwarded-proto', OWNED],
  ['x-forwarded-host', OWNED],
  ['x-forwarded-port', OWNED],
  ['x-forwarded-prefix', OWNED],
  ['x-forwarded-scheme', OWNED],
  ['x-forwarded-ssl', OWNED],
  ['x-forwarded-server', OWNED],
  ['x-forwarded-user', OWNED],
  ['x-original-url', OWNED],
  ['x-original-host', OWNED],
  ['x-rewrite-url', OWNED],
  ['x-real-ip', OWNED],
  ['x-client-ip', OWNED],
  ['true-client-ip', OWNED],
  ['forwarded', OWNED],
  ['x-tenant', OWNED],
  ['x-request-id', OWNED],
  ['traceparent', OWNED],
]);

// Spellings are the client's: without a cap, random names would fill the memory.
const REMEMBERED_MAX = 1024;

/** The kind of every header name, for one snapshot: what its tenants' and routes' own headers are called is owned, too. */
export class HeaderKinds {
  readonly #owned: ReadonlySet<string>;
  readonly #remembered = new Map<string, HeaderKind>();

  /** @param owned lower-case names that the configuration sets on requests to upstreams. */
  constructor(owned: Iterable<string>) {
    this.#owned = new Set(Array.from(owned, canonicalName));
  }

  /** The kind of a name in any case. `x_tenant` counts as `x-tenant`: servers behind CGI-like interfaces merge them. */
  of(name: string): HeaderKind {
    const known = this.#remembered.get(name);
    if (known !== undefined) return known;
    const canonical = canonicalName(name);
    const kind = KINDS.get(canonical) ?? (this.#owned.has(canonical) ? OWNED : PASS);
    if (this.#remembered.size < REMEMBERED_MAX) this.#remembered.set(name, kind);
    return kind;
  }
}

/** Lower case, with `_` read as `-`. */
export function canonicalName(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}
