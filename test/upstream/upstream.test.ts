import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Resolver } from '../../src/upstream/resolver.ts';
import { type UpstreamSettings, upstreamSchema } from '../../src/upstream/settings.ts';
import type { Target } from '../../src/upstream/target.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { startOrigin } from '../support/origin.ts';
import { reading } from '../support/reading.ts';
import { eventually } from '../support/wait.ts';

interface Told {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

function settingsOf(written: string): UpstreamSettings {
  return reading(upstreamSchema, written).value;
}

function create(t: TestContext, written: string, told: Told[] = []): Upstream {
  const upstream = new Upstream('orders', settingsOf(written), {
    resolver: new Resolver(),
    folder: '.',
    onEvent: (_level, event, fields) => void told.push({ event, fields }),
    onTransition: ({ to }) => void told.push({ event: `breaker.${to}`, fields: {} }),
  });
  t.after(() => upstream.close());
  return upstream;
}

function fail(target: Target | undefined, times: number): void {
  assert.ok(target);
  for (let made = 0; made < times; made++) {
    target.judge('connect', 'refused');
  }
}

test('calls beyond its concurrency do not enter', (t) => {
  const upstream = create(t, '{ targets: http://h, concurrency: 2 }');
  assert.deepEqual([upstream.enter(), upstream.enter(), upstream.enter()], [true, true, false]);
  upstream.leave();
  assert.equal(upstream.enter(), true);
  assert.equal(upstream.inFlight, 2);
});

test('the same settings are recognised, others are not', (t) => {
  const upstream = create(t, '{ targets: [http://a, http://b], retry_budget: { min: 5/s } }');
  assert.ok(upstream.sameSettings(settingsOf('{ retry_budget: { min: 5/s }, targets: [http://a/, http://b] }')));
  assert.ok(!upstream.sameSettings(settingsOf('{ targets: [http://a, http://b] }')));
});

test('a reload keeps what is known: ejections, the open breaker, the budget and the calls in flight', (t) => {
  const told: Told[] = [];
  const old = create(t, '{ targets: [http://a, http://b], breaker: { min: 1 }, concurrency: 2 }', told);
  fail(old.targets.all[0], 5);
  old.breaker?.tryEnter()?.settle('failure');
  while (old.budget.tryRetry());
  old.enter();
  const next = create(t, '{ targets: [http://c, http://a, http://b], concurrency: 1 }', told);
  next.adoptFrom(old);
  const { targets, ...status } = next.status();
  assert.deepEqual(status, {
    breaker: 'open',
    in_flight: 1,
    counts: { healthy: 2, unhealthy: 0, ejected: 1 },
  });
  assert.deepEqual(
    targets.map(({ url, state, checked, pending, failures_in_row }) => ({
      url,
      state,
      checked,
      pending,
      failures_in_row,
    })),
    [
      { url: 'http://c', state: 'healthy', checked: false, pending: 0, failures_in_row: 0 },
      { url: 'http://a', state: 'ejected', checked: false, pending: 0, failures_in_row: 5 },
      { url: 'http://b', state: 'healthy', checked: false, pending: 0, failures_in_row: 0 },
    ],
  );
  assert.deepEqual(
    [targets[1]?.last_error, targets[1]?.last_error_at?.endsWith('Z'), targets[1]?.returns_at?.endsWith('Z')],
    ['refused', true, true],
  );
  assert.equal(next.budget.tryRetry(), false);
  assert.equal(next.enter(), false);
  old.leave();
  assert.equal(next.enter(), true);
  assert.deepEqual(
    told.map(({ event }) => event),
    ['target_ejected', 'breaker.open'],
  );
});

test('the only target is used whatever it does, and called unhealthy when all it does is fail', (t) => {
  const upstream = create(t, '{ targets: http://a }');
  const [target] = upstream.targets.all;
  fail(target, 4);
  assert.deepEqual(upstream.targets.counts(), { healthy: 1, unhealthy: 0, ejected: 0 });
  fail(target, 1);
  assert.deepEqual(upstream.targets.counts(), { healthy: 0, unhealthy: 1, ejected: 0 });
  assert.equal(upstream.targets.pick(undefined), target);
  target?.judge('ok');
  assert.deepEqual(upstream.targets.counts(), { healthy: 1, unhealthy: 0, ejected: 0 });
});

test('what a new configuration no longer watches is not left out for ever', (t) => {
  const old = create(t, '{ targets: [http://a, http://b], health: { path: / } }');
  const [first, second] = old.targets.all;
  fail(first, 5);
  if (second !== undefined) second.unhealthy = true;
  const next = create(t, '{ targets: [http://a, http://b], eject: none, breaker: none }');
  next.adoptFrom(old);
  assert.ok(next.targets.all.every(({ unhealthy, ejectedUntil }) => !unhealthy && ejectedUntil === 0));
  assert.equal(next.status().breaker, 'none');
});

test('checks begin with start, and are told of by name', async (t) => {
  const told: Told[] = [];
  const origin = await startOrigin(t);
  await origin.stop();
  const upstream = create(
    t,
    `{ targets: ${origin.url}, health: { path: /healthz, every: 100ms, timeout: 100ms } }`,
    told,
  );
  upstream.start();
  const [event] = await eventually(() => told.length > 0 && told, 'event');
  assert.equal(event?.event, 'target_unhealthy');
  assert.equal(event?.fields['upstream'], 'orders');
  assert.equal(event?.fields['target'], origin.url);
  assert.equal(upstream.targets.pick(undefined), undefined);
});

test('close waits for calls under way and then closes their connections', async (t) => {
  const origin = await startOrigin(t, (_request, response) => void response.write('begun'));
  const upstream = create(t, origin.url);
  const connections = upstream.targets.pick(undefined)?.connections ?? assert.fail();
  const connection = connections.enter({ ahead: undefined, behind: undefined, go: () => {} }) ?? assert.fail();
  const { body } = await connection.request({ method: 'GET', path: '/' });
  const closed = upstream.close();
  assert.equal(origin.connections, 1);
  body.destroy();
  body.on('error', () => {});
  await closed;
  await eventually(() => origin.connections === 0, 'end of the connection');
});
