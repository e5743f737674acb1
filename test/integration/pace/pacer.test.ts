import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pacer, type PaceSettings, type Waiter } from '../../../src/integration/pace/pacer.ts';
import type { PaceRefusal } from '../../../src/telemetry/integration-metrics.ts';

/** A call that notes what becomes of it. */
class Call implements Waiter {
  readonly tenant: string;
  readonly priority: number;
  readonly went = Promise.withResolvers<number>();
  readonly ended = Promise.withResolvers<{ why: PaceRefusal; retryAfterS: number }>();
  readonly #log: string[];

  constructor(tenant: string, log: string[] = [], priority = 5) {
    this.tenant = tenant;
    this.priority = priority;
    this.#log = log;
    this.went.promise.catch(() => {});
  }

  go(): void {
    this.#log.push(this.tenant);
    this.went.resolve(performance.now());
  }

  refused(why: PaceRefusal, retryAfterS: number): void {
    this.ended.resolve({ why, retryAfterS });
    this.went.reject(new Error(why));
  }
}

interface Bench {
  readonly pacer: Pacer;
  readonly depth: { value: number };
  readonly waits: number[];
  readonly refusals: Record<PaceRefusal, { value: number }>;
  readonly pauses: number[];
}

function bench(t: { after(fn: () => void): void }, settings: Partial<PaceSettings>): Bench {
  const depth = { value: 0 };
  const waits: number[] = [];
  const pauses: number[] = [];
  const refusals = { queue_full: { value: 0 }, wait: { value: 0 } };
  const pacer = new Pacer(
    {
      rate: undefined,
      concurrency: Number.POSITIVE_INFINITY,
      queue: 100,
      waitMs: 60_000,
      share: 'fair',
      ...settings,
    },
    {
      depth,
      waited: { observe: (seconds) => waits.push(seconds) },
      refusals,
      onPause: (pauseMs) => pauses.push(pauseMs),
    },
  );
  t.after(() => pacer.close());
  return { pacer, depth, waits, refusals, pauses };
}

const rate = (limit: number) => ({ limit, windowMs: 1000, text: `${limit}/s` });

/** Lets a call in, whichever way it goes. */
function enter(pacer: Pacer, call: Call): Call {
  if (pacer.enter(call)) call.go();
  return call;
}

test('while there is room a call goes at once, and has not waited', (t) => {
  const { pacer, waits, depth } = bench(t, { rate: rate(10), concurrency: 2 });
  assert.equal(pacer.enter(new Call('a')), true);
  assert.deepEqual(waits, [0]);
  assert.equal(depth.value, 0);
  assert.equal(pacer.inFlight, 1);
});

test('calls beyond the rate follow one by one, none too early', async (t) => {
  const { pacer, depth } = bench(t, { rate: rate(50) });
  const start = performance.now();
  const calls = Array.from({ length: 12 }, () => enter(pacer, new Call('a')));
  assert.equal(depth.value, 11);
  for (const [index, call] of calls.entries()) {
    const at = await call.went.promise;
    assert.ok(at - start >= index * 20 - 0.1, `call ${index} went after ${at - start} ms`);
  }
  assert.equal(depth.value, 0);
});

test('no more are in flight than may be; one that ends lets the next go', async (t) => {
  const { pacer } = bench(t, { concurrency: 1 });
  const first = enter(pacer, new Call('a'));
  const second = enter(pacer, new Call('a'));
  const third = enter(pacer, new Call('a'));
  await first.went.promise;
  assert.deepEqual([pacer.inFlight, pacer.depth], [1, 2]);
  pacer.done();
  await second.went.promise;
  assert.deepEqual([pacer.inFlight, pacer.depth], [1, 1]);
  pacer.done();
  await third.went.promise;
  pacer.done();
  assert.deepEqual([pacer.inFlight, pacer.depth], [0, 0]);
});

