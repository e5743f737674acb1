import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { HealthCheck } from '../../src/upstream/health.ts';
import { createConnector } from '../../src/upstream/pool.ts';
import type { HealthSettings } from '../../src/upstream/settings.ts';
import { Target } from '../../src/upstream/target.ts';
import { answerStatuses, startOrigin } from '../support/origin.ts';
import { startRawOrigin } from '../support/raw-origin.ts';
import { eventually } from '../support/wait.ts';

const SETTINGS: HealthSettings = { path: '/healthz', every: 20, timeout: 1_000, fail: 3, pass: 2 };

function check(t: TestContext, url: string, settings: Partial<HealthSettings> = {}, known = false) {
  const connect = { connectTimeoutMs: 1_000, lookup, tls: undefined, pending: new Set<Socket>() };
  const target = new Target({ url: { href: url, origin: url, basePath: '' }, weight: 1 }, 1, connect);
  const told: string[] = [];
  const hooks = {
    onUnhealthy: (_target: Target, why: string): void => void told.push(`unhealthy: ${why}`),
    onHealthy: (): void => void told.push('healthy'),
  };
  const it = new HealthCheck(target, { ...SETTINGS, ...settings }, known, createConnector(connect), hooks);
  t.after(() => it.close());
  return { target, told, it };
}

test('the first result is believed at once', async (t) => {
  const origin = await startOrigin(t, answerStatuses(503, 503, 200));
  const { target, told, it } = check(t, origin.url);
  it.start();
  await eventually(() => told.length === 1, 'first verdict');
  assert.equal(target.unhealthy, true);
  assert.equal(origin.received.length, 1);
  await eventually(() => told.length === 2, 'recovery');
  assert.deepEqual(told, ['unhealthy: status 503', 'healthy']);
  assert.equal(origin.received.length, 4, 'two passes after two failures');
});

test('later results need a row of failures', async (t) => {
  const origin = await startOrigin(t, answerStatuses(200, 500, 500, 200, 500, 500, 500));
  const { told, it } = check(t, origin.url);
  it.start();
  await eventually(() => told.length === 1, 'verdict');
  assert.deepEqual(told, ['unhealthy: status 500']);
  assert.equal(origin.received.length, 7);
});

test('a target known from before a reload needs a row too', async (t) => {
  const origin = await startOrigin(t, answerStatuses(500));
  const { told, it } = check(t, origin.url, {}, true);
  it.start();
  await eventually(() => told.length === 1, 'verdict');
  assert.equal(origin.received.length, 3);
});

test('a redirect passes; the path is asked for on a connection of its own', async (t) => {
  const origin = await startOrigin(t, answerStatuses(302));
  const { told, it } = check(t, origin.url);
  it.start();
  const first = await origin.request(0);
  assert.equal(first.url, '/healthz');
  assert.equal(first.header('connection'), 'close');
  await origin.request(2);
  assert.deepEqual(told, []);
});

test('no answer in time, or no connection, is a failure', async (t) => {
  const silent = await startRawOrigin(t, () => {});
  const slow = check(t, silent.url, { timeout: 30 });
  slow.it.start();
  await eventually(() => slow.told.length === 1, 'verdict');
  assert.deepEqual(slow.told, ['unhealthy: no answer within 30 ms']);
  const origin = await startOrigin(t);
  await origin.stop();
  const refused = check(t, origin.url);
  refused.it.start();
  await eventually(() => refused.told.length === 1, 'verdict');
  assert.match(refused.told.join(), /ECONNREFUSED/);
});

test('after close nothing is asked any more', async (t) => {
  const origin = await startOrigin(t);
  const { it } = check(t, origin.url);
  it.start();
  await origin.request(0);
  await it.close();
  await eventually(() => origin.connections === 0, 'end of its connection');
  const asked = origin.started;
  const other = check(t, origin.url, { every: 50 });
  other.it.start();
  await eventually(() => origin.started >= asked + 2, 'checks of the other'); // by then the first would have asked four times
  assert.ok(origin.started <= asked + 3);
});
