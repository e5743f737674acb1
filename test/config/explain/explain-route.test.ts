import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import { explainRequest } from '../../../src/config/explain/explain-request.ts';
import { explainRoute, explanationText } from '../../../src/config/explain/explain-route.ts';
import { shownConfig } from '../../../src/config/explain/shown.ts';
import { soundConfig } from '../load/routes.ts';

const TEXT = `version: 1
defaults: { auth: key, timeout: 5s }
plans: { pro: { limit: [50/s, 1000/h], concurrency: 9 } }
tenants:
  acme: { plan: pro, roles: [read], limits: { list: { rate: 30/s, burst: 3 } } }
  bolt: { disabled: true }
upstreams: { orders: { targets: http://127.0.0.1:7001, timeout: { try: 1s } } }
routes:
  list:
    match: GET /orders
    to: orders
    limit: { rate: 10/s, burst: 20 }
    headers: { request: { set: { x-key: "\${env:SECRET}", authorization: Basic abc } } }
  make: { match: POST /orders, to: orders, auth: { key: { roles: [read, write] } } }
  open: { match: GET /open, to: orders, auth: none, disabled: true }
`;

const ENV = { SECRET: 'hunter2' };
const ask = (method: string, path: string) => ({ method, host: '', path, query: '', header: () => undefined });

test('every value says where it comes from, and no secret is shown', async (t) => {
  const config = await soundConfig(t, TEXT, ENV);
  const explanation = explainRoute(config, config.routes.get('list') ?? assert.fail());
  const of = (path: string) => {
    const found = explanation.settings.find((value) => value.path === path) ?? assert.fail(path);
    return `${found.value} ${basename(found.from)}`;
  };
  assert.equal(of('timeout.answer'), '5s routes.yaml:2:33');
  assert.equal(of('timeout.idle'), '30s default');
  assert.equal(of('match.path'), '/orders routes.yaml:10:16');
  assert.equal(of('limit.rate'), '[10/s] routes.yaml:12:20');
  assert.equal(of('headers.request.set.x-key'), '[redacted] routes.yaml:13:41');
  assert.match(of('headers.request.set.authorization'), /^\[redacted\]/);
  assert.doesNotMatch(explanationText(explanation) + JSON.stringify(explanation), /hunter2|Basic abc/);
  const [upstream] = explanation.called;
  assert.equal(upstream?.kind, 'upstream');
  assert.ok(upstream?.settings.some(({ path, value }) => path === 'timeout.try' && value === '1s'));
});

test('the bound of a limit is limit + burst, for the route, its tenant and the plan', async (t) => {
  const config = await soundConfig(t, TEXT, ENV);
  const route = config.routes.get('list') ?? assert.fail();
  const bounds = (tenant?: string) =>
    explainRoute(config, route, config.tenants.get(tenant ?? '')).limits.map(({ of, bound }) => `${of}: ${bound}`);
  assert.deepEqual(bounds(), ['route: at most 30 in any second']);
  assert.deepEqual(bounds('acme'), [
    'tenant: at most 33 in any second',
    'plan pro: at most 100 in any second',
    'plan pro: at most 2000 in any hour',
  ]);
});

test('a policy is shown with what it may refuse with', async (t) => {
  const config = await soundConfig(t, TEXT, ENV);
  const { policies } = explainRoute(config, config.routes.get('list') ?? assert.fail());
  assert.deepEqual(policies.find(({ name }) => name === 'limit')?.problems, ['429 rate_limit.exceeded']);
  const ofHeaders = policies.find(({ name }) => name === 'headers')?.problems;
  assert.deepEqual(ofHeaders, ['422 headers.invalid', '400 template.missing_value']);
});

test('policies are named in order, those that only a plan brings included', async (t) => {
  const config = await soundConfig(t, TEXT, ENV);
  const names = (route: string) =>
    explainRoute(config, config.routes.get(route) ?? assert.fail()).policies.map(({ name }) => name);
  assert.deepEqual(names('list'), ['auth', 'concurrency', 'limit', 'headers']);
  assert.deepEqual(names('open'), []);
});

