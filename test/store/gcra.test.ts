import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type Bucket, Gcra, toTick } from '../../src/store/gcra.ts';

const perSecond = (limit: number) => ({ limit, windowMs: 1000, text: `${limit}/s` });

/** Sends one at `nowMs`; whether it was admitted. */
function send(gcra: Gcra, bucket: Bucket, nowMs: number): boolean {
  const now = toTick(nowMs);
  if (gcra.waitMs(bucket, now) > 0) return false;
  gcra.charge(bucket, now);
  return true;
}

function admitted(gcra: Gcra, bucket: Bucket, nowMs: number, tries: number): number {
  let count = 0;
  for (let i = 0; i < tries; i++) if (send(gcra, bucket, nowMs)) count++;
  return count;
}

/** The same numbers each run (mulberry32), so that a failure can be repeated. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

test('a new caller may send the number at once, and not one more', () => {
  for (const limit of [1, 3, 7, 10, 100, 997, 10_000]) {
    const gcra = new Gcra(perSecond(limit));
    assert.equal(admitted(gcra, { tatMs: 0 }, 123_456.789, limit + 5), limit, `${limit}/s`);
  }
});

test('after one window the whole number is back', () => {
  for (const limit of [1, 3, 7, 10, 100, 997]) {
    const gcra = new Gcra(perSecond(limit));
    const bucket = { tatMs: 0 };
    admitted(gcra, bucket, 5000, limit);
    assert.equal(admitted(gcra, bucket, 6000, limit + 5), limit, `${limit}/s`);
  }
});

test('a burst of one spaces requests evenly', () => {
  const gcra = new Gcra(perSecond(10), 1);
  const bucket = { tatMs: 0 };
  const times = Array.from({ length: 1000 }, (_, ms) => ms).filter((ms) => send(gcra, bucket, 1000 + ms));
  assert.deepEqual(times, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
});

test('the wait is exact: refused just before it is over, admitted after it', () => {
  const gcra = new Gcra({ limit: 100, windowMs: 60_000, text: '100/min' }, 2);
  const bucket = { tatMs: 0 };
  admitted(gcra, bucket, 1000, 2);
  const waitMs = gcra.waitMs(bucket, 1000);
  assert.equal(waitMs, 600);
  assert.equal(send(gcra, bucket, 1000 + waitMs - 0.001), false);
  assert.equal(send(gcra, bucket, 1000 + waitMs), true);
});

test('remaining counts down to nothing and comes back with time', () => {
  const gcra = new Gcra(perSecond(4));
  const bucket = { tatMs: 0 };
  const left = Array.from({ length: 4 }, () => {
    send(gcra, bucket, 0);
    return gcra.remaining(bucket, 0);
  });
  assert.deepEqual(left, [3, 2, 1, 0]);
  assert.equal(gcra.remaining(bucket, 500), 2);
  assert.equal(gcra.remaining(bucket, 99_000), 4);
});

test('a refusal costs nothing', () => {
  const gcra = new Gcra(perSecond(1));
  const bucket = { tatMs: 0 };
  assert.equal(admitted(gcra, bucket, 0, 1000), 1);
  assert.equal(send(gcra, bucket, 1000), true);
});

suite('in any window at most limit + burst are admitted', () => {
  const cases = [
    { limit: 1, windowMs: 1000, burst: 1 },
    { limit: 3, windowMs: 1000, burst: 3 },
    { limit: 7, windowMs: 1000, burst: 20 },
    { limit: 50, windowMs: 1000, burst: 1 },
    { limit: 100, windowMs: 60_000, burst: 100 },
    { limit: 9973, windowMs: 1000, burst: 9973 },
  ];
  // After a second of uptime, and after a year of it, when a double holds fewer digits.
  for (const startMs of [1000, 3.2e10]) {
    for (const { limit, windowMs, burst } of cases) {
      test(`${limit} per ${windowMs} ms, burst ${burst}, from ${startMs} ms of uptime`, () => {
        const gcra = new Gcra({ limit, windowMs, text: '' }, burst);
        assert.equal(gcra.bound, limit + burst);
        const next = random(limit * 31 + burst);
        const bucket = { tatMs: 0 };
        const times: number[] = [];
        let nowMs = startMs;
        const tries = Math.max(40_000, 12 * gcra.bound);
        for (let i = 0; i < tries; i++) {
          // Silences that fill the bucket, floods that empty it, and everything between.
          const pace = next();
          if (pace < 1 / (4 * gcra.bound)) nowMs += windowMs * 2 * next();
          else if (pace < 0.5) nowMs += ((windowMs / limit) * next()) / 2;
          if (send(gcra, bucket, nowMs)) times.push(nowMs);
        }
        let first = 0;
        let most = 0;
        for (const [last, time] of times.entries()) {
          while ((times[first] ?? 0) < time - windowMs) first++;
          most = Math.max(most, last - first + 1);
        }
        assert.ok(most <= limit + burst, `${most} in one window`);
        assert.ok(most >= burst, 'the bound was not even approached');
      });
    }
  }
});

test('the bound holds to the last request for a sender that comes back exactly when told', () => {
  for (const limit of [3, 7, 9973, 50_000]) {
    const gcra = new Gcra(perSecond(limit), 1);
    const bucket = { tatMs: 0 };
    let count = 0;
    let nowMs = 7;
    while (nowMs <= 1007) {
      gcra.charge(bucket, nowMs);
      count++;
      nowMs += gcra.waitMs(bucket, nowMs);
    }
    // Rounding the interval up costs a fast limit a little, never the upstream.
    assert.ok(count > limit * 0.999 - 1 && count <= limit + 1, `${count} at ${limit}/s`);
  }
});

test('a steady sender is held to the limit over a long time, not below it', () => {
  const gcra = new Gcra(perSecond(300));
  const bucket = { tatMs: 0 };
  let count = 0;
  for (let ms = 0; ms < 100_000; ms++) if (send(gcra, bucket, ms)) count++;
  assert.ok(count >= 30_000 && count <= 30_300, `${count}`);
});

test('a debt from a slower limit counts as an empty bucket, no worse', () => {
  const bucket = { tatMs: 0 };
  admitted(new Gcra({ limit: 10, windowMs: 3_600_000, text: '10/h' }), bucket, 1000, 10);
  const faster = new Gcra(perSecond(10));
  assert.equal(send(faster, bucket, 1000), false);
  assert.ok(faster.waitMs(bucket, 1000) <= 100);
});
