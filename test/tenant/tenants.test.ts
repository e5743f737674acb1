import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { tenantsSchema } from '../../src/config/format/tenants.ts';
import { plansSchema } from '../../src/tenant/settings.ts';
import { buildTenants } from '../../src/tenant/tenants.ts';
import { reading, settingsOf, tenantsOf } from '../support/reading.ts';

const ACME = 'acme-secret-one-aaaaaaaa';
const NEXT = 'acme-secret-two-bbbbbbbb';
const BETA = 'beta-secret-one-cccccccc';
const hashed = (key: string) => `"sha256:${createHash('sha256').update(key).digest('hex')}"`;

/** Paths and messages of what is wrong with the tables. */
function issuesOf(plans: string, tenants: string): string[] {
  const { issues } = buildTenants(settingsOf(plansSchema, plans), settingsOf(tenantsSchema, tenants));
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

test('a key identifies its tenant, whether the file has its hash or the secret', () => {
  const table = tenantsOf(`{ acme: { keys: [${hashed(ACME)}, ${NEXT}] }, beta: { keys: ${BETA} } }`);
  assert.equal(table.size, 2);
  assert.equal(table.identify(ACME)?.tenant.id, 'acme');
  assert.equal(table.identify(NEXT)?.tenant.id, 'acme');
  assert.equal(table.identify(BETA)?.tenant.id, 'beta');
  assert.notEqual(table.identify(ACME)?.keyId, table.identify(NEXT)?.keyId);
});

test('what is nearly a key identifies nobody', () => {
  const table = tenantsOf(`{ acme: { keys: [${ACME}] } }`);
  const digest = createHash('sha256').update(ACME).digest('hex');
  for (const text of [
    '',
    `${ACME} `,
    ACME.slice(1),
    ACME.toUpperCase(),
    digest,
    `sha256:${digest}`,
    'x'.repeat(5000),
  ]) {
    assert.equal(table.identify(text), undefined, text);
  }
});

test('keys whose hashes begin alike are told apart', () => {
  const digest = createHash('sha256').update(ACME).digest('hex');
  const twin = digest.slice(0, 12) + 'f'.repeat(52);
  const table = tenantsOf(`{ acme: { keys: ["sha256:${digest}"] }, twin: { keys: ["sha256:${twin}"] } }`);
  const credential = table.identify(ACME);
  assert.equal(credential?.tenant.id, 'acme');
  assert.ok(table.holds('acme', credential.keyId));
  assert.ok(table.holds('twin', credential.keyId));
});

test('a key id tells whether the key is still held', () => {
  const before = tenantsOf(`{ acme: { keys: [${ACME}, ${NEXT}] } }`);
  const after = tenantsOf(`{ acme: { keys: [${NEXT}] }, beta: { keys: [${ACME}] } }`);
  const keyId = before.identify(ACME)?.keyId ?? '';
  assert.ok(before.holds('acme', keyId));
  assert.ok(!after.holds('acme', keyId));
  assert.ok(after.holds('acme', before.identify(NEXT)?.keyId ?? ''));
});

test('a tenant has its plan, roles, headers and limits', () => {
  const table = tenantsOf(
    `{ acme: { plan: pro, roles: [orders.write], headers: { x-tenant-tier: gold }, limits: { create-order: 200/min } } }`,
    '{ pro: { limit: [50/s, 10000/h], concurrency: 100 }, standard: { limit: 100/min, burst: 10 } }',
  );
  const acme = table.get('acme');
  assert.deepEqual(
    acme?.plan?.limit.map((rate) => rate.text),
    ['50/s', '10000/h'],
  );
  assert.equal(acme.plan.concurrency, 100);
  assert.ok(acme.roles.has('orders.write'));
  assert.deepEqual(acme.headers, ['x-tenant-tier', 'gold']);
  assert.equal(acme.limits.get('create-order')?.rate[0]?.limit, 200);
  assert.equal(acme.disabled, false);
  assert.deepEqual(
    table.plans.map((plan) => plan.name),
    ['pro', 'standard'],
  );
  assert.ok(table.overriddenRoutes.has('create-order'));
});

test('one key in two tenants names both, also when one is hashed and the other in clear', () => {
  assert.deepEqual(issuesOf('{}', `{ acme: { keys: [${NEXT}, ${hashed(ACME)}] }, beta: { keys: [${ACME}] } }`), [
    'tenants.beta.keys.0: "beta" and "acme" have the same key: a request with it could be either\'s',
  ]);
  assert.match(issuesOf('{}', `{ acme: { keys: [${ACME}, ${ACME}] } }`).join(), /acme.keys.1: .*listed twice/);
});

test('what does not add up is an issue at its place', () => {
  assert.match(
    issuesOf('{}', `{ acme: { keys: [${ACME}, ${NEXT}, ${BETA}] } }`).join(),
    /acme.keys.2: .*at most 2 keys/,
  );
  assert.match(issuesOf('{}', '{ acme: { plan: prro } }').join(), /acme.plan: there is no plan "prro"/);
  assert.match(issuesOf('{ p: { limit: [1/s, 9/h], burst: 3 } }', '{}').join(), /plans.p.burst: with several rates/);
  assert.match(issuesOf('{ p: { limit: [1/s, 2/s] } }', '{}').join(), /plans.p.limit.1: 2\/s and 1\/s have the same/);
  assert.match(issuesOf('{ p: { burst: 3 } }', '{}').join(), /plans.p.burst: a burst needs/);
  assert.match(issuesOf('{}', '{ a: { limits: { r: { rate: [1/s, 9/h], burst: 3 } } } }').join(), /a.limits.r.burst/);
  assert.match(issuesOf('{}', '{ a: { headers: { Content-Length: 3 } } }').join(), /a.headers.Content-Length/);
});

test('what is no setting of a plan or tenant is refused', () => {
  assert.match(reading(plansSchema, '{ p: { limit: 1M/month } }').told.join(), /not a rate/);
  assert.match(reading(tenantsSchema, '{ "_other": {} }').told.join(), /not the name of a tenant/);
  assert.match(reading(tenantsSchema, '{ a: { headers: { "x": "a\\r\\nb: c" } } }').told.join(), /header value/);
});

test('a plan says whose calls to a third party go first', () => {
  const table = tenantsOf('{ acme: { plan: pro }, bolt: { plan: basic } }', '{ pro: { priority: 9 }, basic: {} }');
  assert.deepEqual(
    ['acme', 'bolt'].map((id) => table.get(id)?.plan?.priority),
    [9, 5],
  );
  assert.match(reading(plansSchema, '{ p: { priority: 10 } }').told.join(), /10 is too large \(the most is 9\)/);
});

test('names that objects are born with are only names', () => {
  const table = tenantsOf(`{ constructor: { keys: [${ACME}] } }`);
  assert.equal(table.get('toString'), undefined);
  assert.equal(table.identify(ACME)?.tenant.id, 'constructor');
});