test('a request is told its route, the near misses, and what refuses it', async (t) => {
  const config = await soundConfig(t, TEXT, ENV);
  const outcome = (method: string, path: string, tenant?: string) =>
    explainRequest(config, ask(method, path), config.tenants.get(tenant ?? '')).outcome;
  assert.match(outcome('GET', '/orders', 'acme'), /goes to orders/);
  assert.match(outcome('GET', '/orders'), /^401/);
  assert.match(outcome('GET', '/orders', 'bolt'), /^403: bolt is disabled/);
  assert.match(outcome('POST', '/orders', 'acme'), /^403: acme lacks write$/);
  assert.match(outcome('GET', '/open'), /^503/);
  assert.match(outcome('PUT', '/orders'), /^405: this path takes GET, HEAD, POST/);
  assert.match(outcome('GET', '/none'), /^404/);
  const { route, others } = explainRequest(config, ask('POST', '/orders'));
  assert.equal(route, 'make');
  assert.equal(others[0]?.route, 'list');
});

test('a request with a key is its tenant’s', async (t) => {
  const config = await soundConfig(
    t,
    `version: 1
defaults: { auth: key, timeout: 5s }
plans: { pro: { concurrency: 9 }, small: { limit: 5/s } }
tenants:
  acme: { plan: pro, keys: acme-key-0123456789, limits: { b: 3/s } }
  bolt: { plan: small, keys: bolt-key-0123456789 }
upstreams: { orders: { targets: http://127.0.0.1:7001 } }
routes:
  a: { match: /a, to: orders }
  b: { match: /b, to: orders }
`,
  );
  const asked = (path: string, headers: Record<string, string>) =>
    explainRequest(config, { ...ask('GET', path), header: (name) => headers[name] });
  const of = (path: string, key: string) => asked(path, { 'x-api-key': key }).policies.map(({ name }) => name);
  assert.deepEqual(of('/a', 'acme-key-0123456789'), ['auth', 'concurrency']);
  assert.deepEqual(of('/b', 'acme-key-0123456789'), ['auth', 'concurrency', 'limit']);
  assert.deepEqual(of('/b', 'bolt-key-0123456789'), ['auth', 'limit']);
  assert.match(asked('/a', { authorization: 'Bearer bolt-key-0123456789' }).outcome, /^goes to orders/);
  assert.equal(asked('/a', { 'x-api-key': 'nobody' }).outcome, '401: no tenant has this key');
  assert.equal(
    asked('/a', { 'x-api-key': 'nobody', authorization: 'bearer bolt-key-0123456789' }).outcome,
    '401: it has two API keys that differ',
  );
  assert.match(asked('/a', { authorization: 'Basic abc' }).outcome, /^401: it needs an API key/);
});

test('an encoded slash is refused where it may spell the path of another route', async (t) => {
  const config = await soundConfig(
    t,
    `version: 1
defaults: { timeout: 5s }
upstreams: { files: { targets: http://127.0.0.1:7001 } }
routes:
  all: { match: "GET /files/**", to: files, auth: none, encoded_slashes: true }
  private: { match: "GET /files/private/**", to: files, auth: key }
  other: { match: "GET /other/{x}", to: files, auth: none }
`,
  );
  const outcome = (path: string) => explainRequest(config, ask('GET', path)).outcome;
  assert.match(outcome('/files/a%2Fb'), /^goes to files/);
  assert.match(outcome('/files/private%2Fx'), /^400: an encoded slash makes it the path of another route/);
  assert.match(outcome('/files/Private/x'), /^404/);
  assert.match(outcome('/other/a%2Fb'), /^400: .* unless http.encoded_slashes allows it/);
});

test('neither explain nor the admin API shows a key, a private key or what a secret’s name promises', async (t) => {
  const config = await soundConfig(
    t,
    `version: 1
defaults: { auth: key, timeout: 5s }
tenants:
  acme: { keys: hunter2-0123456789, headers: { authorization: Basic hunter2 } }
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
  list:
    match: GET /orders
    to: orders
    headers: { request: { set: { Authorization: Basic hunter2, x-shown: shown } } }
    use: { module: ./own.ts, with: { db: { password: hunter2 }, tokens: [hunter2, 7], shown: { token: 7 } } }
`,
  );
  const explanation = explainRoute(config, config.routes.get('list') ?? assert.fail());
  for (const text of [JSON.stringify(explanation), JSON.stringify(shownConfig(config))]) {
    assert.doesNotMatch(text, /hunter2/);
    assert.match(text, /shown/);
    assert.match(text, /cert\.pem/);
  }
});
