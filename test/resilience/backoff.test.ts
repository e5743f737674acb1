import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs } from '../../src/resilience/backoff.ts';

const BACKOFF = { baseMs: 100, capMs: 1_000 };
const most = (): number => 1 - Number.EPSILON;

test('the bound doubles with each retry, up to the cap', () => {
  const bounds = [1, 2, 3, 4, 5, 60].map((retry) => Math.round(backoffMs(BACKOFF, retry, 0, Infinity, most) ?? -1));
  assert.deepEqual(bounds, [100, 200, 400, 800, 1_000, 1_000]);
});

test('jitter is full: a wait may be anything below the bound', () => {
  assert.equal(
    backoffMs(BACKOFF, 3, 0, Infinity, () => 0),
    0,
  );
  assert.equal(
    backoffMs(BACKOFF, 3, 0, Infinity, () => 0.25),
    100,
  );
});

test('it never waits less than Retry-After', () => {
  assert.equal(
    backoffMs(BACKOFF, 1, 2_000, Infinity, () => 0),
    2_000,
  );
  assert.equal(
    backoffMs(BACKOFF, 1, 2_000, Infinity, () => 0.5),
    2_050,
  );
});

test('there is no wait that ends past the deadline', () => {
  assert.equal(
    backoffMs(BACKOFF, 1, 0, 50, () => 0.5),
    undefined,
  );
  assert.equal(
    backoffMs(BACKOFF, 1, 0, 51, () => 0.5),
    50,
  );
  assert.equal(
    backoffMs(BACKOFF, 1, 5_000, 4_000, () => 0),
    undefined,
  );
  assert.equal(
    backoffMs(BACKOFF, 1, Infinity, Infinity, () => 0),
    undefined,
  );
});
