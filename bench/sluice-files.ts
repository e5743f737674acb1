// The routes files Sluice is measured with. JSON is YAML, so they are written as values.
import { createHash } from 'node:crypto';
import type { Request } from './loads/http.ts';

/** Whose requests the load sends. */
export const KEY = 'slc_bench_0000000000000000000000000000000000';

/** What the origin's 406 bytes are asked for with. */
export const ITEM = { path: '/v1/items/7', headers: { 'x-api-key': KEY } } as const satisfies Request;

export interface SluiceFiles {
  /** Text of routes.yaml. */
  routes(originPort: number): string;
  /** What gateway.yaml says beside the log's level, or instead of it. */
  readonly gateway?: object;
}

interface Shape {
  /** Routes beside the ones under load. */
  readonly otherRoutes?: number;
  /** More of them: name → what else than `to` it says. */
  readonly described?: Readonly<Record<string, { readonly match: string }>>;
  /** Tenants beside the one that calls. */
  readonly otherTenants?: number;
}

const ORDER_SCHEMA = {
  type: 'object',
  required: ['customer', 'items'],
  additionalProperties: false,
  properties: {
    customer: { type: 'string', minLength: 1 },
    note: { type: 'string' },
    items: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['sku', 'quantity'],
        additionalProperties: false,
        properties: {
          sku: { type: 'string', pattern: '^[A-Z]{3}-[0-9]{4}$' },
          quantity: { type: 'integer', minimum: 1 },
        },
      },
    },
  },
};

/** One kilobyte that {@link ORDER_SCHEMA} accepts. */
const ORDER = JSON.stringify({
  customer: 'c-1',
  note: 'x'.repeat(640),
  items: Array.from({ length: 10 }, (_, i) => ({ sku: `ABC-${1000 + i}`, quantity: i + 1 })),
});

/** {@link ORDER}, sent to this path. */
export function postOrder(path: string): Request {
  return { path, method: 'POST', headers: { ...ITEM.headers, 'content-type': 'application/json' }, body: ORDER };
}

/** One route and nothing on it: open to anyone, unlimited, not logged. */
export function plain(): SluiceFiles {
  return {
    gateway: { log: { level: 'warn', access: false } },
    routes: (originPort) =>
      JSON.stringify({
        version: 1,
        upstreams: { origin: { targets: [`http://127.0.0.1:${originPort}`], breaker: 'none' } },
        routes: { items: { match: 'GET /v1/items/{id}', to: 'origin', auth: 'none', limit: 'none', retry: 0 } },
      }),
  };
}

/** The full chain on every route: key, plan limit, route limit, breaker, retry, request ID, metrics, access log. */
export function fullChain({ otherRoutes = 0, described = {}, otherTenants = 0 }: Shape = {}): SluiceFiles {
  return {
    routes: (originPort) =>
      JSON.stringify({
        version: 1,
        defaults: { auth: 'key', timeout: '5s', retry: 2, limit: '1000000/s' },
        plans: { large: { limit: '1000000/s' } },
        tenants: { bench: { plan: 'large', keys: KEY }, ...Object.fromEntries(range(otherTenants).map(tenant)) },
        upstreams: { origin: `http://127.0.0.1:${originPort}` },
        routes: {
          ...Object.fromEntries(range(otherRoutes).map(route)),
          ...Object.fromEntries(Object.entries(described).map(([name, { match }]) => [name, { match, to: 'origin' }])),
          'get-item': { match: 'GET /v1/items/{id}', to: 'origin' },
          large: { match: 'GET,POST /large', to: 'origin', body_max: 'none' },
          'plain-order': { match: 'POST /v1/plain', to: 'origin' },
          'checked-order': { match: 'POST /v1/checked', to: 'origin', body: ORDER_SCHEMA },
          'limited-item': { match: 'GET /v1/limited', to: 'origin', limit: { rate: '1/h', burst: 1 } },
        },
      }),
  };
}

const ANSWER_SCHEMA = {
  type: 'object',
  required: ['ok', 'filler'],
  additionalProperties: false,
  properties: { ok: { type: 'boolean' }, filler: { type: 'string', minLength: 1 } },
};

/** A route to a third party: the client's body checked and mapped, a bearer token, a pace, the answer checked and mapped. */
export function facade(): SluiceFiles {
  return {
    routes: (originPort) =>
      JSON.stringify({
        version: 1,
        tenants: { bench: { keys: KEY } },
        integrations: {
          vendor: {
            url: `http://127.0.0.1:${originPort}`,
            auth: { bearer: 'a-token' },
            pace: { concurrency: 1000 },
          },
        },
        routes: {
          quote: {
            match: 'POST /v1/quotes',
            to: 'vendor',
            auth: 'key',
            limit: '1000000/s',
            body: ORDER_SCHEMA,
            request: {
              path: '/rates',
              body: '{ "buyer": customer, "note": note, "lines": items.{ "article": sku, "pieces": quantity } }',
            },
            response: {
              schema: ANSWER_SCHEMA,
              sample: '100%',
              body: '{ "accepted": ok, "text": filler }',
            },
          },
        },
      }),
  };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function route(index: number): [string, unknown] {
  return [`route-${index}`, { match: `GET /v1/area-${index % 100}/things-${index}/{id}`, to: 'origin' }];
}

function tenant(index: number): [string, unknown] {
  const hash = createHash('sha256').update(`tenant ${index}`).digest('hex');
  return [`tenant-${index}`, { plan: 'large', keys: `sha256:${hash}` }];
}
