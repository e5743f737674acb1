// Who waits for a third party while something happens: it asks for a pause, its breaker opens, the gateway reloads or goes away.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ask, Callers, statuses } from '../support/callers.ts';
import type { CleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { type Answer, answerOk, answerStatuses } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import type { RawResponse } from '../support/raw.ts';
import { answerJson, answersInTurn, HeldAnswers, startVendor } from '../support/vendor.ts';
import { eventually } from '../support/wait.ts';

const CARRIER = { integration: 'carrier' };
const ROUTES = {
  rates: { match: 'GET /rates', to: 'carrier', auth: 'none' },
  labels: { match: 'GET /labels', to: 'carrier', auth: 'none' },
};

interface Stage {
  readonly gateway: RunningGateway;
  readonly callers: Callers;
  readonly observed: Observed;
}

async function open(t: CleanUp, integrations: unknown, more: Readonly<Record<string, unknown>> = {}): Promise<Stage> {
  const gateway = await startGateway(t, { routes: { version: 1, integrations, routes: ROUTES, ...more } });
  return { gateway, callers: new Callers(t, gateway), observed: new Observed(gateway) };
}

async function waiting(observed: Observed, count: number): Promise<void> {
  const depth = (): Promise<number> => observed.metric('sluice_pace_queue_depth', CARRIER);
  await eventually(async () => (await depth()) === count, `${count} calls that wait`);
}

async function answerOf(ask: Ask | undefined): Promise<RawResponse> {
  if (ask === undefined) throw new Error('nothing was asked');
  return ask.answer;
}

/** Ways to say that nothing more may come for a minute. */
const PAUSES: Readonly<Record<string, { readonly answer: Answer; readonly status: number }>> = {
  'a 429 with Retry-After in seconds': {
    answer: answerJson({}, 429, { 'retry-after': '60' }),
    status: 502,
  },
  'a 503 with Retry-After as a date': {
    answer: (request, response, index) =>
      answerJson({}, 503, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() })(request, response, index),
    status: 502,
  },
  'a good answer that uses up X-RateLimit-Remaining': {
    answer: answerJson({}, 200, { 'x-ratelimit-limit': '9', 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '60' }),
    status: 200,
  },
  'a good answer that uses up RateLimit': {
    answer: answerJson({}, 200, { 'ratelimit-policy': '"min";q=9;w=60', ratelimit: '"min";r=0;t=60' }),
    status: 200,
  },
};

for (const [what, { answer, status }] of Object.entries(PAUSES)) {
  test(`${what} pauses every route of the integration, and no other`, async (t) => {
    const vendor = await startVendor(t, { answer });
    const other = await startVendor(t);
    const settings = { pace: { concurrency: 9, wait: '1s' }, retry: 0 };
    const { gateway, callers, observed } = await open(
      t,
      { carrier: { url: vendor.url, ...settings }, other: { url: other.url, ...settings } },
      { routes: { ...ROUTES, other: { match: 'GET /other', to: 'other', auth: 'none' } } },
    );
    assert.equal((await callers.ask('/rates').answer).status, status);

    for (const path of ['/labels', '/rates', '/labels']) {
      const problem = assertProblem(await callers.ask(path).answer, 503, 'integration.wait');
      assert.ok((problem.retry_after ?? 0) >= 1 && (problem.retry_after ?? 99) <= 60, String(problem.retry_after));
    }
    assert.equal(vendor.calls.length, 1);
    assert.equal((await callers.ask('/other').answer).status, 200);

    await observed.atRest();
    const [paused, ...more] = gateway.log.lines.filter(({ event }) => event === 'pace_paused');
    assert.deepEqual([paused?.['integration'], paused?.['level'], more.length], ['carrier', 'warn', 0]);
    const pauseMs = Number(paused?.['pause_ms']);
    assert.ok(pauseMs > 0 && pauseMs <= 60_000, String(pauseMs));
    assert.equal(await observed.metric('sluice_pace_pauses_total', CARRIER), 1);
    assert.equal(await observed.metric('sluice_pace_pauses_total', { integration: 'other' }), 0);
    assert.equal(await observed.metric('sluice_pace_refused_total', CARRIER), 3);
  });
}

