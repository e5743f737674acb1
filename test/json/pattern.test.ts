import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Effort, EffortExhausted } from '../../src/json/linear-matcher.ts';
import { LinearPattern, patternFault, patternMatcher } from '../../src/json/pattern.ts';
import { readPattern } from '../../src/json/pattern-reader.ts';

/** Patterns that would hold a matcher that tries for seconds or for ever, each with the texts it is slowest on. */
const SLOW: readonly (readonly [pattern: string, unit: string])[] = [
  ['^(a+)+$', 'a'],
  ['^(a|a)*$', 'a'],
  ['(a|aa)+$', 'a'],
  ['^(\\w+\\s?)*$', 'a'],
  ['(.*)*x', 'a'],
  ['((a{2,})+)x', 'a'],
  ['(?:\\d+,?)+$', '1'],
  ['^(a?){30}a{30}$', 'a'],
  ['^(?:|){40}b$', 'a'],
  ['^(?=(a+)+b)a', 'a'],
  ['^(\\p{L}+\\w*)*$', 'é'],
  ['\\d+x', '1'],
  ['[a-z]{1,900}0', 'a'],
  ['^\\S+@\\S+$', '@'],
  ['^\\w*\\w*\\w*\\w*!$', 'a'],
  ['^(?=.*[A-Z])(?=.*\\d).{8,}$', 'a'],
];

/** Patterns the engine's own matcher never backtracks on. */
const DIRECT = [
  '^[a-z0-9-]+$',
  '^[^@]+@[^@]+$',
  '^(\\d{1,3}\\.){3}\\d{1,3}$',
  '^\\p{Lu}[a-z]*$',
  '^v\\d+(\\.\\d+)*$',
  '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$',
  '^.{1,100000}$',
  '^(?!\\.)[a-z.]+$',
  '^[a-z]+(?!x)$',
  '\\bid\\b',
  'foo',
];

const REFUSED = ['^(.*)\\1$', '(?<=a+)b', '(?i:a|A)+$', '^a+\\b.+$', '(a+(?=b))+c', '^(?:.{0,900}x){9}$', '^^a+a'];

describe('patterns', () => {
  for (const [pattern, unit] of SLOW) {
    it(`${pattern} reads a long text in one go`, () => {
      assert.equal(patternFault(pattern), undefined);
      const matcher = patternMatcher(pattern, new Effort());
      assert.ok(matcher instanceof LinearPattern);
      assert.equal(matcher.test(`${unit.repeat(100_000)}\n\n`), false);
    });
  }

  for (const pattern of DIRECT) {
    it(`${pattern} is left to the engine`, () => {
      assert.equal(patternFault(pattern), undefined);
      assert.ok(patternMatcher(pattern, new Effort()) instanceof RegExp);
    });
  }

  for (const pattern of REFUSED) {
    it(`${pattern} is refused`, () => {
      assert.match(patternFault(pattern) ?? '', /cannot be matched in linear time/);
    });
  }

  it('what is no pattern is refused', () => {
    assert.match(patternFault('(') ?? '', /is not a regular expression/);
  });

  it('a text that leads to ever new states is given up, not followed', () => {
    const matcher = patternMatcher('[ab]*a[ab]{300}c', new Effort());
    const bits = Array.from({ length: 100_000 }, (_, n) => n.toString(2)).join('');
    const text = bits.replaceAll('0', 'a').replaceAll('1', 'b');
    assert.throws(() => matcher.test(text), EffortExhausted);
  });
});

describe('LinearPattern', () => {
  it('says what the engine says, of patterns and texts made up', () => {
    const { pattern, text } = made(20_261_120);
    let compared = 0;
    for (let i = 0; i < 1000; i++) {
      const source = pattern();
      const read = readPattern(source);
      if (read.beyond !== 'nothing') continue;
      const expected = new RegExp(source, 'u');
      const matcher = new LinearPattern(source, read.parts, new Effort());
      for (let j = 0; j < 10; j++, compared++) {
        const sample = text();
        assert.equal(matcher.test(sample), expected.test(sample), `${source} on ${JSON.stringify(sample)}`);
      }
    }
    assert.ok(compared > 5000);
  });
});

/** Makers of small patterns and of texts they may match. */
function made(seed: number): { readonly pattern: () => string; readonly text: () => string } {
  let state = seed;
  const below = (n: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >> 8) % n;
  };
  const one = (of: readonly string[]): string => of[below(of.length)] ?? '';
  const atom = (depth: number): string => {
    if (depth > 0 && below(3) === 0) return `(${alternatives(depth - 1)})`;
    return one(['a', 'b', '.', '[ab]', '[^a\\d]', '\\d', '\\W', '\\s', '\\p{L}', 'é', '\\ud83d\\ude00', '[\\b-]']);
  };
  const term = (depth: number): string => {
    if (below(10) === 0) return one(['^', '$']);
    return atom(depth) + one(['', '', '', '*', '+', '?', '{2}', '{0,2}', '{1,3}', '{2,}', '*?', '{0}']);
  };
  const sequence = (depth: number): string => Array.from({ length: 1 + below(4) }, () => term(depth)).join('');
  const alternatives = (depth: number): string => {
    return Array.from({ length: 1 + below(2) }, () => sequence(depth)).join('|');
  };
  return {
    pattern: () => {
      const shape = below(4);
      if (shape === 0) return `^(?:${alternatives(2)})$`;
      if (shape === 1) return `^(?=${alternatives(1)})(?!${alternatives(1)})${sequence(2)}`;
      return alternatives(2);
    },
    text: () =>
      Array.from({ length: below(8) }, () => one(['a', 'b', 'é', '😀', '\n', '1', '-', '\b', '\ud83d'])).join(''),
  };
}