test('places that become free together are taken together', async (t) => {
  const log: string[] = [];
  const { pacer } = bench(t, { concurrency: 3 });
  for (let i = 0; i < 3; i++) enter(pacer, new Call('first', log));
  const next = Array.from({ length: 5 }, () => enter(pacer, new Call('next', log)));
  for (let i = 0; i < 3; i++) pacer.done();
  await next[0]?.went.promise;
  assert.deepEqual([log.length, pacer.inFlight, pacer.depth], [6, 3, 2]);
});

test('a tenant that floods waits behind itself', async (t) => {
  const log: string[] = [];
  const { pacer } = bench(t, { rate: rate(200) });
  const flood = Array.from({ length: 20 }, () => enter(pacer, new Call('flood', log)));
  const others = Array.from({ length: 3 }, () => enter(pacer, new Call('calm', log)));
  await Promise.all([...flood, ...others].map((call) => call.went.promise));
  assert.deepEqual(log.slice(1, 7).toSorted(), ['calm', 'calm', 'calm', 'flood', 'flood', 'flood']);
});

test('a higher priority goes first', async (t) => {
  const log: string[] = [];
  const { pacer } = bench(t, { rate: rate(20) });
  const calls = [
    new Call('first', log),
    new Call('low', log, 1),
    new Call('low', log, 1),
    new Call('low', log, 1),
    new Call('high', log, 9),
  ];
  for (const call of calls) enter(pacer, call);
  await Promise.all(calls.map((call) => call.went.promise));
  assert.deepEqual(log, ['first', 'high', 'low', 'low', 'low']);
});

test('a pause between the draw and the turn lets those go first who go before', async (t) => {
  const log: string[] = [];
  const { pacer } = bench(t, { concurrency: 1 });
  enter(pacer, new Call('first', log));
  const low = enter(pacer, new Call('low', log, 1));
  pacer.done();
  pacer.observe(429, new Map([['retry-after', '1']]));
  const high = enter(pacer, new Call('high', log, 9));
  await high.went.promise;
  pacer.done();
  await low.went.promise;
  assert.deepEqual(log, ['first', 'high', 'low']);
});

test('other settings keep what was spent, who waits and what is in flight', async (t) => {
  const { pacer, depth } = bench(t, { rate: rate(20), concurrency: 5 });
  const start = performance.now();
  const calls = Array.from({ length: 4 }, () => enter(pacer, new Call('a')));
  const settings = { rate: rate(20), queue: 100, waitMs: 60_000, share: 'fifo' } as const;
  pacer.change({ ...settings, concurrency: 2 });
  assert.deepEqual([pacer.inFlight, pacer.depth], [1, 3]);
  calls.push(enter(pacer, new Call('b')));
  await calls[1]?.went.promise;
  assert.deepEqual([pacer.inFlight, pacer.depth], [2, 3], 'no more than may be in flight now');
  pacer.change({ ...settings, concurrency: 5, waitMs: 120_000 });
  for (const [index, call] of calls.entries()) {
    assert.ok((await call.went.promise) - start >= index * 50 - 0.1, `call ${index}`);
  }
  assert.equal(depth.value, 0);
});

test('a shorter wait holds for those who wait already', async (t) => {
  const { pacer } = bench(t, { concurrency: 1 });
  enter(pacer, new Call('a'));
  const waiting = enter(pacer, new Call('a'));
  pacer.change({ rate: undefined, concurrency: 1, queue: 100, waitMs: 20, share: 'fair' });
  assert.equal((await waiting.ended.promise).why, 'wait');
});

test('a caller that leaves gives its place back', async (t) => {
  const { pacer, depth, refusals } = bench(t, { concurrency: 1, queue: 1 });
  enter(pacer, new Call('a'));
  const leaver = enter(pacer, new Call('a'));
  pacer.leave(leaver);
  pacer.leave(leaver);
  assert.equal(depth.value, 0);
  const next = enter(pacer, new Call('a'));
  assert.equal(depth.value, 1);
  assert.equal(refusals.queue_full.value, 0);
  pacer.done();
  await next.went.promise;
});

