import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { exactValue } from '../../src/json/exact-value.ts';

const LONG = '12345678901234567890';

suite('exact values', () => {
  for (const text of [
    LONG,
    `-${LONG}`,
    `[${LONG},1,"${LONG}",1e400,-1E-400,0.1,0.12345678901234567]`,
    `{"a":{"b":[${LONG}]},"c":"x"}`,
    `{"__proto__":${LONG},"constructor":[${LONG}]}`,
    `["\\"${LONG}\\\\",${LONG},"\\\\",${LONG}]`,
    `["",${LONG}.5e3,"1234567890123456"]`,
    `{"${LONG}":"${LONG}"}`,
    '[9007199254740991,9007199254740993]',
  ]) {
    test(`${text} is written as it was read`, () => {
      assert.equal(JSON.stringify(exactValue(text)), text);
      assert.equal(JSON.stringify(exactValue(text, { value: JSON.parse(text) })), text);
    });
  }

  test('what a double holds is a number', () => {
    assert.deepEqual(
      exactValue(`[1.50,1e22,0.000000000000000001,${LONG.slice(0, 15)}]`),
      [1.5, 1e22, 1e-18, 123456789012345],
    );
  });

  test('nothing of Object is touched', () => {
    const value = exactValue(`{"__proto__":{"polluted":${LONG}}}`);
    assert.ok(typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__'));
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  });
});
