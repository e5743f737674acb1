import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createConnector } from '../../src/upstream/connector.ts';
import { HealthCheck } from '../../src/upstream/health.ts';
import type { HealthSettings } from '../../src/upstream/settings.ts';
import { Target } from '../../src/upstream/target.ts';
import { answerStatuses, startOrigin } from '../support/origin.ts';
import { startRawOrigin } from '../support/raw-origin.ts';
import { eventually } from '../support/wait.ts';

const SETTINGS: HealthSettings = { path: '/healthz', every: 20, timeout: 60_000, fail: 3, pass: 2 };

/** `asked` is what it had asked of the origin when it told of something: more checks may follow before the test looks. */
function check(
  t: TestContext,
  { url, received = [] }: { readonly url: string; readonly received?: readonly unknown[] },
  settings: Partial<HealthSettings> = {},
  known = false,
) {
  const connect = { connectTimeoutMs: 60_000, lookup, tls: undefined, pending: new Set<Socket>() };
  const target = new Target({ url: { href: url, origin: url, basePath: '' }, weight: 1 }, 1, connect);
  const told: string[] = [];
  const asked: number[] = [];
  const tell = (what: string): void => {
    told.push(what);
    asked.push(received.length);
  };
  const hooks = {
    onUnhealthy: (_target: Target, why: string): void => tell(`unhealthy: ${why}`),
    onHealthy: (): void => tell('healthy'),
  };
  const it = new HealthCheck(target, { ...SETTINGS, ...settings }, known, createConnector(connect), hooks);
  t.after(() => it.close());
  return { target, told, asked, it };
}

test('the first result is believed at once', async (t) => {
  const origin = await startOrigin(t, answerStatuses(503, 503, 200));
  const { target, told, asked, it } = check(t, origin);
  it.start();
  await eventually(() => told.length === 2, 'verdict and recovery');
  assert.equal(target.unhealthy, false);
  assert.deepEqual(told, ['unhealthy: status 503', 'healthy']);
  assert.deepEqual(asked, [1, 4], 'two passes after two failures');
});

test('later results need a row of failures', async (t) => {
  const origin = await startOrigin(t, answerStatuses(200, 500, 500, 200, 500, 500, 500));
  const { told, asked, it } = check(t, origin);
  it.start();
  await eventually(() => told.length === 1, 'verdict');
  assert.deepEqual(told, ['unhealthy: status 500']);
  assert.deepEqual(asked, [7]);
});

test('a target known from before a reload needs a row too', async (t) => {
  const origin = await startOrigin(t, answerStatuses(500));
  const { target, told, asked, it } = check(t, origin, {}, true);
  it.start();
  await eventually(() => told.length === 1, 'verdict');
  assert.equal(target.unhealthy, true);
  assert.deepEqual(asked, [3]);
});

test('a redirect passes; the path is asked for on a connection of its own', async (t) => {
  const origin = await startOrigin(t, answerStatuses(302));
  const { told, it } = check(t, origin);
  it.start();
  const first = await origin.request(0);
  assert.equal(first.url, '/healthz');
  assert.equal(first.header('connection'), 'close');
  await origin.request(2);
  assert.deepEqual(told, []);
});

test('no answer in time, or no connection, is a failure', async (t) => {
  const silent = await startRawOrigin(t, () => {});
  const slow = check(t, silent, { timeout: 30 });
  slow.it.start();
  await eventually(() => slow.told.length === 1, 'verdict');
  assert.deepEqual(slow.told, ['unhealthy: no answer within 30 ms']);
  const origin = await startOrigin(t);
  await origin.stop();
  const refused = check(t, origin);
  refused.it.start();
  await eventually(() => refused.told.length === 1, 'verdict');
  assert.match(refused.told.join(), /ECONNREFUSED/);
});

test('after close nothing is asked any more', async (t) => {
  const origin = await startOrigin(t);
  const { it } = check(t, origin);
  it.start();
  await origin.request(0);
  await it.close();
  await eventually(() => origin.connections === 0, 'end of its connection');
  const asked = origin.received.length;
  const other = check(t, origin, { path: '/other', every: 50 });
  other.it.start();
  await origin.request(asked + 1); // by then the first would have asked four times
  assert.deepEqual([...new Set(origin.received.slice(asked).map(({ url }) => url))], ['/other']);
});