test('all who wait leave while a turn is drawn: the next caller has it, and no more than may are in flight', async (t) => {
  const { pacer } = bench(t, { concurrency: 1 });
  enter(pacer, new Call('a'));
  const leaver = enter(pacer, new Call('a'));
  pacer.done();
  pacer.leave(leaver);
  const next = enter(pacer, new Call('b'));
  const after = enter(pacer, new Call('b'));
  await next.went.promise;
  assert.deepEqual([pacer.inFlight, pacer.depth], [1, 1]);
  pacer.done();
  await after.went.promise;
});

test('a full queue refuses at once and says when to come again', async (t) => {
  const { pacer, refusals } = bench(t, { rate: rate(1), queue: 2, share: 'fifo' });
  enter(pacer, new Call('a'));
  enter(pacer, new Call('a'));
  enter(pacer, new Call('a'));
  const refused = enter(pacer, new Call('a'));
  const { why, retryAfterS } = await refused.ended.promise;
  assert.equal(why, 'queue_full');
  assert.ok(retryAfterS >= 2 && retryAfterS <= 4, String(retryAfterS));
  assert.equal(refusals.queue_full.value, 1);
});

test('a full queue makes room for a tenant that has less in it', async (t) => {
  const { pacer, depth } = bench(t, { rate: rate(1), queue: 3 });
  enter(pacer, new Call('flood'));
  const flood = [new Call('flood'), new Call('flood'), new Call('flood')];
  for (const call of flood) enter(pacer, call);
  const calm = enter(pacer, new Call('calm'));
  assert.equal((await flood[2]?.ended.promise)?.why, 'queue_full');
  assert.equal(depth.value, 3);
  pacer.leave(calm);
  assert.equal(depth.value, 2, 'it had a place');
});

test('a wait that would be too long is refused at once, one that became too long when it is', async (t) => {
  const { pacer, refusals } = bench(t, { rate: { limit: 1, windowMs: 10_000, text: '6/min' }, waitMs: 15_000 });
  enter(pacer, new Call('a'));
  enter(pacer, new Call('a'));
  const refused = enter(pacer, new Call('a'));
  assert.equal((await refused.ended.promise).why, 'wait');
  assert.equal(pacer.depth, 1, 'before the one that waits has gone');
  const { pacer: full } = bench(t, { concurrency: 1, waitMs: 20 });
  enter(full, new Call('a'));
  assert.equal((await enter(full, new Call('a')).ended.promise).why, 'wait');
  assert.equal(full.depth, 0);
  assert.equal(refusals.wait.value, 1);
});

test('a vendor’s Retry-After pauses everybody, and is news once', async (t) => {
  const { pacer, pauses } = bench(t, { rate: rate(100), waitMs: 100 });
  enter(pacer, new Call('a'));
  pacer.observe(429, new Map([['retry-after', '30']]));
  pacer.observe(429, new Map([['retry-after', '30']]));
  const { why, retryAfterS } = await enter(pacer, new Call('b')).ended.promise;
  assert.equal(why, 'wait');
  assert.ok(retryAfterS >= 29 && retryAfterS <= 30, String(retryAfterS));
  assert.deepEqual(pauses, [30_000]);
});

test('who waits when a pause ends goes on', async (t) => {
  const { pacer } = bench(t, { rate: rate(1000) });
  enter(pacer, new Call('a'));
  const start = performance.now();
  pacer.observe(429, new Map());
  const at = await enter(pacer, new Call('b')).went.promise;
  assert.ok(at - start >= 1000);
});

test('closing refuses who still waits', async (t) => {
  const { pacer, depth } = bench(t, { concurrency: 1 });
  enter(pacer, new Call('a'));
  const waiting = enter(pacer, new Call('a'));
  pacer.close();
  assert.equal((await waiting.ended.promise).why, 'wait');
  assert.equal(depth.value, 0);
});
