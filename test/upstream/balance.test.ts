import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { byHash, type Candidate, hashOf, leastPending, roundRobin } from '../../src/upstream/balance.ts';

interface Stub extends Candidate {
  readonly name: string;
  share: number;
  pending: number;
}

function stubs(weights: Readonly<Record<string, number>>): Stub[] {
  return Object.entries(weights).map(([name, share]) => ({ name, share, pending: 0, seed: hashOf(name), credit: 0 }));
}

function at(targets: readonly Stub[], index: number): Stub {
  const target = targets[index];
  assert.ok(target);
  return target;
}

describe('round robin', () => {
  test('spreads evenly and in proportion to weight', () => {
    const targets = stubs({ a: 5, b: 1, c: 1 });
    const order = Array.from({ length: 7 }, () => roundRobin(targets)?.name).join('');
    assert.equal(order, 'aabacaa');
  });

  test('skips what is no candidate', () => {
    const targets = stubs({ a: 1, b: 0, c: 1 });
    assert.equal(Array.from({ length: 4 }, () => roundRobin(targets)?.name).join(''), 'acac');
  });
});

describe('least pending', () => {
  test('prefers the target with the fewest calls for its weight', () => {
    const targets = stubs({ a: 1, b: 2 });
    at(targets, 0).pending = 1;
    at(targets, 1).pending = 1;
    assert.equal(leastPending(targets)?.name, 'b');
    at(targets, 1).pending = 3;
    assert.equal(leastPending(targets)?.name, 'a');
  });

  test('idle targets take turns, in proportion to weight', () => {
    const targets = stubs({ a: 1, b: 2 });
    assert.equal(Array.from({ length: 6 }, () => leastPending(targets)?.name).join(''), 'babbab');
  });

  test('a slow target collects calls and gets no more of them', () => {
    const targets = stubs({ slow: 1, fast: 1 });
    let toSlow = 0;
    for (let call = 0; call < 1_000; call++) {
      const chosen = leastPending(targets);
      assert.ok(chosen);
      if (chosen.name === 'slow') toSlow += 1;
      if (chosen.name === 'slow') chosen.pending += 1; // the fast one is done before the next comes
    }
    assert.equal(toSlow, 1);
  });
});

describe('hash', () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => `tenant-${index}`);

  test('a key stays where it is, in every process', () => {
    const [here, there] = [stubs({ a: 1, b: 1, c: 1 }), stubs({ c: 1, a: 1, b: 1 })];
    for (const key of keys.slice(0, 500)) assert.equal(byHash(here, key)?.name, byHash(there, key)?.name);
  });

  test('keys are spread in proportion to weight', () => {
    const targets = stubs({ a: 1, b: 2, c: 1 });
    const counts = new Map<string, number>();
    for (const key of keys) {
      const name = byHash(targets, key)?.name ?? '';
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const [name, share] of [
      ['a', 0.25],
      ['b', 0.5],
      ['c', 0.25],
    ] as const) {
      assert.ok(Math.abs((counts.get(name) ?? 0) / keys.length - share) < 0.02, `${name}: ${counts.get(name)}`);
    }
  });

  test('when a target goes, only its own keys move', () => {
    const targets = stubs({ a: 1, b: 1, c: 1 });
    const before = keys.map((key) => byHash(targets, key)?.name);
    at(targets, 1).share = 0;
    keys.forEach((key, index) => {
      const after = byHash(targets, key)?.name;
      if (before[index] === 'b') assert.notEqual(after, 'b');
      else assert.equal(after, before[index]);
    });
  });
});

test('without a candidate there is no choice', () => {
  const targets = stubs({ a: 0 });
  assert.equal(roundRobin(targets), undefined);
  assert.equal(leastPending(targets), undefined);
  assert.equal(byHash(targets, 'key'), undefined);
});
