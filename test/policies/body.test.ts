import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { body } from '../../src/policies/body.ts';
import { gate, onExchange, recordingEnv, soundPolicy } from '../support/policies.ts';

const ORDER = {
  type: 'object',
  required: ['customer', 'items'],
  additionalProperties: false,
  properties: {
    customer: { type: 'string', minLength: 1 },
    items: { type: 'array', items: { type: 'object', properties: { 'a/b': { type: 'integer' } } } },
  },
};

function post(text: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', body: text, headers: { 'content-type': 'application/json', ...headers } };
}

describe('body', () => {
  it('lets a valid body on, whose bytes stay as they came', async () => {
    const policy = await soundPolicy(body, ORDER);
    const text = '{ "customer": "acme",\n  "items": [] }';
    const forwarded = await onExchange(async (x) => {
      assert.equal(await policy.onRequest?.(x), undefined);
      return x.body.open({ sent: false });
    }, post(text));
    assert.deepEqual(forwarded, Buffer.from(text));
  });

  it('lists every violation with its pointer', async () => {
    const env = recordingEnv();
    const policy = await soundPolicy(body, ORDER, env);
    const refused = await gate(policy, post('{"items":[{"a/b":"x"},{"a/b":1.5}],"extra":1}'));
    assert.equal(refused.code, 'body.invalid');
    assert.equal(refused.status, 422);
    assert.deepEqual(refused.violations, [
      { pointer: '/customer', detail: 'is required' },
      { pointer: '/extra', detail: 'is not expected' },
      { pointer: '/items/0/a~1b', detail: 'must be integer' },
      { pointer: '/items/1/a~1b', detail: 'must be integer' },
    ]);
    assert.equal(env.counts.get('validation body_invalid')?.value, 1);
  });

  it('names at most fifty violations, and only the first of a large body', async () => {
    const policy = await soundPolicy(body, { type: 'array', items: { type: 'integer' } });
    const many = await gate(policy, post(JSON.stringify(Array.from({ length: 100 }, () => 'x'))));
    assert.equal(many.violations?.length, 50);
    const large = await gate(policy, post(JSON.stringify(Array.from({ length: 20_000 }, () => 'x'))));
    assert.equal(large.violations?.length, 1);
  });

  it('says where JSON goes wrong', async () => {
    const policy = await soundPolicy(body, ORDER);
    const syntax = await gate(policy, post('{"customer": "é",\n "items": [1,]}'));
    assert.equal(syntax.code, 'body.malformed_json');
    assert.equal(syntax.status, 400);
    assert.match(syntax.detail, /^line 2, column 14: /);
    const duplicate = await gate(policy, post('{"customer":"a","items":[],"customer":"b"}'));
    assert.match(duplicate.detail, /line 1, column 28: the body has the key "customer" twice/);
    const deep = await gate(policy, post('['.repeat(65) + ']'.repeat(65)));
    assert.match(deep.detail, /nested deeper than 64/);
    const encoding = await gate(policy, post(Uint8Array.of(0x22, 0xff, 0x22)));
    assert.match(encoding.detail, /column 2: the body is not valid UTF-8/);
  });

  it('wants a body, of JSON in UTF-8 and without a content coding', async () => {
    const policy = await soundPolicy(body, ORDER);
    assert.equal((await gate(policy, { method: 'POST' })).code, 'body.empty');
    for (const type of ['text/plain', 'application/json; charset=utf-16', 'application/jsonp', 'multipart/form-data']) {
      assert.equal((await gate(policy, post('{}', { 'content-type': type }))).status, 415, type);
    }
    for (const type of [
      'application/vnd.orders.v1+json',
      'Application/JSON; Charset="UTF-8"',
      'application/json;a=b',
    ]) {
      assert.equal((await gate(policy, post('{}', { 'content-type': type }))).status, 422, type);
    }
    assert.equal((await gate(policy, post('{}', { 'content-encoding': 'gzip' }))).code, 'body.media_type');
  });

  it('refuses a body beyond body_max', async () => {
    const policy = await soundPolicy(body, ORDER, recordingEnv({ bodyMax: 8 }));
    const refused = await gate(policy, post('{"customer":"acme"}'));
    assert.equal(refused.code, 'request.body_too_large');
    assert.equal(refused.status, 413);
  });

  it('takes prototype keys for keys', async () => {
    const policy = await soundPolicy(body, { type: 'object', required: ['constructor'], additionalProperties: false });
    const missing = await gate(policy, post('{}'));
    assert.deepEqual(missing.violations, [{ pointer: '/constructor', detail: 'is required' }]);
    const polluting = await gate(policy, post('{"__proto__":{"constructor":1}}'));
    assert.equal(polluting.code, 'body.invalid');
    assert.equal(({} as Record<string, unknown>)['constructor'], Object);
  });
});
