import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import type { Exchange } from '../../src/exchange/exchange.ts';
import { limit } from '../../src/policies/limit.ts';
import type { Env, Policy } from '../../src/policies/policy.ts';
import { build, exchange, headerIn, recordingEnv } from '../support/policies.ts';
import { reading, settingsOf, tenantsOf } from '../support/reading.ts';

const tenants = tenantsOf(
  `{
    acme: { plan: standard, limits: { create-order: 4/s, other: 9/s } },
    beta: { plan: standard },
    free: {},
    star: { limits: { create-order: { rate: 2/s, burst: 1 } } } }`,
  '{ standard: { limit: 100/min } }',
);

/** A monotonic clock that stands still until it is moved. */
function clock(t: TestContext): { atMs: number } {
  const time = { atMs: 1_000_000 };
  t.mock.method(performance, 'now', () => time.atMs);
  return time;
}

function policyOf(yaml: string | undefined, env: Env): Policy {
  const policy = build(limit, yaml, env);
  assert.ok(policy);
  return policy;
}

interface Sender {
  readonly tenant?: string;
  readonly address?: string;
  readonly keyId?: string;
}

function send(policy: Policy, { tenant, address, keyId = '' }: Sender): { x: Exchange; code: unknown } {
  const x = exchange(address === undefined ? {} : { address });
  x.tenant = tenant === undefined ? undefined : tenants.get(tenant);
  x.keyId = keyId;
  return { x, code: Object(policy.onRequest?.(x) ?? {}).code };
}

function admitted(policy: Policy, sender: Sender, tries: number): number {
  let count = 0;
  for (let i = 0; i < tries; i++) if (send(policy, sender).code === undefined) count++;
  return count;
}

const rateLimit = (x: Exchange) => headerIn(x.answerHeaders, 'RateLimit');

suite("a route's own limit", () => {
  test('admits the number at once, then one per interval', (t) => {
    const time = clock(t);
    const policy = policyOf('10/s', recordingEnv({ tenants }));
    assert.equal(admitted(policy, { tenant: 'free' }, 20), 10);
    time.atMs += 100;
    assert.equal(admitted(policy, { tenant: 'free' }, 20), 1);
    time.atMs += 5000;
    assert.equal(admitted(policy, { tenant: 'free' }, 20), 10);
  });

  test('is per tenant', (t) => {
    clock(t);
    const policy = policyOf('3/s', recordingEnv({ tenants }));
    assert.equal(admitted(policy, { tenant: 'free' }, 9), 3);
    assert.equal(admitted(policy, { tenant: 'beta' }, 9), 3);
  });

  test('is per client address on an open route, an IPv6 /64 counting as one', (t) => {
    clock(t);
    for (const yaml of ['2/s', '{ rate: 2/s, per: key }']) {
      const policy = policyOf(yaml, recordingEnv({ tenants, authenticated: false }));
      assert.equal(admitted(policy, { address: '192.0.2.1' }, 9), 2);
      assert.equal(admitted(policy, { address: '192.0.2.2' }, 9), 2);
      assert.equal(admitted(policy, { address: '2001:db8::1' }, 9), 2);
      assert.equal(admitted(policy, { address: '2001:db8::2' }, 9), 0);
    }
  });

  test('may be per key, per client or one for all', (t) => {
    clock(t);
    const perKey = policyOf('{ rate: 1/s, per: key }', recordingEnv({ tenants }));
    assert.equal(admitted(perKey, { tenant: 'free', keyId: 'a' }, 3), 1);
    assert.equal(admitted(perKey, { tenant: 'free', keyId: 'b' }, 3), 1);
    assert.equal(admitted(perKey, { tenant: 'beta', keyId: 'a' }, 3), 1);
    const perClient = policyOf('{ rate: 1/s, per: client }', recordingEnv({ tenants }));
    assert.equal(admitted(perClient, { tenant: 'free', address: '192.0.2.1' }, 3), 1);
    assert.equal(admitted(perClient, { tenant: 'free', address: '192.0.2.2' }, 3), 1);
    const perRoute = policyOf('{ rate: 1/s, per: route }', recordingEnv({ tenants }));
    assert.equal(admitted(perRoute, { tenant: 'free' }, 3), 1);
    assert.equal(admitted(perRoute, { tenant: 'beta' }, 3), 0);
  });

  test('takes a burst of its own', (t) => {
    const time = clock(t);
    const policy = policyOf('{ rate: 10/s, burst: 1 }', recordingEnv({ tenants }));
    assert.equal(admitted(policy, { tenant: 'free' }, 5), 1);
    time.atMs += 99;
    assert.equal(admitted(policy, { tenant: 'free' }, 5), 0);
    time.atMs += 1;
    assert.equal(admitted(policy, { tenant: 'free' }, 5), 1);
  });

  test('of two rates holds both', (t) => {
    const time = clock(t);
    const policy = policyOf('[2/s, 5/min]', recordingEnv({ tenants }));
    let count = 0;
    for (let second = 0; second < 6; second++, time.atMs += 1000) count += admitted(policy, { tenant: 'free' }, 5);
    assert.equal(count, 5);
  });
});

