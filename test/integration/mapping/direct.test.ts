import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { facade } from '../../../bench/sluice-files.ts';
import { compileExpression } from '../../../src/integration/mapping/expression.ts';
import { engines } from './both-engines.ts';
import { CALLS, NOT_DIRECT } from './direct-functions.ts';
import { INPUTS, LANGUAGE, VARIABLES } from './direct-language.ts';
import { randomExpression, randomInput, randomOf } from './random-expressions.ts';

const DIRECT = { ...LANGUAGE, 'calls of functions': CALLS };

for (const [about, expressions] of Object.entries(DIRECT)) {
  test(`${about} give what they give in jsonata`, async () => {
    for (const expression of expressions) {
      const both = engines(expression);
      assert.ok(both.direct, `${expression} is not direct`);
      for (const input of INPUTS) {
        const said = both.direct(input, VARIABLES);
        if (said !== 'undecided')
          assert.deepEqual(said, await both.jsonata(input, VARIABLES), `${expression} of ${input}`);
      }
    }
  });
}

test('what ordinary input brings is decided, and what is an error is not', async () => {
  for (const expression of Object.values(DIRECT).flat()) {
    const both = engines(expression);
    for (const input of INPUTS.slice(0, 2)) {
      const isError = JSON.stringify(await both.jsonata(input, VARIABLES)).startsWith('{"code"');
      const isLeft = both.direct?.(input, VARIABLES) === 'undecided';
      // It has to do with what a list is made of there.
      const isOdd = expression === '{ "length": 0 } = []';
      assert.equal(isLeft, isError || isOdd, `${expression} of ${input}`);
    }
  }
});

test('the rest of the language is not direct', () => {
  for (const expression of NOT_DIRECT) assert.ok(engines(expression).direct === undefined, expression);
});

test('whatever else is written gives what it gives in jsonata, or is left to it', async () => {
  const random = randomOf(20_260_101);
  let decided = 0;
  for (let i = 0; i < 2500; i += 1) {
    const expression = randomExpression(random, 1 + Math.floor(random() * 3));
    const inputs = Array.from(
      { length: 3 },
      () => [randomInput(random), `{"v":${randomInput(random)},"w":1}`] as const,
    );
    let both: ReturnType<typeof engines>;
    try {
      both = engines(expression);
    } catch {
      // No expression: a literal as a step, for one.
      continue;
    }
    for (const [input, variables] of inputs) {
      const said = both.direct?.(input, variables) ?? 'undecided';
      if (said === 'undecided') continue;
      decided += 1;
      assert.deepEqual(said, await both.jsonata(input, variables), `${expression} of ${input} with ${variables}`);
    }
  }
  assert.ok(decided > 4500, `${decided} of 7500 were compared`);
});

test('a variable that is not there, or that hides a function, is left to jsonata', () => {
  assert.equal(engines('$nobody').direct?.('{}', '{}'), 'undecided');
  assert.equal(engines('$nobody').direct?.('{}', '{"nobody":1}') === 'undecided', false);
  assert.equal(engines('$count(items)').direct?.('{}', '{"count":1}'), 'undecided');
});

test('what costs much is left to jsonata, which has a clock', () => {
  const items = `{"items":[${'{"n":1},'.repeat(2000)}{"n":1}],"text":"${'x'.repeat(30_000)}"}`;
  for (const expression of [
    '$sum(items.($sum($$.items.n)))',
    '$count(items.($$.items.($$.items)))',
    'items[$$.items = [$$.items.$]]',
    'items.{ "all": $string($$) }',
    'items.{ "all": $$.text & "" & $$.text }',
    '$count(items.($$.items^(n)))',
    '[1..n * 200000].n',
    '$count([1..200000])',
  ]) {
    const { direct } = engines(expression);
    assert.ok(direct?.(items.replace('{', '{"n":1,')) === 'undecided', expression);
  }
  assert.ok(engines('items.{ "a": n, "b": n }').direct?.(items) !== 'undecided');
});

test('a range that would never end there is no result here', () => {
  assert.equal(engines('[n..n]').direct?.('{"n":1e16}'), 'undecided');
});

test('the moment is the same throughout, and written as in jsonata', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 1, 3, 4, 5, 6, 7) });
  const both = engines('{ "at": $now(), "ms": $millis(), "again": $now() = $now() }');
  assert.ok(both.direct);
  assert.equal(JSON.stringify(both.direct('{}')), JSON.stringify(await both.jsonata('{}')));
});

test('the mappings of the examples and the one that is measured are direct', () => {
  const folder = new URL('../../../config/maps/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.jsonata'));
  assert.ok(files.length > 0);
  const measured = /"body":"(\{ (?:\\.|[^"\\])*)"/g;
  const texts = [
    ...files.map((file) => readFileSync(new URL(file, folder), 'utf8')),
    ...Array.from(facade().routes(80).matchAll(measured), ([, text]) => String(JSON.parse(`"${text}"`))),
  ];
  assert.equal(texts.length, files.length + 2);
  for (const text of texts) {
    const expression = compileExpression(text, 10_000);
    assert.ok('direct' in expression && expression.direct !== undefined, text);
  }
});
