// Who is calling and how much, through the gateway process as clients meet it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get as httpGet } from 'node:http';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { answerOk, startOrigin } from '../support/origin.ts';

const ACME = 'acme-secret-one-aaaaaaaa';
const NEXT = 'acme-secret-two-bbbbbbbb';
const BETA = 'beta-secret-one-cccccccc';
const PAGE = 'https://app.example';

const routes = (upstream: string, keys: readonly string[]) => ({
  version: 1,
  plans: { standard: { limit: '6/h' }, narrow: { concurrency: 1 } },
  tenants: { acme: { plan: 'standard', keys, roles: ['orders.read'] }, beta: { plan: 'narrow', keys: [BETA] } },
  upstreams: { orders: upstream },
  routes: {
    'list-orders': {
      match: 'GET /orders',
      to: 'orders',
      auth: 'key',
      limit: '4/h',
      cors: { origins: [PAGE] },
    },
    'get-order': { match: 'GET /orders/{id}', to: 'orders', auth: { key: { roles: ['orders.read'] } } },
    page: { match: '/page', to: 'orders', auth: 'key', cors: { origins: [PAGE] } },
    open: { match: 'GET /open', to: 'orders', auth: 'none', limit: '2/h' },
    inner: { match: 'GET /inner', to: 'orders', auth: 'none', ip: { deny: ['198.51.100.0/24'] } },
  },
});

async function ask(url: string, headers: Record<string, string> = {}, method = 'GET') {
  const response = await fetch(url, { headers, method });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) };
}

test('a tenant calls with its key, within its limits, and is told what is left', async (t) => {
  const origin = await startOrigin(t);
  const { url } = await startGateway(t, { routes: routes(origin.url, [ACME]) });
  const key = { 'x-api-key': ACME };

  const first = await ask(`${url}/orders`, key);
  assert.equal(first.status, 200);
  assert.equal(first.headers.get('ratelimit-policy'), '"h";q=4;w=3600, "plan-h";q=6;w=3600');
  assert.equal(first.headers.get('ratelimit'), '"h";r=3;t=900');
  assert.equal(origin.received[0]?.header('x-api-key'), undefined);

  for (let i = 0; i < 3; i++) assert.equal((await ask(`${url}/orders`, key)).status, 200);
  const refused = await ask(`${url}/orders`, { ...key, origin: PAGE });
  assert.equal(refused.status, 429);
  assert.equal(refused.body.code, 'rate_limit.exceeded');
  assert.equal(refused.body.detail, 'acme may send 4 requests per hour on list-orders');
  // Four requests ago it was 900 s.
  const retryAfterS = Number(refused.headers.get('retry-after'));
  assert.ok(retryAfterS > 600 && retryAfterS <= 900, `${retryAfterS} s`);
  assert.equal(refused.headers.get('ratelimit'), `"h";r=0;t=${retryAfterS}`);
  // A page in a browser can read the refusal and when to come back.
  assert.equal(refused.headers.get('access-control-allow-origin'), PAGE);
  assert.match(refused.headers.get('access-control-expose-headers') ?? '', /Retry-After/);

  // The refusal cost the plan nothing: two of six are left for other routes.
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await ask(`${url}/orders/7`, { authorization: `Bearer ${ACME}` })).status);
  assert.deepEqual(statuses, [200, 200, 429]);
  assert.equal(origin.received.length, 6);
});

