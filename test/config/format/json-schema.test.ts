import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { toJsonSchema } from '../../../src/config/format/json-schema.ts';
import * as s from '../../../src/schema/schema.ts';

const doc = 'for the editor';
const retry = s.short(
  s.object(
    {
      max: s.integer({ doc: 'Most re-tries', default: 2, min: 0 }),
      backoff: s.duration({ doc: 'Least wait before a re-try', default: '50ms' }),
      when: s.list(s.choice(['connect', 'reset', 'timeout'], { doc: 'What is tried again' }), {
        doc: 'Failures',
        default: ['connect'],
      }),
    },
    { doc: 'Further attempts' },
  ),
  s.integer({ doc: 'Most re-tries', min: 0 }),
  'max',
);
const settings = { retry: s.off(retry), version: s.optional(s.string({ doc })), limit: s.optional(s.rate({ doc })) };
const route = s.object({ to: s.string({ doc: 'Upstream' }), ...settings }, { doc: 'A route' });
const file = s.object(
  {
    defaults: s.partial(route),
    routes: s.record(route, { doc: 'Routes by name', key: { pattern: /[a-z]+/, expected: 'a name' } }),
  },
  { doc: 'A routes file' },
);

describe('the JSON Schema for editors', () => {
  const document = toJsonSchema(file);
  const accepts = new Ajv2020({ strict: true, allowUnionTypes: true, strictTypes: false }).compile(document);

  it('is a complete document of draft 2020-12', () => {
    assert.equal(document['$schema'], 'https://json-schema.org/draft/2020-12/schema');
    assert.equal(document['title'], 'A routes file');
  });

  it('accepts short forms, long forms, none and references', () => {
    for (const each of [3, { max: 3, backoff: '1s' }, 'none', '${env:RETRIES}', { backoff: '${env:BACKOFF}' }]) {
      assert.ok(accepts({ defaults: {}, routes: { a: { to: 'x', retry: each } } }), JSON.stringify(each));
    }
    assert.ok(accepts({ defaults: { version: 2 }, routes: { a: { to: 'x', version: 2.5, limit: '10/s' } } }));
  });

  it('refuses what a load would refuse', () => {
    const routes = [
      { too: 'x' },
      {},
      { to: 'x', retry: { max: -1 } },
      { to: 'x', retry: { backoff: '5' } },
      { to: 'x', limit: '10/day' },
    ];
    for (const each of routes) assert.ok(!accepts({ defaults: {}, routes: { a: each } }), JSON.stringify(each));
    assert.ok(!accepts({ defaults: {}, routes: { A: { to: 'x' } } }));
  });

  it('tells the reader what a setting is for, and its default', () => {
    const text = JSON.stringify(document);
    assert.match(text, /"description":"Most re-tries"/);
    assert.match(text, /"default":"50ms"/);
  });

  it('says what is used twice once', () => {
    assert.equal(JSON.stringify(document).split('Least wait before a re-try').length, 2);
    assert.ok(typeof document['$defs'] === 'object');
  });
});
