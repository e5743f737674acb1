import assert from 'node:assert/strict';
import { test } from 'node:test';
import { audited, told } from '../load/routes.ts';

const UPSTREAM = 'upstreams: { orders: { targets: http://127.0.0.1:7001, timeout: { try: 3s } } }';
const KEY = `sha256:${'a'.repeat(64)}`;

test('a guarded file with limits, timeouts and nothing to spare has no warning', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, retry: 1 }
plans: { pro: { limit: 10/s } }
tenants: { acme: { plan: pro, keys: "${KEY}" } }
${UPSTREAM}
routes: { a: { match: GET /a, to: orders } }
`,
  );
  assert.deepEqual(told(warnings), []);
});

test('open routes, and routes without a limit, are told', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
tenants: { acme: { keys: "${KEY}" } }
${UPSTREAM}
routes:
  open: { match: GET /a, to: orders, auth: none }
  free: { match: GET /b, to: orders, auth: key }
  fine: { match: GET /c, to: orders, auth: key, limit: 1/s }
`,
  );
  assert.deepEqual(told(warnings), ['5:3 warning no-limit', '5:44 warning open-route', '6:3 warning no-limit']);
});

test('a call without a timeout, and retries that outlive theirs, are told', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
${UPSTREAM}
routes:
  ever: { match: GET /a, to: orders, timeout: none }
  long: { match: GET /b, to: orders, timeout: 5s, retry: 2 }
  fine: { match: GET /c, to: orders, timeout: 10s, retry: 2 }
  none: { match: GET /d, to: orders, timeout: 1s, retry: 0 }
`,
  );
  assert.deepEqual(told(warnings), ['5:47 warning no-timeout', '6:58 warning retry-outlives-timeout']);
});

test('a value in defaults that is wrong for many routes is told once', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s, timeout: 5s, retry: 2 }
${UPSTREAM}
routes: { a: { match: GET /a, to: orders }, b: { match: GET /b, to: orders } }
`,
  );
  assert.deepEqual(told(warnings), ['2:56 warning retry-outlives-timeout']);
});

test('retries written for POST, and schemas that accept anything, are told', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
${UPSTREAM}
routes:
  a: { match: POST /a, to: orders, retry: 1, body: { title: Anything } }
`,
  );
  assert.deepEqual(told(warnings), ['5:43 warning post-retry', '5:52 warning schema-accepts-anything']);
});

test('schemas in files that accept anything are told where they are named', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
${UPSTREAM}
routes:
  a: { match: GET /a, to: orders, response: { schema: open.json } }
  b: { match: GET /b, to: orders, response: { schema: true.json } }
  c: { match: GET /c, to: orders, response: { schema: some.json } }
`,
    { 'open.json': '{ "title": "Anything" }', 'true.json': 'true', 'some.json': '{ "type": "object" }' },
  );
  assert.deepEqual(told(warnings), ['5:55 warning schema-accepts-anything', '6:55 warning schema-accepts-anything']);
});

test('secrets in clear text are told, hashes and references are not', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
tenants: { acme: { keys: ["${KEY}", a-key-in-clear-text] } }
${UPSTREAM}
routes:
  a: { match: GET /a, to: orders, headers: { request: { set: { authorization: Basic c2VjcmV0, x-plain: text } } } }
`,
  );
  assert.deepEqual(told(warnings), ['3:102 warning secret-in-clear', '6:79 warning secret-in-clear']);
});

test('a secret in clear text is told wherever one may stand: what a tenant adds, TLS, settings of a module', async (t) => {
  const found = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
tenants:
  acme: { headers: { Authorization: Basic c2VjcmV0, x-tier: gold } }
  bolt: { headers: { authorization: "\${env:BOLT}" } }
upstreams:
  orders:
    targets: https://127.0.0.1:7001
    tls:
      cert: cert.pem
      key: |
        -----BEGIN PRIVATE KEY-----
        hunter2
        -----END PRIVATE KEY-----
routes:
  a: { match: GET /a, to: orders, use: { module: ./own.ts, with: { db: { password: hunter2 } } } }
  b: { match: GET /b, to: orders, use: { module: ./own.ts, with: { db: { password: "\${env:BOLT}" } } } }
  c: { match: GET /c, to: orders, headers: { request: { set: { authorization: "Bearer {query.t}" } } } }
`,
    {},
    { BOLT: 'Basic c2VjcmV0' },
  );
  assert.deepEqual(told(found), [
    '4:37 warning secret-in-clear',
    '11:12 warning secret-in-clear',
    '16:66 warning secret-in-clear',
  ]);
  assert.equal(found[0]?.message, 'Authorization holds a secret in clear text');
  assert.doesNotMatch(JSON.stringify(found), /hunter2|c2VjcmV0/);
});

test('upstreams and plans that nobody uses are told', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
plans: { pro: { limit: 1/s } }
upstreams:
  orders: http://127.0.0.1:7001
  spare: http://127.0.0.1:7002
routes: { a: { match: GET /a, to: orders } }
`,
  );
  assert.deepEqual(told(warnings), ['3:10 warning unused-plan', '6:3 warning unused-upstream']);
});

test('a guarded route that an open wildcard backs up, and twins by a slash, are told', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
${UPSTREAM}
routes:
  admin: { match: GET /v1/admin, to: orders }
  slash: { match: GET /v1/admin/, to: orders, auth: none }
  rest: { match: /v1/**, to: orders, auth: none }
  other: { match: GET /v2/admin, to: orders }
`,
  );
  assert.deepEqual(
    told(warnings).filter((each) => !each.endsWith('open-route')),
    ['5:19 warning open-shadow', '6:19 warning slash-twin'],
  );
});

test('a guarded route whose path an open one takes with an encoded slash', async (t) => {
  const found = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
${UPSTREAM}
routes:
  item: { match: "/files/{name}", to: orders, auth: none, encoded_slashes: true }
  private: { match: "/files/private/{name}", to: orders }
  plain: { match: "/other/{name}", to: orders, auth: none }
  deep: { match: "/other/deep/{name}", to: orders }
`,
  );
  const shadows = found.filter(({ code }) => code === 'open-shadow');
  assert.deepEqual(
    shadows.map(({ message }) => message),
    ['"private": what spells one of its paths with an encoded slash is refused, since "item" is open'],
  );
});
