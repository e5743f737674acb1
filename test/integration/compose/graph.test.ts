import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cyclesAmong, type Reference } from '../../../src/integration/compose/graph.ts';

/** Each call with those it names; the line of a reference is its place in the list, from 1, over all calls. */
function cycles(graph: Readonly<Record<string, readonly string[]>>): readonly string[] {
  let line = 0;
  const references = new Map(
    Object.entries(graph).map(([call, names]) => [
      call,
      names.map((name): Reference => ({ name, at: { file: 'routes.yaml', line: ++line, column: 1, length: 1 } })),
    ]),
  );
  return cyclesAmong(references).map(({ calls, at }) => `${at.line}: ${calls.join(' ')}`);
}

test('calls that wait for each other, but never in a circle', () => {
  assert.deepEqual(cycles({ a: [], b: ['a'], c: ['a', 'b'], d: ['c', 'a'] }), []);
  assert.deepEqual(cycles({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] }), [], 'a diamond is none');
});

test('a circle is told where it closes', () => {
  assert.deepEqual(cycles({ a: ['a'] }), ['1: a']);
  assert.deepEqual(cycles({ a: ['b'], b: ['a'] }), ['2: a b']);
  assert.deepEqual(cycles({ x: [], a: ['x', 'b'], b: ['c'], c: ['x', 'a'] }), ['5: a b c']);
  assert.deepEqual(cycles({ a: ['b'], b: ['c'], c: ['b'] }), ['3: b c'], 'what only leads to it is no part of it');
});

test('each circle is told once', () => {
  assert.deepEqual(cycles({ a: ['b', 'c', 'b'], b: ['a', 'a'], c: ['a'] }), ['4: a b', '6: a c']);
  assert.deepEqual(cycles({ a: ['a'], b: ['b', 'a'] }), ['1: a', '2: b']);
});
