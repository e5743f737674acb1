import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { auth } from '../../src/policies/auth.ts';
import { build, exchange, headerIn, recordingEnv } from '../support/policies.ts';
import { reading, settingsOf, tenantsOf } from '../support/reading.ts';

const ACME = 'acme-secret-one-aaaaaaaa';
const BETA = 'beta-secret-one-bbbbbbbb';
const GONE = 'gone-secret-one-cccccccc';
const tenants = tenantsOf(`{
  acme: { keys: [${ACME}], roles: [orders.read, orders.write] },
  beta: { keys: [${BETA}], roles: [orders.read] },
  gone: { keys: [${GONE}], disabled: true } }`);

function present(headers: readonly string[], yaml = 'key', query = '') {
  const env = recordingEnv({ tenants });
  const x = exchange({ headers, query });
  const verdict = build(auth, yaml, env)?.onRequest?.(x);
  const counted = [...env.counts]
    .filter(([, counter]) => counter.value > 0)
    .map(([counter]) => counter.replace('auth ', ''));
  return { x, code: Object(verdict ?? {}).code as string | undefined, status: Object(verdict ?? {}).status, counted };
}

const isRemoved = (edits: readonly (string | undefined)[] | undefined, name: string) =>
  edits?.includes(name) === true && headerIn(edits, name) === undefined;

suite('a key that is known', () => {
  test('names the tenant, from X-Api-Key or as a bearer token, and goes no further', () => {
    for (const [headers, carrier] of [
      [['X-Api-Key', ACME], 'x-api-key'],
      [['Authorization', `Bearer ${ACME}`], 'authorization'],
      [['Authorization', `bearer  ${ACME}`], 'authorization'],
    ] as const) {
      const { x, code } = present(headers);
      assert.equal(code, undefined);
      assert.equal(x.tenant?.id, 'acme');
      assert.match(x.keyId, /^[0-9a-f]{12}$/);
      assert.ok(isRemoved(x.requestHeaderEdits, carrier));
    }
  });

  test('may come in both places when they agree', () => {
    const { x, code } = present(['X-Api-Key', ACME, 'Authorization', `Bearer ${ACME}`]);
    assert.equal(code, undefined);
    assert.ok(isRemoved(x.requestHeaderEdits, 'x-api-key') && isRemoved(x.requestHeaderEdits, 'authorization'));
  });

  test('leaves an Authorization of another scheme to the upstream', () => {
    const { x, code } = present(['X-Api-Key', ACME, 'Authorization', 'Basic dTpw']);
    assert.equal(code, undefined);
    assert.deepEqual(x.requestHeaderEdits, ['x-api-key', undefined]);
  });
});

suite('a request is refused with 401 and a challenge', () => {
  const cases = [
    ['without a key', [], 'auth.missing', 'missing'],
    ['with empty credentials', ['X-Api-Key', '', 'Authorization', 'Bearer '], 'auth.missing', 'missing'],
    ['with another scheme only', ['Authorization', 'Basic dTpw'], 'auth.missing', 'missing'],
    ['with an unknown key', ['X-Api-Key', 'nobody-has-this-key'], 'auth.unknown', 'unknown'],
    ['with two keys that differ', ['X-Api-Key', ACME, 'Authorization', `Bearer ${BETA}`], 'auth.conflict', 'conflict'],
    ['with two X-Api-Key fields', ['X-Api-Key', ACME, 'x-api-key', BETA], 'auth.conflict', 'conflict'],
    [
      'with two Authorization fields',
      ['Authorization', `Bearer ${ACME}`, 'AUTHORIZATION', `Bearer ${BETA}`],
      'auth.conflict',
      'conflict',
    ],
  ] as const;
  for (const [name, headers, code, reason] of cases) {
    test(name, () => {
      const refused = present(headers);
      assert.equal(refused.code, code);
      assert.equal(refused.status, 401);
      assert.deepEqual(refused.counted, [reason]);
      assert.match(headerIn(refused.x.answerHeaders, 'www-authenticate') ?? '', /^Bearer realm="sluice"/);
      assert.equal(refused.x.tenant, undefined);
      for (const key of [ACME, BETA]) assert.ok(!refused.x.detail.includes(key));
    });
  }

  test('with a key in the URL, and is told so', () => {
    for (const query of [`?api_key=${ACME}`, `?a=1&apikey=${ACME}`, `?X-API-KEY=${ACME}`, `?access_token=${ACME}`]) {
      const refused = present([], 'key', query);
      assert.equal(refused.code, 'auth.key_in_query', query);
      assert.deepEqual(refused.counted, ['key_in_query']);
      assert.ok(!refused.x.detail.includes(ACME));
    }
    assert.equal(present([], 'key', '?monkey=1&my_api_key_id=2').code, 'auth.missing');
    assert.equal(present(['X-Api-Key', ACME], 'key', '?api_key=x').code, undefined);
  });
});