test('who can wait for the end of a pause is served after it, the call that met it too', async (t) => {
  const vendor = await startVendor(t, {
    answer: answersInTurn(answerJson({}, 429, { 'retry-after': '1' }), answerOk),
  });
  // One at a time: the others find the pause that the first has met.
  const { callers } = await open(t, { carrier: { url: vendor.url, pace: { concurrency: 1, wait: '5m' }, retry: 1 } });
  const first = callers.ask('/rates');
  const pausedAt = (await vendor.call(0)).atMs;
  assert.deepEqual(await statuses([first, ...callers.asks(3, '/labels')]), [200, 200, 200, 200]);
  assert.equal(vendor.calls.length, 5);
  for (const { atMs } of vendor.calls.slice(1)) assert.ok(atMs - pausedAt >= 1000, `${atMs - pausedAt} ms`);
});

test('with an account for each tenant, a pause of one leaves the others alone', async (t) => {
  const keyOf = (tenant: string): string => `${tenant}-secret-0123456789ab`;
  const account = (tenant: string): object => ({
    keys: keyOf(tenant),
    credentials: { carrier: { bearer: `${tenant}-token` } },
  });
  const vendor = await startVendor(t, {
    answer: (request, ...rest) =>
      request.header('authorization') === 'Bearer one-token'
        ? answerJson({}, 429, { 'retry-after': '60' })(request, ...rest)
        : answerOk(request, ...rest),
  });
  const { gateway, callers, observed } = await open(
    t,
    { carrier: { url: vendor.url, auth: 'per_tenant', pace: { concurrency: 9, wait: '1s' }, retry: 0 } },
    {
      defaults: { auth: 'key' },
      tenants: { one: account('one'), two: account('two') },
      routes: { rates: { match: 'GET /rates', to: 'carrier' } },
    },
  );
  const ask = (tenant: string): Promise<RawResponse> => callers.ask('/rates', { key: keyOf(tenant) }).answer;
  assertProblem(await ask('one'), 502, 'integration.error');
  assertProblem(await ask('one'), 503, 'integration.wait');
  for (let i = 0; i < 3; i++) assert.equal((await ask('two')).status, 200);
  await observed.atRest();
  const [paused, ...more] = gateway.log.lines.filter(({ event }) => event === 'pace_paused');
  assert.deepEqual([paused?.['integration'], paused?.['tenant'], more.length], ['carrier', 'one', 0]);
  assert.equal(await observed.metric('sluice_pace_pauses_total', CARRIER), 1);
});

/** What a reload may change of an integration, or of anything else. */
const EDITS: Readonly<Record<string, (settings: object) => Readonly<Record<string, unknown>>>> = {
  'another route': (settings) => ({
    integrations: { carrier: settings },
    routes: { ...ROUTES, more: { match: 'GET /more', to: 'carrier', auth: 'none' } },
  }),
  'another setting of the integration': (settings) => ({
    integrations: { carrier: { ...settings, response_max: '1MiB' } },
  }),
  'another pace': (settings) => ({
    integrations: { carrier: { ...settings, pace: { rate: '20/s', wait: '10m', queue: 90, share: 'fifo' } } },
  }),
};
for (const [what, edit] of Object.entries(EDITS)) {
  test(`a reload with ${what} keeps who waits, and grants nothing extra`, async (t) => {
    const held = new HeldAnswers();
    const vendor = await startVendor(t, { answer: held.answer });
    const settings = { url: vendor.url, pace: { rate: '20/s', wait: '5m' }, retry: 0 };
    const { gateway, callers, observed } = await open(t, { carrier: settings });
    const startMs = performance.now();
    const calls = callers.asks(40, '/rates');
    await vendor.call(0);
    await reload(gateway, { version: 1, routes: ROUTES, ...edit(settings) });
    calls.push(...callers.asks(20, '/labels'));
    held.release();
    assert.deepEqual(await statuses(calls), Array(60).fill(200));
    assert.equal(vendor.calls.length, 60);
    for (const [index, { atMs }] of vendor.calls.entries()) {
      assert.ok(atMs - startMs >= index * 50, `call ${index} came ${atMs - startMs} ms after the start`);
    }
    assert.equal(await observed.metric('sluice_pace_queue_depth', CARRIER), 0);
    await observed.atRest();
  });

  test(`a reload with ${what} goes on with a pause`, async (t) => {
    const vendor = await startVendor(t, { answer: answerJson({}, 429, { 'retry-after': '600' }) });
    const settings = { url: vendor.url, pace: { rate: '1000/s', wait: '1s' }, retry: 0 };
    const { gateway, callers } = await open(t, { carrier: settings });
    assertProblem(await callers.ask('/rates').answer, 502, 'integration.error');
    const edited = { version: 1, routes: ROUTES, ...edit(settings) };
    await reload(gateway, JSON.parse(JSON.stringify(edited).replace('"wait":"10m"', '"wait":"1s"')));
    assertProblem(await callers.ask('/labels').answer, 503, 'integration.wait');
    assert.equal(vendor.calls.length, 1);
  });
}

