import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ledger } from '../../../src/integration/pace/ledger.ts';

const TEN_A_SECOND = { limit: 10, windowMs: 1000, text: '10/s' };

/** Times at which calls go that all want to go at once. */
function departures(ledger: Ledger, fromMs: number, count: number): number[] {
  const times: number[] = [];
  let now = fromMs;
  for (let i = 0; i < count; i++) {
    now += ledger.waitMs(now);
    ledger.debit(now);
    times.push(now);
  }
  return times;
}

test('no second sees more than the rate and one', () => {
  const times = departures(new Ledger(TEN_A_SECOND), 5, 200);
  for (const start of times) {
    assert.ok(times.filter((time) => time >= start && time < start + 1000).length <= 11);
  }
  assert.ok((times.at(-1) ?? 0) <= 5 + 199 * 100 + 1, 'and all of the rate is used');
});

test('a late call does not bring the next one forward', () => {
  const ledger = new Ledger(TEN_A_SECOND);
  ledger.debit(1000);
  ledger.debit(1170);
  assert.equal(Math.round(ledger.waitMs(1171)), 99);
});

test('a pause holds everything, and a shorter one does not end it', () => {
  const ledger = new Ledger(TEN_A_SECOND);
  ledger.pause(5000);
  ledger.pause(2000);
  assert.equal(ledger.waitMs(1000), 4000);
  assert.equal(ledger.waitMs(5000), 0);
});

test('a vendor’s wish spaces calls until it ends, however far apart it wants them', () => {
  const ledger = new Ledger(undefined);
  ledger.slow(400, 10_000);
  ledger.debit(1000);
  assert.equal(ledger.waitMs(1100), 300);
  ledger.slow(1_000_000_000, 3000);
  assert.equal(ledger.waitMs(1100), 1900);
  assert.equal(ledger.waitMs(3000), 0);
});

test('without a rate and a wish nothing waits', () => {
  assert.deepEqual(departures(new Ledger(undefined), 7, 3), [7, 7, 7]);
});
