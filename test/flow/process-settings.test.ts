// What config/gateway.yaml says of logs, metrics and probes, as an operator sees it in force.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';

const KEYS = { acme: 'acme-secret-one-aaaaaaaa', beta: 'beta-secret-one-bbbbbbbb' };

const routes = (upstream: string, more: object = {}): Record<string, unknown> => ({
  version: 1,
  tenants: { acme: { keys: KEYS.acme }, beta: { keys: KEYS.beta } },
  upstreams: { origin: upstream },
  routes: {
    open: { match: 'GET /open', to: 'origin', auth: 'none' },
    keyed: { match: '/keyed', to: 'origin', auth: 'key' },
    ...more,
  },
});

test('without the access log requests leave no line, and are counted all the same', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, { routes: routes(origin.url), gateway: { log: { access: false } } });
  for (const path of ['/open', '/nowhere']) await (await fetch(gateway.url + path)).arrayBuffer();
  // Lines keep their order: what the requests had to say would stand before the event.
  const reloaded = gateway.log.until(({ event }) => event === 'config_reloaded');
  await gateway.process.writeRoutes(routes(origin.url, { more: { match: '/more', to: 'origin', auth: 'none' } }));
  await reloaded;
  assert.deepEqual(gateway.log.access, []);
  const observed = new Observed(gateway);
  assert.equal(await observed.metric('sluice_http_requests_total', { route: 'open', code: '200' }), 1);
  assert.equal(await observed.metric('sluice_http_requests_total', { route: '_unmatched', code: '404' }), 1);
});

test('the access log shows the headers that are listed, and no other', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, { routes: routes(origin.url), gateway: { log: { headers: ['X-Shop'] } } });
  const id = newId();
  const headers = { 'x-request-id': id, 'x-shop': 'north', 'x-other': 'hidden', 'user-agent': 'agent/1' };
  await (await fetch(`${gateway.url}/open?secret=1`, { headers })).arrayBuffer();
  const line = await new Observed(gateway).line(id);
  assert.deepEqual([line['headers'], line['user_agent'], line['path']], [{ 'x-shop': 'north' }, undefined, '/open']);
  assert.doesNotMatch(JSON.stringify(line), /hidden|secret/);
});

test('LOG_LEVEL has more to say than the file', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, {
    routes: routes(origin.url),
    gateway: { log: { level: 'warn' } },
    env: { LOG_LEVEL: 'info' },
  });
  assert.ok(
    gateway.log.lines.some(({ event }) => event === 'config_loaded'),
    'the variable overrides the file',
  );
});

test('tenants beyond the most that have series of their own share one', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, { routes: routes(origin.url), gateway: { metrics: { tenants: 1 } } });
  for (const key of [KEYS.acme, KEYS.beta, KEYS.beta]) {
    await (await fetch(`${gateway.url}/keyed`, { headers: { 'x-api-key': key } })).arrayBuffer();
  }
  const observed = new Observed(gateway);
  await observed.atRest();
  const ok = (tenant: string): Promise<number> =>
    observed.metric('sluice_tenant_requests_total', { tenant, outcome: 'ok' });
  assert.deepEqual([await ok('acme'), await ok('_other'), await ok('beta')], [1, 2, 0]);
  assert.equal(
    await observed.metric('sluice_metrics_series_dropped_total', { metric: 'sluice_tenant_requests_total' }),
    2,
  );
});

test('the probe of the data port has the path that is set, or is none', async (t) => {
  const origin = await startOrigin(t);
  const statuses = async (health: string): Promise<number[]> => {
    const gateway = await startGateway(t, { routes: routes(origin.url), gateway: { listen: { health } } });
    const paths = ['/_sluice/health', '/up'];
    return Promise.all(paths.map(async (path) => (await fetch(gateway.url + path)).status));
  };
  assert.deepEqual(await statuses('/_sluice/health'), [200, 404]);
  assert.deepEqual(await statuses('/up'), [404, 200]);
  assert.deepEqual(await statuses('none'), [404, 404]);
  assert.equal(origin.started, 0);
});

test('neither probe depends on an upstream', async (t) => {
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      upstreams: {
        dead: { targets: `http://127.0.0.1:${await closedPort()}`, health: { path: '/', every: '1s', fail: 1 } },
      },
      routes: { a: { match: '/', to: 'dead', auth: 'none' } },
    },
  });
  await gateway.log.until(({ event }) => event === 'target_unhealthy');
  for (const path of ['/livez', '/readyz']) assert.equal((await fetch(gateway.adminUrl + path)).status, 200, path);
  const verbose: unknown = await (await fetch(`${gateway.adminUrl}/readyz?verbose`)).json();
  assert.deepEqual(verbose, { ready: true, reasons: [], warnings: ['upstream dead has no healthy target'] });
});
