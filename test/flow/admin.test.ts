// The admin plane of a running gateway: what it says is so, and says no secret.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { answerStatuses, startOrigin } from '../support/origin.ts';

const KEY = 'acme-secret-one-aaaaaaaa';
const TOKEN = 'the-admin-token-of-this-test';

test('the admin plane shows the configuration in service and how it does', async (t) => {
  const origin = await startOrigin(t, answerStatuses(500));
  const routes = (limit: string): Record<string, unknown> => ({
    version: 1,
    defaults: { auth: 'key', retry: 0 },
    plans: { small: { limit } },
    tenants: { acme: { plan: 'small', keys: KEY, headers: { 'x-internal': '${env:INTERNAL}' } } },
    upstreams: {
      orders: { targets: [origin.url], breaker: { failures: '50%', min: 2, open: '60s' } },
    },
    routes: {
      item: { match: 'GET /item', to: 'orders' },
      own: { match: 'GET /own', to: 'orders', breaker: { open: '5s' } },
    },
  });
  const gateway = await startGateway(t, {
    routes: routes('100/h'),
    env: { ADMIN_TOKEN: TOKEN, INTERNAL: 'internal-secret-value' },
  });
  const read = async (path: string, token = TOKEN) => {
    const headers = { authorization: `Bearer ${token}`, connection: 'close' };
    const answer = await fetch(gateway.adminUrl + path, { headers });
    return { status: answer.status, text: await answer.text() };
  };
  for (const path of ['/metrics', '/api/config', '/api/status']) assert.equal((await read(path, 'wrong')).status, 401);
  for (const path of ['/livez', '/readyz']) assert.equal((await read(path, 'wrong')).status, 200);

  await t.test('every effective value, and no secret', async () => {
    const { text } = await read('/api/config');
    for (const secret of [KEY, TOKEN, 'internal-secret-value']) assert.equal(text.includes(secret), false, secret);
    const config = JSON.parse(text);
    assert.match(config.hash, /^[0-9a-f]{16}$/);
    assert.equal(config.routes.item.timeout.answer, '30s');
    assert.equal(config.tenants.acme.headers['x-internal'], '[redacted]');
    assert.equal(config.plans.small.limit.rate?.[0] ?? config.plans.small.limit[0], '100/h');
    assert.ok(config.files.some((file: string) => file.endsWith('/routes.yaml')));
  });

  await t.test('breakers, targets and reloads as they are', async () => {
    for (let i = 0; i < 3; i++) await fetch(`${gateway.url}/item`, { headers: { 'x-api-key': KEY } });
    const before = JSON.parse((await read('/api/status')).text);
    assert.equal(before.upstreams.orders.breaker, 'open');
    assert.deepEqual(before.upstreams.orders.counts, { healthy: 1, unhealthy: 0, ejected: 0 });
    assert.deepEqual(before.route_breakers, { 'route:own': 'closed' });
    const readiness = JSON.parse((await read('/readyz?verbose')).text);
    assert.deepEqual(readiness, { ready: true, reasons: [], warnings: ['breaker orders is open'] });
    assert.deepEqual(
      [before.ready, before.in_flight, before.tenants, before.last_reload_successful],
      [true, 0, 1, true],
    );

    const reloaded = gateway.log.until(({ event }) => event === 'config_reloaded');
    await gateway.process.writeRoutes(routes('200/h'));
    const { hash } = await reloaded;
    const after = JSON.parse((await read('/api/status')).text);
    assert.equal(after.config_hash, hash);
    assert.notEqual(after.config_hash, before.config_hash);
    assert.equal(after.upstreams.orders.breaker, 'open');
    assert.equal(after.reloads[0].result, 'loaded');

    const refused = gateway.log.until(({ event }) => event === 'config_refused');
    await gateway.process.writeRoutes('version: 1\nroutes: []\n');
    await refused;
    const broken = JSON.parse((await read('/api/status')).text);
    assert.deepEqual([broken.config_hash, broken.last_reload_successful], [hash, false]);
    assert.equal(broken.reloads[0].result, 'refused');
    assert.ok(broken.reloads[0].errors > 0);
    assert.equal(broken.last_reload_findings.length, broken.reloads[0].errors);
    assert.match(broken.last_reload_findings[0].at, /routes\.yaml:\d+:\d+$/);
    assert.deepEqual(after.last_reload_findings, []);
    assert.equal((await read('/readyz')).status, 200);
  });
});
