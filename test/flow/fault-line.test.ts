// All connections to a target are taken: what waits for one, gives up, or is not to blame.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { after, before, beforeEach, suite, type TestContext, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { type Origin, startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { rawConnect } from '../support/raw.ts';
import { startRawOrigin } from '../support/raw-origin.ts';
import { eventually } from '../support/wait.ts';

suite('a target whose connections are all taken', () => {
  let origin: Origin;
  let gateway: RunningGateway;
  let observed: Observed;
  let held: ServerResponse[] = [];
  const t = suiteCleanUp(after);
  const ask = (path: string) => fetch(gateway.url + path);
  const release = () => {
    for (const response of held) response.end('{}');
  };

  before(async () => {
    origin = await startOrigin(t, (request, response) => {
      if (request.url.startsWith('/held')) held.push(response);
      else response.end('{}');
    });
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        defaults: { auth: 'none', retry: 0 },
        upstreams: { small: { targets: origin.url, connections: 2, breaker: { min: 1, failures: '1%' } } },
        routes: {
          held: { match: '/held/{id}', to: 'small' },
          quick: { match: '/quick/{id}', to: 'small' },
          impatient: { match: '/impatient/{id}', to: 'small', timeout: '200ms' },
        },
      },
    });
    observed = new Observed(gateway);
  });

  beforeEach(async () => {
    held = [];
    const already = origin.received.length;
    for (const id of [1, 2]) void ask(`/held/${id}`);
    await eventually(() => origin.received.length === already + 2, 'both connections to be taken');
  });

  test('has the next request wait for its turn', async () => {
    const waiting = Promise.all([ask('/quick/1'), ask('/quick/2'), ask('/quick/3')]);
    release();
    assert.deepEqual(
      (await waiting).map(({ status }) => status),
      [200, 200, 200],
    );
  });

  test('is not to blame when one waits too long: 503, and the breaker stays closed', async () => {
    const answer = await ask('/impatient/1');
    assert.equal(answer.status, 503);
    assert.ok(answer.headers.has('retry-after'));
    const { reason, error } = await observed.line(answer.headers.get('x-request-id') ?? '');
    assert.deepEqual([reason, error], ['upstream.busy', 'all connections of the target were taken']);
    assert.equal(JSON.parse(await answer.text()).code, 'upstream.busy');
    release();
    assert.equal((await ask('/quick/4')).status, 200);
  });

  test('never hears of a request whose client has left the line', async (each) => {
    const client = await rawConnect(each, gateway.port);
    const id = newId();
    client.send(`POST /quick/left HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\nContent-Length: 2\r\n\r\n{}`);
    await eventually(
      async () => (await observed.metric('sluice_http_requests_in_flight', { route: 'quick' })) === 1,
      'it to stand in line',
    );
    client.reset();
    assert.equal((await observed.line(id)).reason, 'client_gone');
    release();
    assert.equal((await ask('/quick/5')).status, 200);
    assert.ok(!origin.received.some(({ url }) => url === '/quick/left'));
  });
});

/** Statuses of so many calls at once, by way of one connection. */
async function throughOne(t: TestContext, target: string, calls: number): Promise<number[]> {
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none', retry: 0 },
      upstreams: { one: { targets: target, connections: 1, breaker: 'none' } },
      routes: { all: { match: '/**', to: 'one' } },
    },
  });
  const statuses = await Promise.all(
    Array.from({ length: calls }, async () => (await fetch(gateway.url, { method: 'POST', body: '{}' })).status),
  );
  await new Observed(gateway).atRest();
  return statuses;
}

test('a target that refuses connections fails each that stands in line for one', async (t) => {
  const statuses = await throughOne(t, `http://127.0.0.1:${await closedPort()}`, 10);
  assert.deepEqual(statuses, Array(10).fill(502));
});

test('a target that resets its connections after each answer fails some of those in line, and no more', async (t) => {
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}').reset();
  });
  const statuses = await throughOne(t, origin.url, 10);
  assert.ok(statuses.includes(200));
  for (const status of statuses) assert.ok(status === 200 || status === 502, String(statuses));
});
