import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, mock, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Breaker, type BreakerState, type Pass, type Transition } from '../../src/resilience/breaker.ts';
import type { Settlement } from '../../src/resilience/outcome.ts';
import type { BreakerSettings } from '../../src/resilience/settings.ts';

const SETTINGS: BreakerSettings = { failures: 0.5, min: 4, window: 10_000, open: 30_000 };

describe('breaker', () => {
  let now = 0;
  let transitions: BreakerState[] = [];

  beforeEach(() => {
    now = 1_000;
    transitions = [];
    mock.timers.enable({ apis: ['setTimeout'] });
  });
  afterEach(() => mock.timers.reset());

  function breaker(settings: Partial<BreakerSettings> = {}): Breaker {
    const onTransition = ({ to }: Transition): void => void transitions.push(to);
    return new Breaker('orders', { ...SETTINGS, ...settings }, { now: () => now, onTransition });
  }

  function pass(ms: number): void {
    now += ms;
    mock.timers.tick(ms);
  }

  function enter(from: Breaker): Pass {
    const entered = from.tryEnter();
    assert.ok(entered, 'the breaker lets an attempt in');
    return entered;
  }

  async function settle(on: Breaker, ...settlements: Settlement[]): Promise<void> {
    for (const settlement of settlements) enter(on).settle(settlement);
    await Promise.resolve(); // successes are counted on the next microtask
  }

  async function opened(): Promise<Breaker> {
    const it = breaker();
    await settle(it, 'failure', 'failure', 'failure', 'failure');
    assert.equal(it.state, 'open');
    return it;
  }

  test('opens at the threshold, not only above it', async () => {
    const it = breaker();
    await settle(it, 'success', 'success', 'failure');
    assert.equal(it.state, 'closed');
    await settle(it, 'failure');
    assert.equal(it.state, 'open');
    assert.deepEqual(transitions, ['open']);
    assert.equal(it.tryEnter(), undefined);
  });

  test('opens within the call that trips it, so that nothing more slips through', () => {
    const it = breaker({ min: 1 });
    enter(it).settle('failure');
    assert.equal(it.tryEnter(), undefined);
  });

  test('does not judge by fewer attempts than its minimum', async () => {
    const it = breaker({ min: 5 });
    await settle(it, 'failure', 'failure', 'failure', 'failure');
    assert.equal(it.state, 'closed');
  });

  test('forgets attempts older than the window', async () => {
    const it = breaker();
    await settle(it, 'failure', 'failure', 'failure');
    pass(11_000);
    await settle(it, 'failure');
    assert.equal(it.state, 'closed');
  });

  test('remembers attempts within the window', async () => {
    const it = breaker();
    await settle(it, 'failure', 'failure', 'failure');
    pass(8_900);
    await settle(it, 'failure');
    assert.equal(it.state, 'open');
  });

  test('counts only what has settled: attempts under way do not dilute failures', async () => {
    const it = breaker();
    for (let waiting = 0; waiting < 100; waiting++) enter(it);
    await settle(it, 'failure', 'failure', 'failure', 'failure');
    assert.equal(it.state, 'open');
  });

  test('ignored attempts neither count towards the minimum nor dilute failures', async () => {
    const it = breaker();
    await settle(it, 'ignored', 'ignored', 'ignored', 'ignored', 'failure', 'failure', 'failure');
    assert.equal(it.state, 'closed');
    await settle(it, 'failure');
    assert.equal(it.state, 'open');
  });

  test('says when the next probe may go', async () => {
    const it = await opened();
    assert.equal(it.retryAfterS(), 30);
    pass(28_500);
    assert.equal(it.retryAfterS(), 2);
    pass(1_500);
    assert.equal(it.state, 'half_open');
    assert.equal(it.retryAfterS(), 1);
  });

  test('lets one probe through, whose success closes it', async () => {
    const it = await opened();
    pass(30_000);
    const probe = enter(it);
    assert.equal(it.tryEnter(), undefined);
    probe.settle('success');
    await Promise.resolve();
    assert.equal(it.state, 'closed');
    enter(it);
    enter(it);
    assert.deepEqual(transitions, ['open', 'half_open', 'closed']);
  });

  test('opens for the whole time again when the probe fails', async () => {
    const it = await opened();
    pass(30_000);
    enter(it).settle('failure');
    assert.equal(it.state, 'open');
    assert.equal(it.retryAfterS(), 30);
    pass(29_999);
    assert.equal(it.state, 'open');
    pass(1);
    assert.equal(it.state, 'half_open');
  });

  test('a probe whose client left proves nothing: the next may go at once', async () => {
    const it = await opened();
    pass(30_000);
    enter(it).settle('ignored');
    assert.equal(it.state, 'half_open');
    enter(it);
    assert.equal(it.tryEnter(), undefined);
  });

  test('a probe that never settles is given up, and says nothing when it does', async () => {
    const it = await opened();
    pass(30_000);
    const lost = enter(it);
    pass(29_999);
    assert.equal(it.tryEnter(), undefined);
    pass(1);
    const next = enter(it);
    lost.settle('success');
    await Promise.resolve();
    assert.equal(it.state, 'half_open');
    next.settle('success');
    await Promise.resolve();
    assert.equal(it.state, 'closed');
  });

  test('an attempt from before it opened can neither close nor trip it later', async () => {
    const it = breaker();
    const [slow, slower, slowest] = [enter(it), enter(it), enter(it)];
    await settle(it, 'failure', 'failure', 'failure', 'failure');
    pass(30_000);
    slow.settle('success');
    await Promise.resolve();
    assert.equal(it.state, 'half_open');
    slower.settle('failure');
    assert.equal(it.state, 'half_open');
    enter(it).settle('success');
    await Promise.resolve();
    slowest.settle('failure');
    await settle(it, 'failure', 'failure', 'failure');
    assert.equal(it.state, 'closed');
  });

  test('starts afresh once closed: what tripped it does not trip it again', async () => {
    const it = breaker({ open: 1_000 });
    await settle(it, 'failure', 'failure', 'failure', 'failure');
    pass(1_000);
    await settle(it, 'success');
    assert.equal(it.state, 'closed');
    await settle(it, 'failure', 'failure', 'failure');
    assert.equal(it.state, 'closed');
  });

  test('a pass counts once, however often it is settled', async () => {
    const it = breaker();
    const entered = enter(it);
    for (let again = 0; again < 10; again++) entered.settle('failure');
    await Promise.resolve();
    assert.equal(it.state, 'closed');
  });

  test('a reload keeps it open for what remains of its time, and counts no transition', async () => {
    const old = await opened();
    pass(10_000);
    const next = breaker({ min: 10 });
    next.adopt(old);
    assert.equal(next.state, 'open');
    assert.equal(next.retryAfterS(), 20);
    assert.deepEqual(transitions, ['open']);
    pass(20_000);
    assert.equal(next.state, 'half_open');
    enter(next).settle('failure');
    assert.equal(next.retryAfterS(), 30);
  });

  test('reloads do not prolong its time, and a shorter one applies', async () => {
    const old = await opened();
    const next = breaker({ open: 5_000 });
    next.adopt(old);
    assert.equal(next.retryAfterS(), 5);
  });

  test('calls of the earlier configuration enter by the new one', async () => {
    const old = breaker();
    const before = enter(old);
    const next = breaker({ min: 1 });
    next.adopt(old);
    before.settle('failure');
    assert.equal(next.state, 'closed');
    enter(old).settle('failure');
    assert.equal(next.state, 'open');
    assert.equal(old.state, 'open');
    assert.equal(old.tryEnter(), undefined);
  });

  test('a reload while half open allows a probe at once', async () => {
    const old = await opened();
    pass(30_000);
    enter(old);
    const next = breaker();
    next.adopt(old);
    pass(1);
    enter(next);
    assert.equal(next.tryEnter(), undefined);
  });

  test('after shutdown everything may pass and nothing counts', async () => {
    const it = await opened();
    it.shutdown();
    await settle(it, 'failure', 'failure', 'failure', 'failure');
    assert.equal(it.state, 'closed');
    assert.deepEqual(transitions, ['open']);
  });
});

test('one that is idle costs nothing: no timer turns its window', async (t) => {
  const timers = [t.mock.method(globalThis, 'setInterval'), t.mock.method(globalThis, 'setTimeout')];
  const it = new Breaker('idle', SETTINGS, { now: () => 0 });
  it.tryEnter()?.settle('success');
  it.tryEnter()?.settle('failure');
  await setImmediate();
  assert.deepEqual(
    timers.map((timer) => timer.mock.callCount()),
    [0, 0],
  );
});

test('memory is flat however many attempts fall in one window', async () => {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  assert.ok(typeof collect === 'function');
  const it = new Breaker('busy', SETTINGS, { now: () => 0 });
  const heapAfter = async (calls: number): Promise<number> => {
    for (let call = 1; call <= calls; call++) {
      it.tryEnter()?.settle('success');
      if (call % 1_000 === 0) await Promise.resolve();
    }
    await setImmediate();
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await heapAfter(1_000);
  // A number kept for each attempt would be 2.4 MB.
  assert.ok((await heapAfter(300_000)) - before < 1_000_000);
});