suite('several limits', () => {
  test("a plan's limit holds over all routes, also those without one", (t) => {
    clock(t);
    const kept = new Map<string, object>();
    const orders = policyOf('60/min', recordingEnv({ tenants, kept, route: 'orders' }));
    const items = policyOf(undefined, recordingEnv({ tenants, kept, route: 'items' }));
    assert.equal(admitted(orders, { tenant: 'beta' }, 100), 60);
    assert.equal(admitted(items, { tenant: 'beta' }, 100), 40);
    assert.equal(send(items, { tenant: 'beta' }).x.detail, 'beta may send 100 requests per minute with plan standard');
    assert.equal(send(items, { tenant: 'free' }).code, undefined);
  });

  test('one refusal charges none', (t) => {
    clock(t);
    const kept = new Map<string, object>();
    const orders = policyOf('1/min', recordingEnv({ tenants, kept, route: 'orders' }));
    const items = policyOf(undefined, recordingEnv({ tenants, kept, route: 'items' }));
    assert.equal(admitted(orders, { tenant: 'beta' }, 500), 1);
    assert.equal(admitted(items, { tenant: 'beta' }, 500), 99);
    const strict = policyOf('[1/s, 50/min]', recordingEnv({ tenants }));
    assert.equal(admitted(strict, { tenant: 'free' }, 500), 1);
    assert.equal(rateLimit(send(strict, { tenant: 'free' }).x), '"s";r=0;t=1');
  });

  test("a tenant's own limit replaces the route's, and the plan's still applies", (t) => {
    const time = clock(t);
    const policy = policyOf('1/h', recordingEnv({ tenants }));
    assert.equal(admitted(policy, { tenant: 'beta' }, 9), 1);
    assert.equal(admitted(policy, { tenant: 'acme' }, 9), 4);
    assert.equal(admitted(policy, { tenant: 'star' }, 9), 1);
    let count = 4;
    for (let second = 0; second < 30; second++) {
      time.atMs += 1000;
      count += admitted(policy, { tenant: 'acme' }, 9);
    }
    // 30 seconds would allow 124 by its own limit; the plan allows 100 and half of 100 more.
    assert.ok(count > 100 && count < 124 + 1, `${count}`);
    assert.equal(admitted(policy, { tenant: 'star' }, 9), 1);
  });

  test("a tenant's own limit exists where the route has none, and on an allowance that all share", (t) => {
    clock(t);
    assert.equal(admitted(policyOf(undefined, recordingEnv({ tenants })), { tenant: 'star' }, 9), 1);
    const shared = policyOf('{ rate: 1/s, per: route }', recordingEnv({ tenants }));
    assert.equal(admitted(shared, { tenant: 'free' }, 9), 1);
    assert.equal(admitted(shared, { tenant: 'acme' }, 9), 4);
  });
});

