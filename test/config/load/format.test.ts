// The whole format: every setting that there is, in its short and its long form, and every built-in value.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, rehearsed, soundConfig, told } from './routes.ts';

const FILES = {
  'config/schemas/order.json': '{ "type": "object" }',
  'config/schemas/order-out.json': '{ "type": "object" }',
  'config/schemas/headers.json': '{ "required": ["x-debug"] }',
  'plugins/audit.ts': 'export default (req, res, next) => next();',
  'plugins/hsts.ts': 'export default ({ hsts }) => (req, res, next) => (hsts ? undefined : next());',
  'secrets/bolt': 'bolt-key-0123456789\n',
};
const ENV = { ACME_KEY_NEXT: 'acme-next-0123456789', ORDERS: 'http://127.0.0.1:7001' };

const EVERYTHING = `
version: 1
defaults:
  auth: key
  timeout: 5s
  retry: 2
  body_max: 1MiB
plans:
  standard: { limit: 100/min }
  pro: { limit: [50/s, 10000/h], concurrency: 100 }
  bursty: { limit: 50/s, burst: 5 }
tenants:
  acme:
    plan: pro
    keys: ["sha256:${'9f'.repeat(32)}", "\${env:ACME_KEY_NEXT}"]
    roles: [orders.write]
    headers: { x-tenant-tier: gold }
    limits: { create-order: 200/min, events: { rate: 5/s, burst: 9 } }
    disabled: false
  bolt: { plan: "\${env:PLAN:-standard}", keys: "\${file:secrets/bolt}", disabled: true }
upstreams:
  orders: "\${env:ORDERS}"
  spare: [http://127.0.0.1:7004, http://127.0.0.1:7005]
  catalog:
    targets: [http://127.0.0.1:7002, { url: http://127.0.0.1:7003, weight: 2 }]
    balance: least_pending
    health: { path: /healthz, every: 5s, timeout: 1s, fail: 3, pass: 2 }
    eject: { failures: 5, for: 30s, max: 50% }
    breaker: { failures: 50%, min: 20, window: 10s, open: 30s }
    retry: { max: 1, when: reset }
    timeout: { connect: 1s, try: 3s, idle: 30s }
    connections: 128
    concurrency: 500
    retry_budget: { ratio: 20%, min: 3/s }
    host: preserve
  sticky: { targets: http://127.0.0.1:7006, balance: { hash: tenant }, eject: none, breaker: none, health: none }
routes:
  create-order:
    match: POST /v1/orders
    to: orders
    auth: { key: { roles: [orders.write] } }
    limit: 10/s
    concurrency: 20
    body: config/schemas/order.json
    response: { schema: config/schemas/order-out.json, on_fail: report, sample: 10% }
    retry: { max: 3, when: [connect, reset, timeout, 502, 503, 504], backoff: 100ms..2s, replay: 64KiB }
    timeout: 8s
    breaker: { open: 10s }
    rewrite: /orders
    headers:
      request: { set: { x-tenant: "{tenant}" }, remove: [x-debug], schema: config/schemas/headers.json }
      response: { set: {}, remove: [server] }
    cors: { origins: ["https://app.example"], credentials: true }
    ip: { allow: [10.0.0.0/8], deny: [] }
    use: [./plugins/audit.ts, { module: ./plugins/hsts.ts, with: { hsts: false } }]
  get-order:
    match: { method: [GET], path: "/v1/orders/{id}", host: api.example.com, headers: { x-beta: "1" }, query: { v: "2" } }
    to: orders
    params: { properties: { id: { type: integer } } }
    query: { properties: { v: { const: 2 } } }
    fallback: { status: 200, body: { items: [] } }
    disabled: false
    limit: { rate: [10/s, 500/h], per: client }
    encoded_slashes: true
  compare: { match: "GET /v1/compare/{base}...{head}", to: orders, auth: [key], rewrite: "/c/{base}/{head}" }
  several: { match: "PUT,PATCH /v1/items/**", to: spare, strip_prefix: /v1, limit: { rate: 10/s, burst: 20, per: key } }
  events: { match: GET /v1/events, to: catalog, websocket: { idle: 5m, max: 24h } }
  plain: { match: /v1/plain, to: sticky, auth: none, websocket: true, body_max: none, limit: { rate: 1/s, per: route } }
  slow: { match: GET /v1/slow, to: catalog, timeout: { answer: 8s, idle: 30s, total: 60s }, retry: 0, limit: none }
`;

