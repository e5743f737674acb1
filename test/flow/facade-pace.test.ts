// The budget that a third party grants, as its tenants and the third party itself see it: turns, bounds, queues, refusals.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Bottleneck from 'bottleneck';
import { type Ask, Callers, statuses } from '../support/callers.ts';
import type { CleanUp } from '../support/clean-up.ts';
import { embedGateway } from '../support/embedded-gateway.ts';
import { startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { assertProblem } from '../support/problems.ts';
import type { RawResponse } from '../support/raw.ts';
import { HeldAnswers, startVendor, type Vendor } from '../support/vendor.ts';
import { eventually } from '../support/wait.ts';

/** The path says who calls, for whom looks at what arrives at the vendor. */
const keyOf = (tenant: string): string => `${tenant}-secret-0123456789ab`;
const PLANS = { gold: { priority: 9 }, iron: { priority: 1 } };
const TENANTS = {
  flood: { keys: keyOf('flood') },
  calm: { keys: keyOf('calm') },
  urgent: { keys: keyOf('urgent'), plan: 'gold' },
  patient: { keys: keyOf('patient'), plan: 'iron' },
};

interface Stage {
  readonly vendor: Vendor;
  readonly held: HeldAnswers;
  readonly observed: Observed;
  /** Calls of a tenant, sent at once. */
  readonly call: (tenant: string, count: number) => Ask[];
  /** Resolves once that many calls wait for their turn. */
  readonly waiting: (count: number) => Promise<unknown>;
}

/** A gateway before a vendor that keeps its answers back until it is told to give them. */
async function stage(t: CleanUp, pace: Readonly<Record<string, unknown>>): Promise<Stage> {
  const held = new HeldAnswers();
  const vendor = await startVendor(t, { answer: held.answer });
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      plans: PLANS,
      tenants: TENANTS,
      integrations: { carrier: { url: vendor.url, pace, retry: 0, timeout: { try: '5m', answer: '5m' } } },
      routes: { rates: { match: 'GET /rates/{who}', to: 'carrier', auth: 'key' } },
    },
  });
  const observed = new Observed(gateway);
  const callers = new Callers(t, gateway);
  return {
    vendor,
    held,
    observed,
    call: (tenant, count) => callers.asks(count, `/rates/${tenant}`, { key: keyOf(tenant) }),
    waiting: (count) =>
      eventually(
        async () => (await observed.metric('sluice_pace_queue_depth', { integration: 'carrier' })) === count,
        `${count} calls that wait`,
      ),
  };
}

/** Whose calls the vendor received, in their order: the last part of the path. */
function order({ calls }: Vendor): string[] {
  return calls.map(({ url }) => url.split('/').at(-1) ?? '');
}

/** The n-th call came no earlier than the rate allows it after `startMs`. */
function assertSpaced({ calls }: Vendor, startMs: number, intervalMs: number): void {
  for (const [index, { atMs }] of calls.entries()) {
    assert.ok(atMs - startMs >= index * intervalMs, `call ${index} came ${atMs - startMs} ms after the start`);
  }
}

const CARRIER = { integration: 'carrier' };

test('a tenant that floods waits behind itself, and the vendor gets no more than its rate', async (t) => {
  const { vendor, held, observed, call, waiting } = await stage(t, {
    rate: '40/s',
    concurrency: 1,
    queue: 100,
    wait: '5m',
  });
  const startMs = performance.now();
  const flood = call('flood', 40);
  await waiting(39);
  const calm = call('calm', 3);
  await waiting(42);
  held.release();
  assert.deepEqual(await statuses([...flood, ...calm]), Array(43).fill(200));

  // One was in flight when the others came; from there on they take turns.
  const places = order(vendor).flatMap((who, index) => (who === 'calm' ? [index] : []));
  assert.equal(places.length, 3);
  assert.ok((places[2] ?? 43) <= 7, `${places.join()} of 43`);
  assertSpaced(vendor, startMs, 25);
  assert.equal(vendor.mostInFlight, 1);

  assert.equal(await observed.metric('sluice_pace_wait_seconds_count', CARRIER), 43);
  assert.equal(await observed.metric('sluice_pace_queue_depth', CARRIER), 0);
  assert.ok((await observed.metric('sluice_pace_wait_seconds_sum', CARRIER)) > 0);
  await observed.atRest();
});

test('first come, first served where it says fifo', async (t) => {
  const { vendor, held, call, waiting } = await stage(t, { concurrency: 1, wait: '5m', share: 'fifo' });
  const flood = call('flood', 6);
  await waiting(5);
  const calm = call('calm', 1);
  await waiting(6);
  held.release();
  await statuses([...flood, ...calm]);
  assert.equal(order(vendor).at(-1), 'calm');
});

test('calls of a better plan go first, those of a lesser one last', async (t) => {
  const { vendor, held, call, waiting } = await stage(t, { concurrency: 1, wait: '5m' });
  const calls = call('flood', 1);
  await eventually(() => held.size === 1, 'call in flight');
  for (const [index, tenant] of ['patient', 'calm', 'urgent'].entries()) {
    calls.push(...call(tenant, 3));
    await waiting((index + 1) * 3);
  }
  held.release();
  assert.deepEqual(await statuses(calls), Array(10).fill(200));
  assert.deepEqual(order(vendor), [
    'flood',
    ...Array(3).fill('urgent'),
    ...Array(3).fill('calm'),
    ...Array(3).fill('patient'),
  ]);
});

