import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type VendorWish, vendorWish } from '../../../src/integration/pace/vendor-limits.ts';

const WALL = Date.UTC(2026, 0, 1, 12, 0, 0);

const wish = (status: number, headers: Record<string, string>): VendorWish =>
  vendorWish(status, new Map(Object.entries(headers)), WALL);
const pause = (status: number, headers: Record<string, string>): number => wish(status, headers).pauseMs;

test('Retry-After pauses, in seconds or as a date, on 429 and 503', () => {
  assert.equal(pause(429, { 'retry-after': '7' }), 7000);
  assert.equal(pause(503, { 'retry-after': 'Thu, 01 Jan 2026 12:00:09 GMT' }), 9000);
  assert.equal(pause(200, { 'retry-after': '7' }), 0);
  assert.equal(pause(500, { 'retry-after': '7' }), 0);
});

test('a pause is ten minutes at most', () => {
  assert.equal(pause(429, { 'retry-after': '99999999' }), 600_000);
  assert.equal(pause(200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '86400' }), 600_000);
});

test('a 429 without a word pauses for a second; a 503 without one is the breaker’s', () => {
  assert.equal(pause(429, {}), 1000);
  assert.equal(pause(429, { 'retry-after': 'soon' }), 1000);
  assert.equal(pause(503, {}), 0);
});

test('a quota that is used up pauses until it is renewed, whichever way it is said', () => {
  assert.equal(pause(200, { ratelimit: '"default";r=0;t=12' }), 12_000);
  assert.equal(pause(200, { ratelimit: '"hour";r=900;t=600, "min";r=0;t=3' }), 3000);
  assert.equal(pause(200, { ratelimit: 'limit=100, remaining=0, reset=5' }), 5000);
  assert.equal(pause(200, { 'ratelimit-remaining': '0', 'ratelimit-reset': '4' }), 4000);
  assert.equal(pause(200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '2' }), 2000);
  assert.equal(pause(200, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(WALL / 1000 + 30) }), 30_000);
  assert.equal(pause(429, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '2' }), 2000);
});

test('a quota that runs low is spread over the time that is left', () => {
  const slow = { pauseMs: 0, slow: { spacingMs: 2000, forMs: 20_000 } };
  assert.deepEqual(wish(200, { 'x-ratelimit-remaining': '10', 'x-ratelimit-reset': '20' }), slow);
  assert.deepEqual(
    wish(200, { ratelimit: '"min";r=10;t=20', 'ratelimit-policy': '"day";q=9999;w=86400, "min";q=60;w=60' }),
    slow,
  );
  const long = wish(200, { 'x-ratelimit-remaining': '10', 'x-ratelimit-reset': '86400' });
  assert.deepEqual(long.slow, { spacingMs: 8_640_000, forMs: 600_000 }, 'for ten minutes at most, as a pause');
});

test('a quota that is far from used up changes nothing', () => {
  const nothing = { pauseMs: 0, slow: undefined };
  assert.deepEqual(wish(200, { 'x-ratelimit-remaining': '4999', 'x-ratelimit-reset': '3600' }), nothing);
  assert.deepEqual(
    wish(200, { 'x-ratelimit-limit': '60', 'x-ratelimit-remaining': '13', 'x-ratelimit-reset': '20' }),
    nothing,
  );
});

test('what is not a limit is none', () => {
  const nothing = { pauseMs: 0, slow: undefined };
  for (const headers of [
    { ratelimit: 'garbage' },
    { ratelimit: '"a";r=-1;t=5' },
    { 'x-ratelimit-remaining': 'none', 'x-ratelimit-reset': '5' },
    { 'x-ratelimit-remaining': '0' },
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '0' },
  ]) {
    assert.deepEqual(wish(200, headers as unknown as Record<string, string>), nothing);
  }
});
