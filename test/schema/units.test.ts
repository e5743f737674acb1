import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isRefusal, parseBytes, parseDuration, parsePercent, parseRate } from '../../src/schema/units.ts';

/** The hint of a refusal, or its error when it has none. */
function refusal(value: unknown): string {
  assert.ok(isRefusal(value), `${JSON.stringify(value)} is not a refusal`);
  return value.hint ?? value.error;
}

describe('durations', () => {
  it('are milliseconds, whatever the unit', () => {
    const written = ['250ms', '5s', '1.5s', '5m', '24h', '0s'];
    assert.deepEqual(written.map(parseDuration), [250, 5000, 1500, 300_000, 86_400_000, 0]);
  });

  it('need a unit of their own', () => {
    assert.equal(refusal(parseDuration('5')), 'add a unit: ms, s, m or h');
    assert.equal(refusal(parseDuration('5min')), 'minutes are written m');
    assert.equal(refusal(parseDuration('1d')), 'days are written in hours: 24h');
    assert.equal(refusal(parseDuration('5 s')), '"5 s" is not a duration such as 250ms or 5s');
    assert.equal(refusal(parseDuration('-5s')), '"-5s" is not a duration such as 250ms or 5s');
  });

  it('are never rounded and never longer than a timer can be', () => {
    assert.equal(refusal(parseDuration('0.5ms')), '"0.5ms" is not a whole number of milliseconds');
    assert.equal(parseDuration('596h'), 596 * 3_600_000);
    assert.equal(refusal(parseDuration('597h')), 'the longest is 596h');
  });
});

describe('sizes', () => {
  it('are bytes in powers of 1024', () => {
    assert.deepEqual(['512B', '64KiB', '1.5MiB', '1GiB'].map(parseBytes), [512, 65_536, 1_572_864, 1_073_741_824]);
  });

  it('refuse units that mean different things to different people', () => {
    assert.equal(refusal(parseBytes('10MB')), 'sizes are powers of 1024: write 10MiB');
    assert.equal(refusal(parseBytes('64k')), 'sizes are powers of 1024: write 64KiB');
    assert.equal(refusal(parseBytes('10')), 'add a unit: 10B, 10KiB or 10MiB');
    assert.equal(refusal(parseBytes('0.1B')), '"0.1B" is not a whole number of bytes');
  });
});

describe('percentages', () => {
  it('are fractions', () => {
    assert.deepEqual(['0%', '20%', '12.5%', '100%'].map(parsePercent), [0, 0.2, 0.125, 1]);
  });

  it('refuse bare fractions and more than all', () => {
    assert.equal(refusal(parsePercent('0.2')), 'write 20%');
    assert.equal(refusal(parsePercent('20')), 'add the unit: %');
    assert.equal(refusal(parsePercent('101%')), '"101%" is more than 100%');
  });
});

describe('rates', () => {
  it('are a limit and a window', () => {
    assert.deepEqual(parseRate('10/s'), { limit: 10, windowMs: 1000, text: '10/s' });
    assert.deepEqual(parseRate('100/min'), { limit: 100, windowMs: 60_000, text: '100/min' });
    assert.deepEqual(parseRate('500/h'), { limit: 500, windowMs: 3_600_000, text: '500/h' });
  });

  it('refuse calendar windows, which are quotas', () => {
    for (const text of ['10/day', '1M/month', '5/week']) {
      assert.equal(refusal(parseRate(text)), 'calendar quotas are not built yet: use s, min or h');
    }
  });

  it('say how a window is written', () => {
    assert.equal(refusal(parseRate('10/m')), 'minutes are written min');
    assert.equal(refusal(parseRate('10/second')), 'seconds are written s');
    assert.equal(refusal(parseRate('0/s')), 'the least is 1; `disabled: true` closes a route');
  });
});
