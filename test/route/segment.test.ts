// Segments that mix literal text and parameters, and which of two is the narrower.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { matchMixed, mixedNested, mixedOverlap } from '../../src/route/segment.ts';

function capture(literals: readonly string[], segment: string): string[] | undefined {
  const captures = ['before'];
  const met = matchMixed(literals, segment, captures);
  if (!met) assert.deepEqual(captures, ['before'], 'a miss leaves captures as they were');
  return met ? captures.slice(1) : undefined;
}

suite('a mixed segment', () => {
  const compare = ['', '...', ''];

  test('gives each parameter the text between the literals', () => {
    assert.deepEqual(capture(compare, 'main...dev'), ['main', 'dev']);
    assert.deepEqual(capture(['v', '.', '.json'], 'v1.2.json'), ['1', '2']);
  });

  test('ends each parameter but the last at the first place it can', () => {
    assert.deepEqual(capture(compare, 'a...b...c'), ['a', 'b...c']);
    assert.deepEqual(capture(compare, 'a....b'), ['a', '.b']);
    assert.deepEqual(capture(compare, '....b'), ['.', 'b']);
  });

  test('has no empty parameter', () => {
    for (const segment of ['...', 'a...', '...b', '', 'a..b']) assert.equal(capture(compare, segment), undefined);
    assert.equal(capture(['v', ''], 'v'), undefined);
    assert.equal(capture(['ab', 'ba'], 'aba'), undefined);
    assert.equal(capture(['ab', 'ba'], 'abba'), undefined);
  });

  test('never cuts an escape in two', () => {
    assert.equal(capture(['', '25', ''], 'a%25b'), undefined);
    assert.deepEqual(capture(['', '25', ''], '%25x25y'), ['%25x', 'y']);
    assert.equal(capture(['', '5'], 'a%25'), undefined);
    assert.deepEqual(capture(['', '%25', ''], 'a%25b'), ['a', 'b']);
  });

  test('takes time in proportion to a hostile segment, however often its literals nearly fit', () => {
    const long = '..'.repeat(50_000);
    assert.equal(capture(['', '...x', '...y', ''], long), undefined);
    assert.equal(capture(['', '.', '.', '.', '.', 'z'], long), undefined);
    assert.equal(capture(['', '2', ''], '%20'.repeat(50_000)), undefined);
  });
});

suite('of two mixed segments', () => {
  const cases: readonly (readonly [a: string[], b: string[], relation: 'nested' | 'rivals' | 'apart'])[] = [
    [['v', '.json'], ['', '.json'], 'nested'],
    [['', '.tar.gz'], ['', '.gz'], 'nested'],
    [['', '...', ''], ['', '.', ''], 'nested'],
    [['a', '-', 'z'], ['a', 'z'], 'nested'],
    [['', '.json'], ['v', ''], 'rivals'],
    [['', '...', ''], ['', '.json'], 'rivals'],
    [['', 'a', ''], ['', 'b', ''], 'rivals'],
    [['', '.json'], ['', '.xml'], 'apart'],
    [['v', ''], ['w', ''], 'apart'],
  ];
  for (const [a, b, relation] of cases) {
    test(`${a.join('{}')} and ${b.join('{}')} are ${relation}`, () => {
      const relate = mixedOverlap(a, b) ? (mixedNested(a, b) ? 'nested' : 'rivals') : 'apart';
      assert.equal(relate, relation);
      assert.equal(mixedOverlap(b, a), relation !== 'apart');
    });
  }
});
