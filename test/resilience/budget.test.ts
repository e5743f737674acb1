import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Budget } from '../../src/resilience/budget.ts';

const SETTINGS = { ratio: 0.2, min: { limit: 3, windowMs: 1_000, text: '3/s' } };

/** A total outage: each request wants `retries` re-tries. Returns the attempts that were made. */
function attemptsUnderFailure(
  budget: Budget,
  clock: { now: number },
  perSecond: number,
  seconds: number,
  retries: number,
): number {
  let attempts = 0;
  for (let second = 0; second < seconds; second++) {
    for (let request = 0; request < perSecond; request++) {
      clock.now = second * 1_000 + (request * 1_000) / perSecond;
      budget.request();
      attempts += 1;
      for (let retry = 0; retry < retries && budget.tryRetry(); retry++) attempts += 1;
    }
  }
  return attempts;
}

for (const [perSecond, seconds] of [
  [1, 60],
  [10, 60],
  [100, 30],
  [1_000, 25],
  [3, 7],
] as const) {
  test(`under total failure at ${perSecond}/s attempts stay within 1.2 × requests + 3/s`, () => {
    const clock = { now: 0 };
    const attempts = attemptsUnderFailure(new Budget(SETTINGS, () => clock.now), clock, perSecond, seconds, 3);
    const bound = 1.2 * perSecond * seconds + 3 * seconds;
    assert.ok(attempts <= bound, `${attempts} attempts, at most ${bound}`);
  });
}

test('the budget is there to be used: a busy upstream gets most of it', () => {
  const clock = { now: 0 };
  const attempts = attemptsUnderFailure(new Budget(SETTINGS, () => clock.now), clock, 100, 30, 3);
  assert.ok(attempts >= 3_000 * 1.19 + 30 * 2.5, `${attempts} attempts`);
});

test('a quiet upstream may retry at once, up to the least', () => {
  const budget = new Budget(SETTINGS, () => 5_000);
  budget.request();
  assert.deepEqual(
    [1, 2, 3, 4].map(() => budget.tryRetry()),
    [true, true, true, false],
  );
});

test('in no window of a second are there more retries than the least allows', () => {
  let now = 0;
  const budget = new Budget({ ratio: 0, min: SETTINGS.min }, () => now);
  const taken: number[] = [];
  for (; now < 20_000; now += 7) if (budget.tryRetry()) taken.push(now);
  for (const start of taken) {
    assert.ok(taken.filter((at) => at >= start && at < start + 1_000).length <= 3);
  }
  assert.ok(taken.length >= 50, `${taken.length} retries in 20 s`);
});

test('requests long past are no credit for a storm', () => {
  let now = 0;
  const budget = new Budget({ ratio: 0.2, min: { limit: 1, windowMs: 1_000, text: '1/s' } }, () => now);
  for (let request = 0; request < 10_000; request++) budget.request();
  now = 60_000;
  assert.equal(budget.tryRetry(), true);
  assert.equal(budget.tryRetry(), false);
});

test('a reload grants nothing extra', () => {
  const old = new Budget(SETTINGS, () => 0);
  while (old.tryRetry());
  const next = new Budget({ ...SETTINGS, ratio: 0.5 }, () => 0);
  next.adopt(old);
  assert.equal(next.tryRetry(), false);
});
