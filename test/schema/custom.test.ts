import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as s from '../../src/schema/schema.ts';

const accepts = (json: s.JsonSchema, value: unknown): boolean => new Ajv2020().validate(json, value);
const custom = (json: s.JsonSchema): s.JsonSchema =>
  s.custom({ doc: 'A thing', expected: 'a thing', parse: (text) => text, json }).json();

test('an editor takes a reference for a scalar of one’s own, whatever else it takes', () => {
  for (const json of [
    { type: 'string', pattern: '^/' },
    { enum: ['/a'] },
    { anyOf: [{ const: '/a' }, { type: 'integer' }] },
    { type: 'string', examples: ['/a'] },
  ]) {
    assert.equal(accepts(custom(json), '/a'), true, JSON.stringify(json));
    assert.equal(accepts(custom(json), '${env:PATH_OF_IT}'), true, JSON.stringify(json));
  }
  assert.equal(accepts(custom({ type: 'string', pattern: '^/' }), 'a'), false);
});

test('a map needs no line of documentation', () => {
  const settings = s.object({ header: s.string({ doc: 'Header to set', default: 'x-audit' }) });
  assert.deepEqual(settings.decode(settings.defaults()), { header: 'x-audit' });
});

test('settings can be described by where they stand', () => {
  const described = s.described(s.optional(s.object({}, { doc: 'Inside' })), 'Outside');
  assert.deepEqual([described.doc, described.json()['description']], ['Outside', 'Outside']);
});
