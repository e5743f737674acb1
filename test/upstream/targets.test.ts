import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { beforeEach, describe, test } from 'node:test';
import type { AttemptResult } from '../../src/resilience/outcome.ts';
import { Ejection } from '../../src/upstream/ejection.ts';
import { Resolver } from '../../src/upstream/resolver.ts';
import type { EjectSettings } from '../../src/upstream/settings.ts';
import { Target } from '../../src/upstream/target.ts';
import { Targets } from '../../src/upstream/targets.ts';

const EJECT: EjectSettings = { failures: 5, for: 30_000, max: 0.5 };

let now = 0;
let events: string[] = [];

beforeEach(() => {
  now = 1_000_000;
  events = [];
});

function targetsOf(names: readonly string[], eject: Partial<EjectSettings> = {}): Targets {
  const connect = {
    connectTimeoutMs: 1_000,
    lookup: new Resolver().lookup,
    tls: undefined,
    pending: new Set<Socket>(),
  };
  const all = names.map((name) => {
    const origin = `http://${name}`;
    return new Target({ url: { href: origin, origin, basePath: '' }, weight: 1 }, 1, connect);
  });
  const hooks = {
    onEjected: (target: Target, forMs: number): void => void events.push(`${target.authority} out for ${forMs}`),
    onReturned: (target: Target): void => void events.push(`${target.authority} back`),
  };
  const ejection = new Ejection({ ...EJECT, ...eject }, all, hooks, () => now);
  for (const target of all) target.ejection = ejection;
  return new Targets(all, 'round_robin', () => now);
}

function at(targets: Targets, index: number): Target {
  const target = targets.all[index];
  assert.ok(target);
  return target;
}

function attempt(target: Target, result: AttemptResult, times = 1): void {
  for (let made = 0; made < times; made++) {
    target.judge(result);
  }
}

function picks(targets: Targets, count: number): string {
  return Array.from({ length: count }, () => targets.pick(undefined)?.authority).join(' ');
}

describe('ejection', () => {
  test('a target is left out after failures in a row', () => {
    const targets = targetsOf(['a', 'b', 'c']);
    attempt(at(targets, 1), '5xx', 4);
    attempt(at(targets, 1), 'connect');
    assert.equal(picks(targets, 4), 'a c a c');
    assert.deepEqual(events, ['b out for 30000']);
    assert.deepEqual(targets.counts(), { healthy: 2, unhealthy: 0, ejected: 1 });
  });

  test('a success ends a row of failures, a client’s abort does not count', () => {
    const targets = targetsOf(['a', 'b']);
    attempt(at(targets, 0), 'timeout', 4);
    attempt(at(targets, 0), 'ok');
    attempt(at(targets, 0), 'timeout', 4);
    attempt(at(targets, 0), 'aborted', 4);
    assert.deepEqual(events, []);
    attempt(at(targets, 0), 'timeout');
    assert.deepEqual(events, ['a out for 30000']);
  });

  test('never more than the largest share is out, and never the only target', () => {
    const three = targetsOf(['a', 'b', 'c']);
    for (const target of three.all) attempt(target, 'reset', 5);
    assert.equal(three.counts().ejected, 1);
    const one = targetsOf(['a'], { max: 1 });
    attempt(at(one, 0), 'reset', 50);
    assert.equal(one.counts().ejected, 0);
  });

  test('when all are ejected, all are used again', () => {
    const targets = targetsOf(['a', 'b'], { max: 1 });
    for (const target of targets.all) attempt(target, 'reset', 5);
    assert.equal(targets.counts().ejected, 2);
    assert.equal(new Set(picks(targets, 4).split(' ')).size, 2);
  });

  test('it lasts longer each time, up to ten times, and is forgiven after good service', () => {
    const targets = targetsOf(['a', 'b']);
    for (let time = 0; time < 12; time++) {
      attempt(at(targets, 0), 'reset', 5);
      now = at(targets, 0).ejectedUntil;
      targets.pick(undefined);
    }
    now += 300_000;
    attempt(at(targets, 0), 'reset', 5);
    const lengths = events
      .filter((each) => each.includes('out'))
      .map((each) => Number(each.split(' ').at(-1)) / 30_000);
    assert.deepEqual(lengths, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10, 1]);
  });

  test('a target comes back by itself, and gradually', () => {
    const targets = targetsOf(['a', 'b']);
    attempt(at(targets, 0), 'reset', 5);
    now += 30_000;
    const share = (): number =>
      picks(targets, 100)
        .split(' ')
        .filter((each) => each === 'a').length;
    const early = share();
    now += 5_000;
    const later = share();
    now += 5_000;
    assert.ok(early > 0 && early < 15, `${early} of 100 at once`);
    assert.ok(later > early && later < 45, `${later} of 100 after five seconds`);
    assert.equal(share(), 50);
    assert.deepEqual(events, ['a out for 30000', 'a back']);
  });
});

describe('the next attempt of a call', () => {
  test('prefers another target, and takes the same one rather than none', () => {
    const targets = targetsOf(['a', 'b']);
    for (let again = 0; again < 5; again++) assert.equal(targets.pick(undefined, [], at(targets, 0))?.authority, 'b');
    at(targets, 1).unhealthy = true;
    assert.equal(targets.pick(undefined, [], at(targets, 0))?.authority, 'a');
  });

  test('never takes an excluded one, and an ejected one rather than none', () => {
    const targets = targetsOf(['a', 'b']);
    attempt(at(targets, 1), 'reset', 5);
    assert.equal(targets.pick(undefined, [at(targets, 0)])?.authority, 'b');
    assert.equal(targets.pick(undefined, targets.all), undefined);
  });

  test('a hashed key goes to one target, and its retry to one other', () => {
    const targets = targetsOf(['a', 'b', 'c']);
    const first = targets.pick('acme');
    assert.ok(first);
    const second = targets.pick('acme', [], first);
    for (let again = 0; again < 10; again++) {
      assert.equal(targets.pick('acme'), first);
      assert.equal(targets.pick('acme', [], first), second);
    }
    assert.notEqual(second, first);
  });
});

test('an unhealthy target is never chosen, not even when it is the last', () => {
  const targets = targetsOf(['a', 'b']);
  at(targets, 0).unhealthy = true;
  assert.equal(picks(targets, 2), 'b b');
  at(targets, 1).unhealthy = true;
  assert.equal(targets.pick(undefined), undefined);
});