async function reload(gateway: RunningGateway, routes: Readonly<Record<string, unknown>>): Promise<void> {
  const mark = gateway.log.lines.length;
  await gateway.process.writeRoutes(routes);
  await gateway.log.until(({ event }) => event === 'config_reloaded', mark);
}

const BREAKER = { failures: '50%', min: 1, open: '5m' };

test('calls that wait while the breaker opens are refused, not sent', async (t) => {
  const held = new HeldAnswers(answerStatuses(500));
  const vendor = await startVendor(t, { answer: held.answer });
  const { callers, observed } = await open(t, {
    carrier: { url: vendor.url, pace: { concurrency: 1, wait: '5m' }, retry: 0, breaker: BREAKER },
  });
  const first = callers.ask('/rates');
  await eventually(() => held.size === 1, 'call in flight');
  const others = callers.asks(5, '/labels');
  await waiting(observed, 5);
  held.release();
  assertProblem(await first.answer, 502, 'integration.error');
  for (const { answer } of others) assertProblem(await answer, 503, 'upstream.breaker_open');
  assert.equal(vendor.calls.length, 1);
  assert.equal(await observed.metric('sluice_breaker_state', { upstream: 'carrier', state: 'open' }), 1);
  await waiting(observed, 0);
  await observed.atRest();
});

test('with an open breaker nobody waits for a turn first', async (t) => {
  const vendor = await startVendor(t, { answer: answerStatuses(500) });
  const { callers, observed } = await open(t, {
    carrier: { url: vendor.url, pace: { rate: '1/h', wait: '2h' }, retry: 0, breaker: BREAKER },
  });
  assertProblem(await callers.ask('/rates').answer, 502, 'integration.error');
  assertProblem(await answerOf(callers.ask('/labels')), 503, 'upstream.breaker_open');
  assert.equal(await observed.metric('sluice_pace_queue_depth', CARRIER), 0);
  assert.equal(vendor.calls.length, 1);
});

test('what waits at SIGTERM is served before the process ends', async (t) => {
  const held = new HeldAnswers();
  const vendor = await startVendor(t, { answer: held.answer });
  const { gateway, callers, observed } = await open(t, {
    carrier: { url: vendor.url, pace: { concurrency: 1, wait: '5m' } },
  });
  const calls = callers.asks(6, '/rates');
  await waiting(observed, 5);
  gateway.process.kill('SIGTERM');
  await gateway.log.until(({ event }) => event === 'draining');
  held.release();
  assert.deepEqual(await statuses(calls), Array(6).fill(200));
  assert.deepEqual(await gateway.process.exited, { code: 0, signal: null });
  assert.equal(gateway.log.access.length, 6);
});

test('what still waits when the grace is over is told so, and never sent', async (t) => {
  const held = new HeldAnswers();
  const vendor = await startVendor(t, { answer: held.answer });
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      integrations: { carrier: { url: vendor.url, pace: { concurrency: 1, wait: '5m' } } },
      routes: ROUTES,
    },
    gateway: { shutdown: { grace: '200ms' } },
  });
  const callers = new Callers(t, gateway);
  const calls = callers.asks(3, '/rates');
  await waiting(new Observed(gateway), 2);
  gateway.process.kill('SIGTERM');
  for (const { answer } of calls) assertProblem(await answer, 503, 'gateway.draining');
  await gateway.process.exited;
  assert.equal(vendor.calls.length, 1);
});
