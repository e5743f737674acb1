// The settings of a route: its own keys, and one for each policy. `defaults` may hold all but what a route is.
import { callsSchema, requestSchema } from '../../integration/route-settings.ts';
import { policies } from '../../policies/index.ts';
import { breakerSchema, retrySchema, timeoutSchema } from '../../resilience/settings.ts';
import { matchSchema } from '../../route/match.ts';
import * as s from '../../schema/schema.ts';

/** Names in routes.yaml: of a route, an upstream or an integration. They become metric labels, so they are plain. */
export const NAME = { pattern: /[A-Za-z0-9][A-Za-z0-9._/-]{0,127}/, expected: 'a name such as create-order' };

const fallback = s.object(
  {
    status: s.integer({ doc: 'Status of the answer', default: 200, min: 200, max: 599 }),
    body: s.optional(s.json({ doc: 'Body of the answer, sent as JSON' })),
  },
  { doc: 'The answer when the upstream has none: breaker open, no target, connect, timeout', name: 'fallback' },
);

const websocket = s.short(
  s.object(
    {
      idle: s.duration({ doc: 'Longest silence, either way', default: '5m', min: '1ms' }),
      max: s.off(s.duration({ doc: 'Longest life of a connection', min: '1ms' }), { default: 'none' }),
    },
    { doc: 'Upgrades to WebSocket; plain requests on the path still work', name: 'websocket' },
  ),
  s.boolean({ doc: 'Upgrades to WebSocket, with the default times' }),
  (short) => (isTrue(short) ? s.settings.map([], short.at) : s.settings.leaf(null, 'false', short.at)),
);

function isTrue(setting: s.Setting): boolean {
  return setting.kind === 'leaf' && setting.value === true;
}

/** What makes a route: never in `defaults`. */
const identity = {
  match: matchSchema,
  to: s.optional(
    s.string({ doc: 'The upstream or integration that answers', expected: 'the name of an upstream or integration' }),
  ),
  request: s.optional(requestSchema),
  calls: s.optional(callsSchema),
};

/** How a call is attempted. */
const attempt = { timeout: s.shared(timeoutSchema), retry: s.shared(retrySchema) };

/** What a route says of the call itself, beyond its policies. */
const call = {
  ...attempt,
  breaker: s.shared(breakerSchema),
  fallback: s.shared(s.optional(s.off(fallback))),
  websocket: s.shared(s.optional(s.off(websocket))),
  disabled: s.boolean({ doc: 'Whether the route answers 503 to everything', default: false }),
  body_max: s.off(s.bytes({ doc: 'Largest request body', default: '10MiB' })),
  encoded_slashes: s.optional(
    s.boolean({ doc: 'Whether %2f may stand in the path; without it, as in http.encoded_slashes' }),
  ),
};

const policyFields: Readonly<Record<string, s.Schema<unknown>>> = Object.fromEntries(
  policies.map(({ name, summary, schema }) => [name, s.shared(s.described(schema, summary))]),
);

function optionalFields(
  fields: Readonly<Record<string, s.Schema<unknown>>>,
): Readonly<Record<string, s.Schema<unknown>>> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, s.optional(field)]));
}

/** Names that later versions give a meaning to. */
const RESERVED = [
  'abort_if',
  'async',
  'cache',
  'deprecated',
  'flags',
  'hmac',
  'idempotency',
  'jwt',
  'mirror',
  'mock',
  'mtls',
  'oidc',
  'on_store_down',
  'region',
  'residency',
  'split',
  'sticky',
  'version',
  'webhook',
];

/** A route's own keys, decoded: the policies' settings are beside them in the same tree. */
export const routeCore = s.object({ ...identity, ...call }, { doc: 'A route', name: 'route' });

export type RouteCore = s.Infer<typeof routeCore>;

/** How one call is attempted. */
export const attemptSchema = s.object(attempt, { doc: 'How one call is attempted', name: 'call' });

/** A route with every layer merged: the policies say what must be there. */
export const routeSchema = s.object(
  { ...identity, ...call, ...policyFields },
  { doc: 'What happens to requests that match', name: 'route' },
);

/** A route as it is written: what must be there may come from `defaults`, all but what makes it a route. */
export const writtenRouteSchema = s.partial(
  s.object(
    { ...identity, ...call, ...optionalFields(policyFields) },
    { doc: 'What happens to requests that match', name: 'route', reserved: RESERVED },
  ),
);

/** Everything that `defaults` may say. */
export const defaultsSchema = s.partial(
  s.object(
    { ...call, ...optionalFields(policyFields) },
    { doc: 'Settings of every route that does not say otherwise', name: 'default', reserved: RESERVED },
  ),
);

/** Settings of a call that may also stand on what is called, between `defaults` and the route. */
export const SHARED_WITH_CALLED = ['timeout', 'retry', 'breaker'] as const;