suite('a tenant is refused with 403', () => {
  test('when it is disabled, and is named in the log', () => {
    const { x, code, status, counted } = present(['X-Api-Key', GONE]);
    assert.deepEqual([code, status, counted], ['tenant.disabled', 403, ['tenant_disabled']]);
    assert.equal(x.tenant?.id, 'gone');
    assert.equal(x.answerHeaders, undefined);
  });

  test('when it lacks a role, which is named', () => {
    const yaml = '{ key: { roles: [orders.read, orders.write] } }';
    assert.equal(present(['X-Api-Key', ACME], yaml).code, undefined);
    const { x, code, status } = present(['X-Api-Key', BETA], yaml);
    assert.deepEqual([code, status], ['auth.role_missing', 403]);
    assert.equal(x.detail, 'beta lacks the role orders.write');
  });

  test('but not when one of several ways is enough', () => {
    const yaml = '[{ key: { roles: admin } }, { key: { roles: orders.read } }]';
    assert.equal(present(['X-Api-Key', BETA], yaml).code, undefined);
    assert.equal(present(['X-Api-Key', BETA], '[{ key: { roles: admin } }, key]').code, undefined);
    assert.equal(present(['X-Api-Key', BETA], '[{ key: { roles: admin } }]').code, 'auth.role_missing');
  });
});

suite("a browser's WebSocket", () => {
  const upgrade = (protocols: string) => ['Upgrade', 'websocket', 'Sec-WebSocket-Protocol', protocols];

  test('brings its key as a subprotocol, which the upstream does not see', () => {
    const { x, code } = present(upgrade(`chat, sluice.key.${ACME}, superchat`));
    assert.equal(code, undefined);
    assert.equal(x.tenant?.id, 'acme');
    assert.deepEqual(x.requestHeaderEdits, ['Sec-WebSocket-Protocol', 'chat, superchat']);
  });

  test('that offers the key alone offers the upstream nothing', () => {
    const { x } = present(upgrade(`sluice.key.${ACME}`));
    assert.ok(isRemoved(x.requestHeaderEdits, 'sec-websocket-protocol'));
  });

  test('is refused when its key differs from the header', () => {
    assert.equal(present([...upgrade(`sluice.key.${ACME}`), 'X-Api-Key', BETA]).code, 'auth.conflict');
    assert.equal(present(upgrade(`sluice.key.${ACME}, sluice.key.${BETA}`)).status, 401);
  });

  test('is the only request that may do so', () => {
    assert.equal(present(['Sec-WebSocket-Protocol', `sluice.key.${ACME}`]).code, 'auth.missing');
  });
});

test('an open route has no such policy, and passes credentials through', () => {
  assert.equal(build(auth, 'none', recordingEnv({ tenants })), undefined);
});

test('a route that says nothing about auth is not open', () => {
  assert.ok(auth.schema.required);
  assert.throws(() => settingsOf(auth.schema, '[]'));
});

test('ways of a later version, and none among others, are refused', () => {
  assert.match(reading(auth.schema, '{ jwt: {} }').told.join(), /reserved for a later version/);
  assert.match(reading(auth.schema, '[key, none]').told.join(), /"none" is not the word key/);
  assert.match(reading(auth.schema, 'keys').told.join(), /did you mean "key"/);
});

test('the short form is the long form', () => {
  assert.deepEqual(settingsOf(auth.schema, 'key'), settingsOf(auth.schema, '[{ key: { roles: [] } }]'));
});
