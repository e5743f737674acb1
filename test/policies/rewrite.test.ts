import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { rewrite } from '../../src/policies/rewrite.ts';
import { stripPrefix } from '../../src/policies/strip-prefix.ts';
import { buildPolicy, gate, onExchange, recordingEnv, soundPolicy } from '../support/policies.ts';

type Definition = typeof rewrite | typeof stripPrefix;

async function upstreamPath(
  definition: Definition,
  setting: string,
  pattern: string,
  path: string,
  params: Record<string, string> = {},
) {
  const env = recordingEnv({ pattern, params: Object.keys(params) });
  const policy = await soundPolicy<string, string | undefined>(definition, setting, env);
  return onExchange(
    async (x) => {
      x.params = Object.values(params);
      assert.equal(await policy.onRequest?.(x), undefined);
      return x.upstreamPath;
    },
    { path, ...(setting.includes('{body.') ? { method: 'POST', body: '{"kind":"a b"}' } : {}) },
  );
}

async function faults(definition: Definition, setting: string, pattern: string): Promise<readonly string[]> {
  const env = recordingEnv({ pattern, params: ['id'], authenticated: false });
  await buildPolicy<string, string | undefined>(definition, setting, env);
  return env.found.map(({ message }) => message);
}

describe('rewrite', () => {
  it('changes the path and keeps the query, unless it has its own', async () => {
    assert.equal(await upstreamPath(rewrite, '/orders', '/v1/orders', '/v1/orders?a=1'), '/orders?a=1');
    const id = { id: 'a%20b' };
    assert.equal(await upstreamPath(rewrite, '/o/{id}', '/v1/{id}', '/v1/a%20b', id), '/o/a%20b');
    assert.equal(
      await upstreamPath(rewrite, '/o?id={id}&x={query.x?}', '/v1/{id}', '/v1/a%20b?y=1', id),
      '/o?id=a%20b&x=',
    );
    assert.equal(await upstreamPath(rewrite, '/o/{id?}', '/v1/{id}', '/v1/a?y=1', { id: 'a' }), '/o/a?y=1');
  });

  it('keeps what ** has matched', async () => {
    assert.equal(await upstreamPath(rewrite, '/v2/**', '/v1/**', '/v1/a/b?c'), '/v2/a/b?c');
    assert.equal(await upstreamPath(rewrite, '/v2/**', '/v1/**', '/v1'), '/v2');
    assert.equal(await upstreamPath(rewrite, '/v2/**', '/v1/**', '/v1/'), '/v2/');
    assert.equal(await upstreamPath(rewrite, '/**', '/v1/**', '/v1'), '/');
    assert.equal(await upstreamPath(rewrite, '/all/**', '/**', '/a/b'), '/all/a/b');
  });

  it('waits for the body when it needs a part of it', async () => {
    assert.equal(await upstreamPath(rewrite, '/k/{body.kind}', '/v1', '/v1'), '/k/a%20b');
  });

  it('refuses a request without a value', async () => {
    const policy = await soundPolicy(rewrite, '/o/{query.id}');
    const refused = await gate(policy, { path: '/v1' });
    assert.deepEqual([refused.code, refused.status], ['template.missing_value', 400]);
    assert.match(refused.detail, /\{query\.id\}/);
  });

  it('finds at load what could not work', async () => {
    assert.match((await faults(rewrite, '/o/{nr}', '/v1/{id}')).join(), /\{nr\} is not known/);
    assert.match((await faults(rewrite, '/o/**', '/v1/{id}')).join(), /no "\*\*" in the path of this route/);
    assert.match((await faults(rewrite, '/**/o', '/v1/**')).join(), /only be the end/);
    assert.match((await faults(rewrite, '/{tenant}', '/v1')).join(), /it is open/);
    assert.match((await faults(rewrite, '/a/../b', '/v1')).join(), /dot segments/);
    assert.match((await faults(rewrite, 'orders', '/v1')).join(), /is not a path such as/);
  });
});

describe('strip_prefix', () => {
  it('takes whole segments off', async () => {
    assert.equal(await upstreamPath(stripPrefix, '/v1', '/v1/**', '/v1/a/b?c'), '/a/b?c');
    assert.equal(await upstreamPath(stripPrefix, '/v1', '/v1/**', '/v1'), '/');
    assert.equal(await upstreamPath(stripPrefix, '/v1/orders', '/v1/orders/{id}', '/v1/orders/7', { id: '7' }), '/7');
  });

  it('must be what the route’s path begins with', async () => {
    assert.match(
      (await faults(stripPrefix, '/v1', '/v1beta/**')).join(),
      /is not what the path of this route begins with/,
    );
    assert.match((await faults(stripPrefix, '/v1/', '/v1/**')).join(), /without a slash at its end/);
    assert.match((await faults(stripPrefix, '/{id}', '/{id}/**')).join(), /is not a prefix/);
  });
});
