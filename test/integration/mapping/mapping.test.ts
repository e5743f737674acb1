import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import { test } from 'node:test';
import type { MappingError } from '../../../src/integration/mapping/expression.ts';
import { compileMapping, type Mapping, type MappingBody } from '../../../src/integration/mapping/mapping.ts';
import { exactValue } from '../../../src/json/exact-value.ts';

function mapping(text: string): Mapping {
  const compiled = compileMapping(text);
  if (!('run' in compiled)) throw new Error(compiled.message);
  return compiled;
}

const body = (text: string): MappingBody => ({ size: text.length, text: () => text, value: () => exactValue(text) });

const run = async (expression: string, text: string, variables = {}): Promise<string> =>
  mapping(expression).run(body(text), variables);

/** Makes the input too large for the event loop. */
const LARGE = ' '.repeat(70_000);

test('JSON is mapped, with variables beside it', async () => {
  const text = await run('{ "to": address.city, "for": $tenant.id }', '{"address":{"city":"Bern"}}', {
    tenant: { id: 'acme' },
  });
  assert.equal(text, '{"to":"Bern","for":"acme"}');
});

for (const [where, padding] of [
  ['on the event loop', ''],
  ['on a thread', LARGE],
] as const) {
  test(`${where} numbers that a double cannot hold come out as they went in`, async () => {
    const input = `{"id":12345678901234567890,"price":1234567890123456.78,"far":1e400,"near":1e-400,"n":0.10,"m":-7}${padding}`;
    assert.equal(
      await run('{ "id": id, "price": price, "far": far, "near": near, "n": n, "m": m }', input),
      '{"id":12345678901234567890,"price":1234567890123456.78,"far":1e400,"near":1e-400,"n":0.1,"m":-7}',
    );
    assert.equal(
      await run('$ ~> |$|{"seen": true}|', `{"id":12345678901234567890}${padding}`),
      '{"id":12345678901234567890,"seen":true}',
    );
    assert.equal(
      await run('$request', `{}${padding}`, { request: exactValue('[12345678901234567890]') }),
      '[12345678901234567890]',
    );
  });

  test(`${where} arithmetic on such a number is an error, not another number`, async () => {
    await assert.rejects(run('id + 1', `{"id":12345678901234567890}${padding}`), {
      name: 'MappingError',
      code: 'T2001',
    });
  });

  test(`${where} what selects nothing is an error`, async () => {
    await assert.rejects(run('no.such.thing', `{}${padding}`), { name: 'MappingError', code: 'nothing' });
  });

  test(`${where} names that objects are born with are only names`, async () => {
    const input = `{"__proto__":{"a":1},"constructor":2}${padding}`;
    assert.equal(await run('{ "a": constructor, "b": toString, "c": $lookup($, "hasOwnProperty") }', input), '{"a":2}');
  });

  test(`${where} a recursion without end, and a list without end, are cut off`, async () => {
    await assert.rejects(run('($f := function($x) { $f($x + 1) + 1 }; $f(0))', `{}${padding}`), { code: 'D1011' });
    await assert.rejects(run('[1..n]', `{"n":9999999}${padding}`), { code: 'D2015' });
  });
}

test('a regular expression that backtracks for ever costs a thread, not the event loop', async () => {
  const evil = run('$match(text, /^(a+)+$/)', `{"text":"${'a'.repeat(40)}!"}`);
  let turns = 0;
  const ticking = setInterval(() => turns++, 10);
  await assert.rejects(evil, (error: MappingError) => error.code === 'limit');
  clearInterval(ticking);
  assert.ok(turns > 20, `the event loop turned ${turns} times`);
  assert.equal(await run('$contains(text, /^a+$/)', '{"text":"aaa"}'), 'true', 'and the next one works');
});

test('a range that would never end costs a thread, not the event loop', async () => {
  // One more than 1e16 is 1e16.
  await assert.rejects(run('[n..n]', '{"n":1e16}'), { name: 'MappingError', code: 'limit' });
  assert.equal(await run('[n..n + 2]', '{"n":1}'), '[1,2,3]');
});

test('a mapping that eats memory loses its thread, and the next one works', async () => {
  await assert.rejects(run('($pad("x", n)) & $pad("y", n) & "z"', '{"n":400000000}'), { name: 'MappingError' });
  assert.equal(await run('$pad(x, 3)', '{"x":"a"}'), '"a  "');
});

test('large inputs are mapped side by side and in full', async () => {
  const results = await Promise.all(Array.from({ length: 12 }, (_, index) => run('n * 2', `{"n":${index}}${LARGE}`)));
  assert.deepEqual(
    results.map(Number),
    Array.from({ length: 12 }, (_, index) => index * 2),
  );
});

test('what nobody waits for any more takes no thread from those who wait', async () => {
  const hard = mapping('$contains(text, /^(a|a)*$/) ? 1 : 2');
  const endless = body(`{"text":"${'a'.repeat(60)}!"}`);
  let isWanted = true;
  const codes: string[] = [];
  const given = Array.from({ length: 200 }, async () => {
    await assert.rejects(
      async () => hard.run(endless, {}, () => isWanted),
      (error: MappingError) => {
        codes.push(error.code);
        return true;
      },
    );
  });
  isWanted = false;
  assert.equal(await hard.run(body('{"text":"aa"}'), {}), '1');
  // Only what the threads had begun with has run.
  assert.ok(codes.filter((code) => code !== 'gone').length <= availableParallelism(), codes.join(' '));
  await Promise.all(given);
});

test('an error quotes no data', async () => {
  for (const expression of [
    '$number(secret)',
    '$error(secret)',
    '$assert(false, secret)',
    'secret + 1',
    '$toMillis(secret)',
  ]) {
    await assert.rejects(run(expression, '{"secret":"hunter2-hunter2"}'), (error: Error) => {
      assert.ok(!error.message.includes('hunter2'), error.message);
      return true;
    });
  }
});

test('what is no expression says so, and where', () => {
  for (const [text, offset] of [
    ['{ "a": b c }', 9],
    ['foo.(', 4],
    ['$eval(code)', 0],
    ['{ "x": $eval(a) }', 7],
  ] as const) {
    const fault = compileMapping(text);
    assert.ok('offset' in fault, text);
    assert.equal(fault.offset, offset, `${text}: ${fault.message}`);
  }
});