test('everything that can be set loads, and builds', async (t) => {
  const { findings } = await load(t, EVERYTHING, FILES, ENV);
  assert.deepEqual(told(findings), []);
  assert.deepEqual(told(await rehearsed(t, EVERYTHING, FILES, ENV)), []);
});

test('what is not set has its built-in value', async (t) => {
  const config = await soundConfig(
    t,
    'version: 1\nupstreams: { u: http://127.0.0.1:1 }\nroutes: { a: { match: GET /a, to: u, auth: none, websocket: true } }\n',
  );
  const { core, policies } = config.routes.get('a') ?? assert.fail();
  const { targets: _targets, ...upstream } = config.upstreams.get('u')?.settings ?? assert.fail();
  const retry = {
    max: 2,
    when: ['connect', 'reset', 'timeout', 502, 503, 504],
    backoff: { baseMs: 50, capMs: 1000 },
    replay: 65_536,
  };
  const breaker = { failures: 0.5, min: 20, window: 10_000, open: 30_000 };
  assert.deepEqual(core.timeout, { answer: 30_000, idle: 30_000, total: null });
  assert.deepEqual(core.retry, retry);
  assert.deepEqual(core.breaker, breaker);
  assert.deepEqual([core.body_max, core.disabled, core.fallback], [10_485_760, false, undefined]);
  assert.deepEqual(core.websocket, { idle: 300_000, max: null });
  for (const name of ['limit', 'cors', 'ip', 'concurrency']) {
    assert.ok(!policies.find((policy) => policy.name === name)?.settings, name);
  }
  assert.deepEqual(upstream, {
    balance: { by: 'least_pending', hash: undefined },
    health: undefined,
    eject: { failures: 5, for: 30_000, max: 0.5 },
    breaker,
    retry,
    timeout: { connect: 2000, try: 15_000, answer: 30_000, idle: 30_000, total: null },
    connections: 128,
    concurrency: null,
    retry_budget: { ratio: 0.2, min: { limit: 3, windowMs: 1000, text: '3/s' } },
    tls: undefined,
    host: undefined,
  });
});

test('none switches off what would hold otherwise, also over defaults', async (t) => {
  const config = await soundConfig(
    t,
    `version: 1
defaults: { auth: key, breaker: { open: 5s }, limit: 1/s, cors: { origins: ["https://a.example"] }, ip: { deny: [10.0.0.0/8] } }
upstreams: { u: { targets: http://127.0.0.1:1, breaker: none, eject: none, timeout: { try: none } } }
routes:
  a: { match: GET /a, to: u, timeout: none, body_max: none, retry: 0, limit: none, cors: none, ip: none, auth: none }
  b: { match: GET /b, to: u, breaker: { min: 3 } }
`,
  );
  const { core, policies } = config.routes.get('a') ?? assert.fail();
  assert.deepEqual([core.timeout, core.body_max, core.retry.max, core.breaker], [null, null, 0, null]);
  for (const name of ['limit', 'cors', 'ip', 'auth']) {
    assert.ok(!policies.find((policy) => policy.name === name)?.settings, name);
  }
  const upstream = config.upstreams.get('u')?.settings;
  assert.deepEqual([upstream?.breaker, upstream?.eject, upstream?.timeout.try], [null, null, null]);
  assert.equal(config.routes.get('b')?.core.breaker?.min, 3);
});
