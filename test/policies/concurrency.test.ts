import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Exchange } from '../../src/exchange/exchange.ts';
import { concurrency } from '../../src/policies/concurrency.ts';
import type { Env, Policy } from '../../src/policies/policy.ts';
import type { InFlight } from '../../src/store/in-flight.ts';
import { stateKey } from '../../src/store/state-key.ts';
import { build, exchange, recordingEnv } from '../support/policies.ts';
import { reading, tenantsOf } from '../support/reading.ts';

const tenants = tenantsOf('{ acme: { plan: pro }, beta: { plan: pro }, free: {} }', '{ pro: { concurrency: 3 } }');

function policyOf(yaml: string | undefined, env: Env): Policy {
  const policy = build(concurrency, yaml, env);
  assert.ok(policy);
  return policy;
}

/** Enters with a request of this tenant; undefined when it was refused. */
function enter(policy: Policy, tenant: string | undefined, address?: string): { x: Exchange; code: unknown } {
  const x = exchange(address === undefined ? {} : { address });
  x.tenant = tenant === undefined ? undefined : tenants.get(tenant);
  return { x, code: Object(policy.onRequest?.(x) ?? {}).code };
}

test('a tenant may have so many in flight, and one more when one ends', () => {
  const policy = policyOf('2', recordingEnv({ tenants }));
  const first = enter(policy, 'free');
  assert.equal(enter(policy, 'free').code, undefined);
  const refused = enter(policy, 'free');
  assert.equal(refused.code, 'concurrency.exceeded');
  assert.equal(refused.x.retryAfter, 1);
  assert.equal(refused.x.detail, 'free may have 2 requests in flight on create-order');
  policy.onEnd?.(first.x);
  assert.equal(enter(policy, 'free').code, undefined);
});

test('tenants do not wait for each other', () => {
  const policy = policyOf('1', recordingEnv({ tenants }));
  assert.equal(enter(policy, 'acme').code, undefined);
  assert.equal(enter(policy, 'beta').code, undefined);
  assert.equal(enter(policy, 'acme').code, 'concurrency.exceeded');
});

test('a refused request gives nothing back, because it took nothing', () => {
  const policy = policyOf('1', recordingEnv({ tenants }));
  enter(policy, 'free');
  policy.onEnd?.(enter(policy, 'free').x);
  assert.equal(enter(policy, 'free').code, 'concurrency.exceeded');
});

test("a plan's concurrency holds over all routes, also those without a setting", () => {
  const kept = new Map<string, object>();
  const orders = policyOf('2', recordingEnv({ tenants, kept, route: 'orders' }));
  const items = policyOf(undefined, recordingEnv({ tenants, kept, route: 'items' }));
  enter(orders, 'acme');
  enter(items, 'acme');
  const third = enter(items, 'acme');
  assert.equal(third.code, undefined);
  const refused = enter(items, 'acme');
  assert.equal(refused.code, 'concurrency.exceeded');
  assert.equal(refused.x.detail, 'acme may have 3 requests in flight with plan pro');
  assert.equal(enter(orders, 'acme').code, 'concurrency.exceeded');
  assert.equal(enter(items, 'beta').code, undefined);
  items.onEnd?.(third.x);
  assert.equal(enter(items, 'acme').code, undefined);
});

test('a request refused by the plan is not counted on the route', () => {
  const kept = new Map<string, object>();
  const orders = policyOf('2', recordingEnv({ tenants, kept, route: 'orders' }));
  const items = policyOf(undefined, recordingEnv({ tenants, kept, route: 'items' }));
  const held = [enter(items, 'acme'), enter(items, 'acme'), enter(items, 'acme')];
  assert.equal(enter(orders, 'acme').code, 'concurrency.exceeded');
  for (const { x } of held) items.onEnd?.(x);
  assert.equal(enter(orders, 'acme').code, undefined);
  assert.equal(enter(orders, 'acme').code, undefined);
});

test('an open route counts client addresses, an IPv6 /64 as one', () => {
  const policy = policyOf('1', recordingEnv({ authenticated: false }));
  assert.equal(enter(policy, undefined, '192.0.2.1').code, undefined);
  assert.equal(enter(policy, undefined, '192.0.2.2').code, undefined);
  assert.equal(enter(policy, undefined, '192.0.2.1').code, 'concurrency.exceeded');
  assert.equal(enter(policy, undefined, '2001:db8::1').code, undefined);
  assert.equal(enter(policy, undefined, '2001:db8::2').code, 'concurrency.exceeded');
});

test('requests in flight over a reload are still counted, and leave nothing behind', () => {
  const kept = new Map<string, object>();
  const before = policyOf('1', recordingEnv({ tenants, kept }));
  const old = enter(before, 'acme');
  const after = policyOf('1', recordingEnv({ tenants, kept }));
  assert.equal(enter(after, 'acme').code, 'concurrency.exceeded');
  before.onEnd?.(old.x);
  const next = enter(after, 'acme');
  assert.equal(next.code, undefined);
  after.onEnd?.(next.x);
  const state = kept.get(stateKey('concurrency', 'route', 'create-order')) as InFlight;
  assert.equal(state.size, 0);
});

test('decisions are counted by whose rule it was', () => {
  const env = recordingEnv({ tenants });
  const policy = policyOf('1', env);
  enter(policy, 'acme');
  enter(policy, 'acme');
  const counts = Object.fromEntries([...env.counts].map(([name, { value }]) => [name, value]));
  assert.deepEqual(counts, {
    'limiter concurrency allow': 1,
    'limiter concurrency reject': 1,
    'limiter plan_concurrency allow': 1,
    'limiter plan_concurrency reject': 0,
  });
});

test('without anything to bound there is no policy', () => {
  assert.equal(build(concurrency, undefined, recordingEnv()), undefined);
  assert.equal(build(concurrency, 'none', recordingEnv()), undefined);
  assert.equal(build(concurrency, undefined, recordingEnv({ tenants, authenticated: false })), undefined);
  assert.notEqual(reading(concurrency.schema, '0').told.length, 0);
});
