import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { breakerSchema, retryBudgetSchema, retrySchema, timeoutSchema } from '../../src/resilience/settings.ts';
import { reading } from '../support/reading.ts';

describe('built-in values', () => {
  test('timeouts', () => {
    assert.deepEqual(timeoutSchema.decode(undefined), { answer: 30_000, idle: 30_000, total: null });
  });
  test('retry', () => {
    assert.deepEqual(retrySchema.decode(undefined), {
      max: 2,
      when: ['connect', 'reset', 'timeout', 502, 503, 504],
      backoff: { baseMs: 50, capMs: 1_000 },
      replay: 65_536,
    });
  });
  test('breaker', () => {
    assert.deepEqual(breakerSchema.decode(undefined), { failures: 0.5, min: 20, window: 10_000, open: 30_000 });
  });
  test('retry budget', () => {
    assert.deepEqual(retryBudgetSchema.decode(undefined), {
      ratio: 0.2,
      min: { limit: 3, windowMs: 1_000, text: '3/s' },
    });
  });
});

test('a timeout alone is that of the answer', () => {
  assert.deepEqual(reading(timeoutSchema, '8s').value, { answer: 8_000, idle: 30_000, total: null });
});

test('a timeout can be switched off, whole or in part', () => {
  assert.equal(reading(timeoutSchema, 'none').value, null);
  assert.deepEqual(reading(timeoutSchema, '{ idle: none, total: 60s }').value, {
    answer: 30_000,
    idle: null,
    total: 60_000,
  });
});

test('a number of retries alone keeps the other values', () => {
  assert.equal(reading(retrySchema, '3').value.max, 3);
  assert.equal(reading(retrySchema, '0').value.max, 0);
  assert.equal(reading(retrySchema, '3').value.backoff.capMs, 1_000);
});

test('retries say what is tried again', () => {
  assert.deepEqual(reading(retrySchema, '{ when: [connect, 429, 500] }').value.when, ['connect', 429, 500]);
  assert.deepEqual(reading(retrySchema, '{ when: reset }').value.when, ['reset']);
});

for (const [written, finding] of [
  ['{ when: [404] }', '"404" is not connect, reset, timeout, 429 or a 5xx status'],
  ['{ when: [] }', 'this list is empty'],
  ['{ backoff: 100ms }', '"100ms" is not two durations such as 50ms..1s'],
  ['{ backoff: 2s..100ms }', '"2s..100ms" ends before it starts (write 100ms..2s)'],
  ['{ backoff: 1..2 }', '"1" is not a duration'],
  ['{ max: -1 }', 'too small'],
  ['99', 'too large'],
  ['{ maximum: 3 }', '"maximum" is not a retry setting'],
] as const) {
  test(`retry: ${written} is refused`, () => {
    assert.ok(reading(retrySchema, written).told[0]?.includes(finding), reading(retrySchema, written).told.join('\n'));
  });
}

test('a breaker can be switched off, and its threshold cannot be nothing', () => {
  assert.equal(reading(breakerSchema, 'none').value, null);
  assert.equal(reading(breakerSchema, '{ failures: 0% }').told.length, 1);
});
