import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { params } from '../../src/policies/params.ts';
import { query } from '../../src/policies/query.ts';
import { buildPolicy, gate, onExchange, recordingEnv, soundPolicy } from '../support/policies.ts';

describe('params', () => {
  const schema = { properties: { id: { type: 'integer', minimum: 1 }, name: { maxLength: 3 } } };

  async function check(id: string, name: string) {
    const env = recordingEnv({ params: ['id', 'name'] });
    const policy = await soundPolicy(params, schema, env);
    return gate(policy, {}, (x) => {
      x.params = [id, name];
    });
  }

  it('reads texts as what the schema wants, after decoding them', async () => {
    assert.equal((await check('7', 'caf%C3%A9'.slice(2))).code, undefined);
    const refused = await check('0', 'abcd');
    assert.deepEqual([refused.code, refused.status], ['params.invalid', 422]);
    assert.deepEqual(refused.violations, [
      { pointer: '/id', detail: 'must be >= 1' },
      { pointer: '/name', detail: 'must NOT have more than 3 characters' },
    ]);
    assert.equal((await check('7x', 'a')).status, 422);
  });

  it('refuses a parameter that is not UTF-8', async () => {
    assert.deepEqual([(await check('%ff', 'a')).code, (await check('%ff', 'a')).status], ['params.malformed', 400]);
  });

  it('finds at load that there is nothing to check', async () => {
    const env = recordingEnv();
    await buildPolicy(params, schema, env);
    assert.deepEqual(
      env.found.map(({ code }) => code),
      ['params-none'],
    );
  });
});

describe('query', () => {
  const schema = {
    additionalProperties: false,
    required: ['limit'],
    properties: {
      limit: { type: 'integer', maximum: 100 },
      tag: { type: 'array', items: { type: 'string' } },
      flag: { type: 'boolean' },
      __proto__x: { type: 'string' },
    },
  };

  it('coerces for the check only; a repeated name is a list', async () => {
    const policy = await soundPolicy(query, schema);
    for (const path of ['/?limit=5', '/?limit=5&tag=a', '/?limit=5&tag=a&tag=b+c&flag=true']) {
      const kept = await onExchange(
        async (x) => {
          assert.equal(await policy.onRequest?.(x), undefined, path);
          return x.query;
        },
        { path },
      );
      assert.equal(kept, path.slice(1));
    }
  });

  it('refuses what does not match, naming each', async () => {
    const policy = await soundPolicy(query, schema);
    const refused = await gate(policy, { path: '/?limit=1&limit=2&flag=maybe&__proto__=1' });
    assert.equal(refused.code, 'query.invalid');
    assert.deepEqual(refused.violations?.map(({ pointer }) => pointer).toSorted(), ['/__proto__', '/flag', '/limit']);
    assert.deepEqual((await gate(policy, { path: '/' })).violations, [{ pointer: '/limit', detail: 'is required' }]);
  });

  it('takes for a number what everyone takes for that number', async () => {
    const env = recordingEnv();
    const either = {
      anyOf: [
        { type: 'integer', maximum: 1 },
        { type: 'string', pattern: '^[0-9]+$' },
      ],
    };
    const numbers = { type: 'array', items: { type: 'number' } };
    const policy = await soundPolicy(query, { properties: { ...schema.properties, either, numbers } }, env);
    for (const path of [
      '/?limit=100',
      '/?limit=-1',
      '/?limit=007',
      '/?numbers=1.5&numbers=-2',
      '/?either=12',
      '/?tag=1e2',
    ]) {
      assert.equal((await gate(policy, { path })).code, undefined, path);
    }
    for (const path of [
      '/?limit=1000000e-4',
      '/?limit=0x10',
      '/?limit=%20%205',
      '/?limit=%2B5',
      '/?limit=5.',
      '/?limit=.5e1',
    ]) {
      const { code, violations } = await gate(policy, { path });
      assert.equal(code, 'query.invalid', path);
      assert.deepEqual(violations, [{ pointer: '/limit', detail: 'must be in plain decimal notation' }], path);
    }
    assert.equal((await gate(policy, { path: '/?numbers=1&numbers=1e2' })).code, 'query.invalid');
    assert.equal((await gate(policy, { path: '/?either=1e2' })).code, 'query.invalid');
  });

  it('refuses malformed percent-encoding', async () => {
    const env = recordingEnv();
    const policy = await soundPolicy(query, schema, env);
    for (const path of ['/?limit=%zz', '/?%ff=1', '/?a=%']) {
      assert.deepEqual(
        [(await gate(policy, { path })).code, (await gate(policy, { path })).status],
        ['query.malformed', 400],
      );
    }
    assert.equal(env.counts.get('validation query_malformed')?.value, 6);
  });
});
