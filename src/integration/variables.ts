// What a mapping sees beside its input: `$params`, `$query`, `$headers`, `$tenant`, and what its caller adds: `$status`,
// `$request`, `$partial` or `$calls`.
import type { Exchange } from '../exchange/exchange.ts';
import { parseQuery, percentDecode } from '../exchange/query-string.ts';
import type { Variables } from './mapping/expression.ts';

const MAKERS: Readonly<Record<string, (x: Exchange) => unknown>> = {
  params: ({ route, params }) =>
    Object.fromEntries((route?.params ?? []).map((name, index) => [name, percentDecode(params[index] ?? '')])),
  query: ({ query }) => Object.fromEntries(Array.from(parseQuery(query) ?? [], ([name, [first]]) => [name, first])),
  headers: ({ forwardable, requestHeaderEdits }) => headersOf(forwardable, requestHeaderEdits),
  tenant: ({ tenant }) =>
    tenant === undefined ? null : { id: tenant.id, plan: tenant.plan?.name ?? null, roles: [...tenant.roles] },
};

/** Values of the variables that are used, for one request; `more` are the caller's own. */
export function variablesOf(x: Exchange, used: ReadonlySet<string>, more: Variables = {}): Variables {
  const values: Record<string, unknown> = {};
  for (const name of used) {
    const make = Object.hasOwn(MAKERS, name) ? MAKERS[name] : undefined;
    if (make !== undefined) values[name] = make(x);
    else if (Object.hasOwn(more, name)) values[name] = more[name];
  }
  return values;
}

/**
 * The client's headers without those of the connection, by name in lower case; repeated ones joined.
 *
 * @param edits name and value in turn; what is removed, as its credentials are, is none of the mapping's business
 */
function headersOf(flat: readonly string[], edits: Exchange['requestHeaderEdits'] = []): Record<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = (flat[i] ?? '').toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? (flat[i + 1] ?? '') : `${before}, ${flat[i + 1] ?? ''}`);
  }
  for (let i = 0; i + 1 < edits.length; i += 2) {
    if (edits[i + 1] === undefined) headers.delete((edits[i] ?? '').toLowerCase());
  }
  return Object.fromEntries(headers);
}