test('the vendor never has more in flight than it allows', async (t) => {
  const { vendor, held, call, waiting } = await stage(t, { concurrency: 3, wait: '5m' });
  const calls = [...call('flood', 8), ...call('calm', 4)];
  await waiting(9);
  await eventually(() => held.size === 3, 'three calls in flight');
  for (let left = 12; left > 0; left--) {
    await eventually(() => held.size === Math.min(3, left), `${left} calls to go`);
    held.release(1);
  }
  assert.deepEqual(await statuses(calls), Array(12).fill(200));
  assert.equal(vendor.mostInFlight, 3);
});

test('a full queue refuses at once, and of who has most in it first', async (t) => {
  const { vendor, held, observed, call, waiting } = await stage(t, { concurrency: 1, queue: 2, wait: '5m' });
  const flood = call('flood', 1);
  await eventually(() => held.size === 1, 'call in flight');
  flood.push(...call('flood', 1));
  await waiting(1);
  const newest = call('flood', 1);
  await waiting(2);

  // Nothing was answered yet: whoever is refused here did not wait for anything.
  const [refused] = call('flood', 1);
  const problem = await answerOf(refused);
  assertProblem(problem, 503, 'integration.queue_full');
  const calm = call('calm', 1);
  assertProblem(await answerOf(newest[0]), 503, 'integration.queue_full');
  assert.equal(await observed.metric('sluice_pace_queue_depth', CARRIER), 2);
  assert.equal(await observed.metric('sluice_pace_refused_total', { ...CARRIER, reason: 'queue_full' }), 2);
  assert.equal(await observed.metric('sluice_upstream_attempts_total', { upstream: 'carrier' }), 0);

  held.release();
  assert.deepEqual(await statuses([...flood, ...calm]), [200, 200, 200]);
  assert.deepEqual(order(vendor).toSorted(), ['calm', 'flood', 'flood']);
  assert.equal((await observed.line(newest[0]?.id ?? '')).reason, 'integration.queue_full');
});

test('a wait that would be too long is refused at once, with the time to come back', async (t) => {
  const { vendor, held, observed, call } = await stage(t, { rate: '2/h', wait: '10s' });
  held.release();
  assert.deepEqual(await statuses(call('flood', 1)), [200]);
  const [refused] = call('calm', 1);
  const { retry_after: retryAfter = 0 } = assertProblem(await answerOf(refused), 503, 'integration.wait');
  assert.ok(retryAfter > 600 && retryAfter <= 1800, String(retryAfter));
  assert.equal(vendor.calls.length, 1);
  assert.equal(await observed.metric('sluice_pace_refused_total', { ...CARRIER, reason: 'wait' }), 1);
});

test('a wait that became too long ends, and what it waited for is never called', async (t) => {
  const { vendor, held, observed, call } = await stage(t, { concurrency: 1, wait: '300ms' });
  const [first] = call('flood', 1);
  await eventually(() => held.size === 1, 'call in flight');
  const [late] = call('calm', 1);
  assertProblem(await answerOf(late), 503, 'integration.wait');
  held.release();
  assert.equal((await answerOf(first)).status, 200);
  await observed.atRest();
  assert.deepEqual(order(vendor), ['flood']);
});

test('a client that leaves frees its place, and its call never reaches the vendor', async (t) => {
  const { vendor, held, observed, call, waiting } = await stage(t, { concurrency: 1, queue: 1, wait: '5m' });
  const [first] = call('flood', 1);
  await eventually(() => held.size === 1, 'call in flight');
  const [leaver] = call('calm', 1);
  await waiting(1);
  leaver?.leave();
  await waiting(0);
  const line = await observed.line(leaver?.id ?? '');
  assert.deepEqual([line.status, line.reason], [499, 'client_gone']);

  const [next] = call('urgent', 1);
  await waiting(1);
  held.release();
  assert.equal((await answerOf(first)).status, 200);
  assert.equal((await answerOf(next)).status, 200);
  await observed.atRest();
  assert.deepEqual(order(vendor), ['flood', 'urgent']);
});

test('a client that leaves while its call is in flight gives its turn to the next', async (t) => {
  const { vendor, held, observed, call, waiting } = await stage(t, { concurrency: 1, wait: '5m' });
  const [leaver] = call('flood', 1);
  await eventually(() => held.size === 1, 'call in flight');
  const [next] = call('calm', 1);
  await waiting(1);
  leaver?.leave();
  await eventually(() => vendor.calls.length === 2, 'the turn of the next');
  held.release();
  assert.equal((await answerOf(next)).status, 200);
  await observed.atRest();
});

test('a call that finds room never touches the queue of bottleneck, one that finds none does', async (t) => {
  const schedule = t.mock.method(Bottleneck.prototype, 'schedule');
  const held = new HeldAnswers();
  const vendor = await startVendor(t, { answer: held.answer });
  const { url } = await embedGateway(t, {
    version: 1,
    integrations: { carrier: { url: vendor.url, pace: { rate: '100000/s', concurrency: 1, wait: '5m' } } },
    routes: { rates: { match: 'GET /rates', to: 'carrier', auth: 'none' } },
  });
  const callers = new Callers(t, { port: Number(new URL(url).port) });
  held.release(50);
  for (let i = 0; i < 50; i++) assert.deepEqual(await statuses(callers.asks(1, '/rates')), [200]);
  assert.equal(schedule.mock.callCount(), 0);

  const two = callers.asks(2, '/rates');
  await eventually(() => held.size === 1 && schedule.mock.callCount() > 0, 'a call that waits');
  held.release();
  assert.deepEqual(await statuses(two), [200, 200]);
});

async function answerOf(ask: Ask | undefined): Promise<RawResponse> {
  if (ask === undefined) throw new Error('nothing was asked');
  return ask.answer;
}
