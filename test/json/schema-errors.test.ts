import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { schemaErrors } from '../../src/json/schema-errors.ts';

function errorsOf(schema: object): readonly unknown[] {
  const engine = new Ajv2020({ allErrors: true });
  void engine.validateSchema(schema);
  return schemaErrors(engine.errors ?? [], schema);
}

const TYPES = 'array, boolean, integer, null, number, object, string';

test('a mistake in a schema is told once, with what would be right', () => {
  const message = `"type" is one of ${TYPES}`;
  assert.deepEqual(errorsOf({ type: 'objekt' }), [{ pointer: '/type', message, hint: 'did you mean "object"?' }]);
  assert.deepEqual(errorsOf({ type: ['null', 'strnig'] }), [
    { pointer: '/type/1', message, hint: 'did you mean "string"?' },
  ]);
  assert.deepEqual(errorsOf({ properties: { 'a/b': { type: 3 } } }), [{ pointer: '/properties/a~1b/type', message }]);
});

test('several mistakes are told each', () => {
  assert.deepEqual(errorsOf({ minLength: -1, required: 'a', properties: { a: 5 } }), [
    { pointer: '/properties/a', message: '"a" must be object,boolean' },
    { pointer: '/minLength', message: '"minLength" must be >= 0' },
    { pointer: '/required', message: '"required" must be array' },
  ]);
});
