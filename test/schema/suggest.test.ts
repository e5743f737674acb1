import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { didYouMean, nearestWord } from '../../src/schema/suggest.ts';

const KEYS = ['match', 'to', 'retry', 'timeout', 'limit', 'breaker', 'body_max'];

describe('did you mean', () => {
  it('finds the key behind a typo', () => {
    const typos = {
      retires: 'retry',
      rerty: 'retry',
      tiemout: 'timeout',
      limt: 'limit',
      braeker: 'breaker',
      Match: 'match',
    };
    for (const [typo, key] of Object.entries(typos)) assert.equal(nearestWord(typo, KEYS), key, typo);
  });

  it('finds a key inside a longer word', () => {
    assert.equal(nearestWord('rate_limit', KEYS), 'limit');
    assert.equal(nearestWord('circuit_breaker', KEYS), 'breaker');
  });

  it('counts swapped neighbours as one mistake', () => {
    assert.equal(nearestWord('ot', ['to', 'at it']), 'to');
  });

  it('is silent when nothing is near', () => {
    assert.equal(didYouMean('elephant', KEYS), undefined);
    assert.equal(didYouMean('x', KEYS), undefined);
  });
});