suite('what a client is told', () => {
  test('how much is left of the tightest limit, and of which policies', (t) => {
    clock(t);
    const { x } = send(policyOf('10/s', recordingEnv({ tenants })), { tenant: 'beta' });
    assert.equal(headerIn(x.answerHeaders, 'RateLimit-Policy'), '"s";q=10;w=1, "min";q=100;w=60');
    assert.equal(rateLimit(x), '"s";r=9;t=1');
  });

  test('limits with one window have names of their own', (t) => {
    clock(t);
    const { x } = send(policyOf('500/min', recordingEnv({ tenants })), { tenant: 'beta' });
    assert.equal(headerIn(x.answerHeaders, 'RateLimit-Policy'), '"min";q=500;w=60, "plan-min";q=100;w=60');
    assert.equal(rateLimit(x), '"plan-min";r=99;t=1');
  });

  test('when to come back, and coming back then is right', (t) => {
    const time = clock(t);
    const policy = policyOf('{ rate: 10/min, burst: 2 }', recordingEnv({ tenants }));
    admitted(policy, { tenant: 'free' }, 2);
    time.atMs += 500;
    const { x, code } = send(policy, { tenant: 'free' });
    assert.equal(code, 'rate_limit.exceeded');
    assert.equal(x.retryAfter, 6);
    assert.equal(rateLimit(x), '"min";r=0;t=6');
    assert.equal(x.detail, 'free may send 10 requests per minute on create-order');
    time.atMs += x.retryAfter * 1000;
    assert.equal(send(policy, { tenant: 'free' }).code, undefined);
  });

  test('the last one admitted says when there is another', (t) => {
    clock(t);
    const policy = policyOf('2/min', recordingEnv({ tenants }));
    assert.equal(rateLimit(send(policy, { tenant: 'free' }).x), '"min";r=1;t=30');
    assert.equal(rateLimit(send(policy, { tenant: 'free' }).x), '"min";r=0;t=30');
  });

  test('in the headers the gateway is set to', (t) => {
    clock(t);
    const legacy = send(policyOf('2/min', recordingEnv({ tenants, ratelimitHeaders: ['legacy'] })), {
      tenant: 'free',
    }).x;
    assert.deepEqual(legacy.answerHeaders, [
      'X-RateLimit-Limit',
      '2',
      'X-RateLimit-Remaining',
      '1',
      'X-RateLimit-Reset',
      '30',
    ]);
    const silent = send(policyOf('2/min', recordingEnv({ tenants, ratelimitHeaders: [] })), { tenant: 'free' }).x;
    assert.equal(silent.answerHeaders, undefined);
  });
});

test('a jump of the wall clock changes nothing', (t) => {
  clock(t);
  const policy = policyOf('3/min', recordingEnv({ tenants }));
  admitted(policy, { tenant: 'free' }, 3);
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 });
  assert.equal(admitted(policy, { tenant: 'free' }, 3), 0);
  t.mock.timers.setTime(0);
  assert.equal(admitted(policy, { tenant: 'free' }, 3), 0);
});

test('what was used is still used after a reload, also when the limit changed', (t) => {
  const time = clock(t);
  const kept = new Map<string, object>();
  assert.equal(admitted(policyOf('5/min', recordingEnv({ tenants, kept })), { tenant: 'free' }, 9), 5);
  assert.equal(admitted(policyOf('5/min', recordingEnv({ tenants, kept })), { tenant: 'free' }, 9), 0);
  const wider = policyOf('60/min', recordingEnv({ tenants, kept }));
  assert.equal(admitted(wider, { tenant: 'free' }, 9), 0);
  time.atMs += 1000;
  assert.equal(admitted(wider, { tenant: 'free' }, 9), 1);
  assert.equal(admitted(policyOf('10/s', recordingEnv({ tenants, kept })), { tenant: 'free' }, 20), 10);
});

test('decisions are counted by whose rule it was', (t) => {
  clock(t);
  const env = recordingEnv({ tenants });
  admitted(policyOf('2/s', env), { tenant: 'beta' }, 5);
  const counts = Object.fromEntries([...env.counts].map(([name, { value }]) => [name, value]));
  assert.deepEqual(counts, {
    'limiter limit allow': 2,
    'limiter limit reject': 3,
    'limiter plan allow': 2,
    'limiter plan reject': 0,
  });
});

test('a route without anything to check has no such policy', () => {
  assert.equal(build(limit, undefined, recordingEnv()), undefined);
  assert.equal(build(limit, 'none', recordingEnv()), undefined);
  assert.equal(build(limit, undefined, recordingEnv({ tenants, authenticated: false })), undefined);
  assert.notEqual(build(limit, undefined, recordingEnv({ tenants, route: 'elsewhere' })), undefined);
});

test('limits that are not clear are refused', () => {
  const issue = (yaml: string) => limit.check?.(settingsOf(limit.schema, yaml))[0];
  assert.deepEqual(issue('{ rate: [10/s, 500/h], burst: 20 }')?.path, ['burst']);
  assert.deepEqual(issue('[10/s, 20/s]')?.path, ['rate', 1]);
  assert.equal(issue('{ rate: 10/s, burst: 20 }'), undefined);
  assert.match(reading(limit.schema, '10/day').told.join(), /calendar quotas are not built yet/);
  assert.match(reading(limit.schema, '{ rate: 10/s, per: user }').told.join(), /one of tenant, client, key, route/);
});
