// The header fields of a request to an upstream: what the client sent and may pass, then what only the gateway may say.
import type { Exchange } from '../exchange/exchange.ts';

/** What every request to an upstream carries, fixed at start. */
export interface ForwardSettings {
  /** Name and comment of our own `Via` entry: `sluice (token)`. */
  readonly via: string;
  /** Also send `Forwarded` (RFC 7239). */
  readonly forwarded: boolean;
}

/**
 * Flat name/value pairs for undici. Names keep the client's spelling.
 *
 * @param host the target's authority, or the client's where the upstream preserves it.
 */
export function requestHeaders(x: Exchange, host: string, settings: ForwardSettings): string[] {
  const headers = x.forwardable;
  const { requestHeaderEdits: edits } = x;
  const tenantHeaders = x.tenant?.headers;
  headers.unshift('host', host);
  const peer = x.peer;
  headers.push(
    'Via',
    `${x.via === '' ? '' : `${x.via}, `}1.${x.req.httpVersionMinor} ${settings.via}`,
    'X-Forwarded-For',
    x.forwardedFor === '' ? peer : `${x.forwardedFor}, ${peer}`,
    'X-Forwarded-Proto',
    x.scheme,
    'X-Request-Id',
    x.requestId,
    'traceparent',
    x.traceparent,
  );
  if (x.forwardedHost !== '') headers.push('X-Forwarded-Host', x.forwardedHost);
  if (settings.forwarded) headers.push('Forwarded', forwarded(x, peer));
  if (tenantHeaders !== undefined) for (const field of tenantHeaders) headers.push(field);
  if (edits !== undefined) edit(headers, edits);
  const { body } = x;
  if (body.present && body.bytes === undefined && body.length !== undefined) {
    headers.push('Content-Length', String(body.length));
  }
  return headers;
}

/** Applies a policy's edits in order: a name's old fields go, a new value is appended. */
function edit(headers: string[], edits: readonly (string | undefined)[]): void {
  for (let i = 0; i + 1 < edits.length; i += 2) {
    const name = edits[i] ?? '';
    const value = edits[i + 1];
    removeHeader(headers, name.toLowerCase());
    if (value !== undefined) headers.push(name, value);
  }
}

/** Removes every field of a name from flat pairs, in place. */
function removeHeader(headers: string[], name: string): void {
  let kept = 0;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const each = headers[i] ?? '';
    if (each.length === name.length && each.toLowerCase() === name) continue;
    headers[kept++] = each;
    headers[kept++] = headers[i + 1] ?? '';
  }
  headers.length = kept;
}

/** One element of `Forwarded` (RFC 7239 §4), after those of trusted proxies. */
function forwarded(x: Exchange, peer: string): string {
  const node = peer.includes(':') ? `"[${peer}]"` : peer;
  const host = x.authority === '' ? '' : `;host="${x.authority}"`;
  const before = x.forwardedBefore === '' ? '' : `${x.forwardedBefore}, `;
  return `${before}for=${node}${host};proto=${x.scheme}`;
}