test('callers that are not identified are refused with their reason', async (t) => {
  const origin = await startOrigin(t);
  const { url } = await startGateway(t, { routes: routes(origin.url, [ACME]) });
  const missing = await ask(`${url}/orders`);
  assert.deepEqual([missing.status, missing.body.code], [401, 'auth.missing']);
  assert.equal(missing.headers.get('www-authenticate'), 'Bearer realm="sluice"');
  assert.equal((await ask(`${url}/orders`, { 'x-api-key': 'somebody-else-entirely' })).body.code, 'auth.unknown');
  assert.equal((await ask(`${url}/orders?api_key=${ACME}`)).body.code, 'auth.key_in_query');
  const conflict = await ask(`${url}/orders`, { 'x-api-key': ACME, authorization: `Bearer ${BETA}` });
  assert.equal(conflict.body.code, 'auth.conflict');
  const role = await ask(`${url}/orders/7`, { 'x-api-key': BETA });
  assert.deepEqual([role.status, role.body.code], [403, 'auth.role_missing']);
  assert.equal(origin.received.length, 0);
});

test('a preflight is answered before authentication', async (t) => {
  const origin = await startOrigin(t);
  const { url } = await startGateway(t, { routes: routes(origin.url, [ACME]) });
  const preflight = (page: string) =>
    ask(`${url}/page`, { origin: page, 'access-control-request-method': 'GET' }, 'OPTIONS');
  const allowed = await preflight(PAGE);
  assert.equal(allowed.status, 204);
  assert.equal(allowed.headers.get('access-control-allow-origin'), PAGE);
  const foreign = await preflight('https://evil.example');
  assert.deepEqual([foreign.status, foreign.body.code], [403, 'cors.refused']);
  assert.equal(origin.received.length, 0);
});

test("a plan's concurrency is given back when the answer has ended", async (t) => {
  const release = Promise.withResolvers<void>();
  const origin = await startOrigin(t, async (request, response, index) => {
    if (index === 0) await release.promise;
    await answerOk(request, response, index);
  });
  const { url } = await startGateway(t, { routes: routes(origin.url, [ACME]) });
  const held = httpGet(`${url}/orders`, { headers: { 'x-api-key': BETA } });
  await origin.request(0);
  const refused = await ask(`${url}/orders`, { 'x-api-key': BETA });
  assert.deepEqual([refused.status, refused.body.code], [429, 'concurrency.exceeded']);
  assert.equal(refused.headers.get('retry-after'), '1');
  release.resolve();
  const [answer] = await once(held, 'response');
  answer.resume();
  await once(answer, 'end');
  assert.equal((await ask(`${url}/orders`, { 'x-api-key': BETA })).status, 200);
});

test('on an open route the client address is the caller, as trusted proxies tell it', async (t) => {
  const origin = await startOrigin(t);
  const { url } = await startGateway(t, {
    routes: routes(origin.url, [ACME]),
    gateway: { trust_proxies: ['127.0.0.0/8'] },
  });
  const from = (address: string, path = 'open') => ask(`${url}/${path}`, { 'x-forwarded-for': address });
  assert.deepEqual([(await from('192.0.2.1')).status, (await from('192.0.2.1')).status], [200, 200]);
  const refused = await from('203.0.113.9, 192.0.2.1');
  assert.equal(refused.status, 429);
  assert.equal(refused.body.detail, 'one address may send 2 requests per hour on open');
  assert.equal((await from('192.0.2.2')).status, 200);
  assert.deepEqual(
    [(await from('192.0.2.1', 'inner')).status, (await from('198.51.100.7', 'inner')).status],
    [200, 403],
  );
});

test('after a reload a revoked key is unknown, a new one works, and what was used stays used', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, { routes: routes(origin.url, [ACME]) });
  for (let i = 0; i < 4; i++) assert.equal((await ask(`${gateway.url}/orders`, { 'x-api-key': ACME })).status, 200);
  const reloaded = gateway.log.until((line) => line.event === 'config_reloaded');
  await gateway.process.writeRoutes(routes(origin.url, [NEXT]));
  await reloaded;
  assert.equal((await ask(`${gateway.url}/orders`, { 'x-api-key': ACME })).body.code, 'auth.unknown');
  assert.equal((await ask(`${gateway.url}/orders`, { 'x-api-key': NEXT })).status, 429);
  assert.equal((await ask(`${gateway.url}/orders/7`, { 'x-api-key': NEXT })).status, 200);
});
