import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from '../../src/resilience/retry-after.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');

for (const [value, ms] of [
  ['120', 120_000],
  [' 0 ', 0],
  ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
  ['Friday, 20-Nov-26 12:00:30 GMT', 30_000],
  ['Fri Nov 20 12:00:30 2026', 30_000],
  ['Fri, 20 Nov 2026 11:59:00 GMT', 0],
  ['', undefined],
  ['-1', undefined],
  ['1.5', undefined],
  ['soon', undefined],
  ['2026-11-20T12:00:30Z', undefined],
  ['Fri, 99 Nov 2026 12:00:30 GMT', undefined],
] as const) {
  test(`"${value}" means ${ms === undefined ? 'nothing' : `${ms} ms`}`, () => {
    assert.equal(retryAfterMs(value, NOW), ms);
  });
}
