// What a reload keeps, and what it ends: breakers, ejections, streams of those who may no longer call, metrics, memory.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { embedGateway } from '../support/embedded-gateway.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import type { LogLine } from '../support/log-lines.ts';
import { newId, Observed } from '../support/observed.ts';
import { answerOk, answerStatuses, startOrigin } from '../support/origin.ts';
import { within } from '../support/wait.ts';

const KEYS = { acme: 'acme-secret-one-aaaaaaaa', beta: 'beta-secret-one-cccccccc', gone: 'gone-secret-one-dddddddd' };

test('an open breaker stays open under other settings, and its gauge says so', async (t) => {
  const origin = await startOrigin(t, answerStatuses(500));
  const routes = (open: string, own: string): Record<string, unknown> => ({
    version: 1,
    defaults: { auth: 'none', retry: 0 },
    upstreams: { orders: { targets: origin.url, eject: 'none', breaker: { failures: '50%', min: 2, open } } },
    routes: {
      item: { match: 'GET /item', to: 'orders' },
      own: { match: 'GET /own', to: 'orders', breaker: { failures: '50%', min: 2, open: own } },
    },
  });
  const gateway = await startGateway(t, { routes: routes('60s', '60s') });
  const observed = new Observed(gateway);
  const state = (label: string, of: string): Promise<number> =>
    observed.metric('sluice_breaker_state', { upstream: label, state: of });
  const codeOf = async (path: string): Promise<string | undefined> => {
    const problem: { code?: string } = JSON.parse(await (await fetch(gateway.url + path)).text());
    return problem.code;
  };

  for (const path of ['/item', '/item', '/own', '/own']) await fetch(gateway.url + path);
  assert.equal(origin.started, 4);
  assert.deepEqual([await codeOf('/item'), await codeOf('/own')], ['upstream.breaker_open', 'upstream.breaker_open']);

  await reloaded(gateway, () => gateway.process.writeRoutes(routes('120s', '120s')));
  assert.deepEqual([await codeOf('/item'), await codeOf('/own')], ['upstream.breaker_open', 'upstream.breaker_open']);
  assert.equal(origin.started, 4);
  for (const label of ['orders', 'route:own']) {
    assert.deepEqual([await state(label, 'open'), await state(label, 'closed')], [1, 0], label);
    assert.equal(await observed.metric('sluice_breaker_transitions_total', { upstream: label, to: 'open' }), 1);
  }

  // What is left of 60 s is longer than the new 50 ms: the probe goes, and the answer to it is no failure any more.
  origin.answer(answerOk);
  await reloaded(gateway, () => gateway.process.writeRoutes(routes('50ms', '50ms')));
  await gateway.log.until(({ event, upstream }) => event === 'breaker_half_open' && upstream === 'orders');
  assert.equal((await fetch(`${gateway.url}/item`)).status, 200);
  assert.deepEqual([await state('orders', 'open'), await state('orders', 'closed')], [0, 1]);

  // A breaker that is switched off has no series.
  const off = routes('1s', '1s');
  await reloaded(gateway, () =>
    gateway.process.writeRoutes({ ...off, upstreams: { orders: { targets: origin.url, breaker: 'none' } } }),
  );
  assert.doesNotMatch(await scrape(gateway), /sluice_breaker_state\{upstream="orders"/);
});

test('an ejected target stays ejected, and a limit stays used', async (t) => {
  const good = await startOrigin(t);
  const bad = await startOrigin(t, answerStatuses(500));
  const routes = (connections: number): Record<string, unknown> => ({
    version: 1,
    defaults: { auth: 'none', retry: 0 },
    upstreams: {
      orders: {
        targets: [good.url, bad.url],
        balance: 'round_robin',
        eject: { failures: 1, for: '60s' },
        breaker: 'none',
        connections,
      },
    },
    routes: { item: { match: 'GET /item', to: 'orders', limit: `${connections}/h` } },
  });
  const gateway = await startGateway(t, { routes: routes(20) });
  const observed = new Observed(gateway);
  const statuses = async (count: number): Promise<number[]> => {
    const all: number[] = [];
    for (let i = 0; i < count; i++) all.push((await fetch(`${gateway.url}/item`)).status);
    return all;
  };
  assert.ok((await statuses(2)).includes(500));
  await reloaded(gateway, () => gateway.process.writeRoutes(routes(21)));
  assert.equal(await observed.metric('sluice_upstream_targets', { state: 'ejected' }), 1);
  assert.deepEqual(await statuses(4), [200, 200, 200, 200]);
  assert.equal(bad.started, 1);
});

test('streams of a revoked key, a disabled tenant and a removed route end within five seconds', async (t) => {
  const origin = await startOrigin(t, (request, response) => {
    if (request.url === '/silent') return;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
  });
  const routes = (after: boolean): Record<string, unknown> => ({
    version: 1,
    defaults: { auth: 'key' },
    upstreams: { origin: origin.url, ...(after ? {} : { other: origin.url }) },
    tenants: {
      acme: { keys: after ? 'acme-secret-two-bbbbbbbb' : KEYS.acme },
      beta: { keys: KEYS.beta, disabled: after },
      ...(after ? {} : { gone: { keys: KEYS.gone } }),
    },
    routes: {
      events: { match: 'GET /events', to: 'origin' },
      silent: { match: 'GET /silent', to: 'origin' },
      ...(after ? {} : { removed: { match: 'GET /removed', to: 'other', auth: 'none' } }),
      stays: { match: 'GET /stays', to: 'origin', auth: 'none' },
    },
  });
  const gateway = await startGateway(t, { routes: routes(false) });
  const observed = new Observed(gateway);
  const open = async (path: string, key?: string): Promise<Stream> => {
    const id = newId();
    const headers = { 'x-request-id': id, ...(key !== undefined && { 'x-api-key': key }) };
    const [response]: IncomingMessage[] = await once(get(gateway.url + path, { headers }), 'response');
    if (response === undefined) throw new Error('no response');
    response.resume();
    const ended = new Promise<'cut' | 'end'>((resolve) => {
      response.on('end', () => resolve('end')).on('error', () => resolve('cut'));
    });
    return { id, response, ended };
  };
  const streams = {
    key_revoked: await open('/events', KEYS.acme),
    tenant_disabled: await open('/events', KEYS.beta),
    route_removed: await open('/removed'),
  };
  const gone = await open('/events', KEYS.gone);
  const stays = await open('/stays');
  const silentId = newId();
  const silent = fetch(`${gateway.url}/silent`, { headers: { 'x-api-key': KEYS.acme, 'x-request-id': silentId } });
  await origin.request(5);

  await reloaded(gateway, () => gateway.process.writeRoutes(routes(true)));
  const refused = async (path: string, key: string): Promise<number> =>
    (await fetch(gateway.url + path, { headers: { 'x-api-key': key } })).status;
  assert.deepEqual(
    [await refused('/events', KEYS.acme), await refused('/events', KEYS.beta), await refused('/removed', KEYS.beta)],
    [401, 403, 404],
  );
  for (const [reason, { id, ended }] of Object.entries(streams)) {
    assert.equal(await within(ended, `end of ${reason}`), 'cut');
    const line = await observed.line(id);
    assert.deepEqual([line.status, line.reason], [200, reason]);
  }
  assert.equal(await within(gone.ended, 'end of a removed tenant’s stream'), 'cut');
  // Who waits for an answer is told what a new request would be.
  const answer = await within(silent, 'answer to the request of a revoked key');
  assert.equal(answer.status, 401);
  assert.match(await answer.text(), /"code":"auth\.unknown"/);
  assert.equal(origin.connections > 0, true);
  assert.equal(stays.response.readableEnded, false);
  stays.response.destroy();
  await observed.line(stays.id);

  for (const id of [gone.id, silentId]) await observed.line(id);
  // The last requests of what has gone do not bring its series back.
  const text = await scrape(gateway);
  assert.doesNotMatch(text, /route="removed"|upstream="other"|tenant="gone"/);
  assert.match(text, /sluice_http_requests_total\{route="events",method="GET",code="200",source="upstream"\} 3/);
  assert.equal(await observed.metric('sluice_http_requests_in_flight'), 0);
});

interface Stream {
  readonly id: string;
  readonly response: IncomingMessage;
  readonly ended: Promise<'cut' | 'end'>;
}

test('a refused configuration leaves no series of what it would have been', async (t) => {
  const origin = await startOrigin(t);
  const document = (name: string, more: object): Record<string, unknown> => ({
    version: 1,
    defaults: { auth: 'none' },
    upstreams: { [name]: origin.url },
    routes: { [name]: { match: 'GET /item', to: name, ...more } },
  });
  const gateway = await startGateway(t, { routes: document('good', {}) });
  const mark = gateway.log.lines.length;
  await gateway.process.writeRoutes(document('never', { use: './none.ts' }));
  await gateway.log.until(({ event }) => event === 'config_refused', mark);
  assert.doesNotMatch(await scrape(gateway), /"never"/);
});

test('two hundred reloads leave nothing behind', async (t) => {
  const origin = await startOrigin(t);
  const documentOf = (i: number): Record<string, unknown> => ({
    version: 1,
    defaults: { auth: 'none' },
    upstreams: { origin: { targets: origin.url, connections: 1 + (i % 2) } },
    routes: Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [
        `route-${(n + i) % 25}`,
        { match: `POST /items/${n}`, to: 'origin', limit: '100/s', body: { type: 'object', required: [`r${n % 5}`] } },
      ]),
    ),
  });
  const { gateway, directory, url } = await embedGateway(t, documentOf(0));
  const collect = collector();
  const reload = async (i: number): Promise<void> => {
    await writeFile(join(directory, 'routes.yaml'), JSON.stringify(documentOf(i)));
    assert.equal(await gateway.reload(), true);
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${url}/items/0`, { method: 'POST', headers, body: '{"r0":1}' });
    await answer.arrayBuffer();
    assert.equal(answer.status, 200);
  };
  for (let i = 1; i <= 50; i++) await reload(i);
  const before = collect();
  for (let i = 51; i <= 250; i++) await reload(i);
  const grown = collect() - before;
  assert.ok(grown < 4 * 1024 ** 2, `the heap grew by ${grown} bytes over 200 reloads`);
});

/** Collects all garbage; returns the bytes that are left. */
function collector(): () => number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  return () => {
    for (let i = 0; i < 3; i++) collect();
    return process.memoryUsage().heapUsed;
  };
}

async function scrape(gateway: RunningGateway): Promise<string> {
  return (await fetch(`${gateway.adminUrl}/metrics`, { headers: { connection: 'close' } })).text();
}

async function reloaded(gateway: RunningGateway, change: () => Promise<void>): Promise<LogLine> {
  const mark = gateway.log.lines.length;
  await change();
  return gateway.log.until((line) => line.event === 'config_reloaded', mark);
}
