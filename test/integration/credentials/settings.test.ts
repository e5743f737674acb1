import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { shownText } from '../../../src/config/explain/redact.ts';
import {
  accountsSchema,
  authSchema,
  PLAIN_SETTINGS,
  SECRET_SETTINGS,
} from '../../../src/integration/credentials/settings.ts';
import { settings } from '../../../src/schema/schema.ts';
import { reading, settingsOf, tell } from '../../support/reading.ts';

/** One of each form, with every setting it has. */
const FORMS: Readonly<Record<string, string>> = {
  bearer: '{ bearer: K3Y }',
  basic: '{ basic: { user: me, password: K3Y } }',
  header: '{ header: { name: X-Api-Key, value: K3Y } }',
  query: '{ query: { name: api_key, value: K3Y } }',
  hmac: '{ hmac: { key_id: first, secret: K3Y, headers: ["@method", Content-Type], digest: sha-512 } }',
  oauth2:
    '{ oauth2: { token_url: "https://id.example/token?p=1", client_id: us, client_secret: K3Y, scope: rates tracking, audience: "https://api", client_auth: post } }',
};

/** Names of the settings in a JSON Schema that have a value of their own, wherever they stand in it. */
function valuesIn(schema: unknown, name?: string): readonly string[] {
  const { properties, anyOf = [] } = Object(schema) as { properties?: object; anyOf?: readonly unknown[] };
  if (properties !== undefined) return Object.entries(properties).flatMap(([below, each]) => valuesIn(each, below));
  const inside = anyOf.flatMap((each) => valuesIn(each));
  return inside.length > 0 || name === undefined ? inside : [name];
}

describe('auth of an integration', () => {
  it('is one of six forms', () => {
    const meant = Object.values(FORMS).map((written) => settingsOf(authSchema, written));
    const given = meant.map((auth) => Object.entries(auth ?? {}).filter(([, value]) => value !== undefined));
    assert.deepEqual(Object.fromEntries(given.flat()), {
      bearer: 'K3Y',
      basic: { user: 'me', password: 'K3Y' },
      header: { name: 'x-api-key', value: 'K3Y' },
      query: { name: 'api_key', value: 'K3Y' },
      hmac: { key_id: 'first', secret: 'K3Y', headers: ['@method', 'content-type'], digest: 'sha-512' },
      oauth2: {
        token_url: { origin: 'https://id.example', path: '/token?p=1' },
        client_id: 'us',
        client_secret: 'K3Y',
        scope: 'rates tracking',
        audience: 'https://api',
        client_auth: 'post',
      },
    });
    assert.ok(given.every((forms) => forms.length === 1));
  });

  it('has defaults for how it is sent', () => {
    const hmac = settingsOf(authSchema, '{ hmac: { key_id: a, secret: b } }');
    assert.ok(hmac !== null && hmac !== 'per_tenant');
    assert.deepEqual(hmac.hmac, { key_id: 'a', secret: 'b', headers: undefined, digest: 'sha-256' });
    const oauth2 = settingsOf(authSchema, '{ oauth2: { token_url: "http://a/", client_id: a, client_secret: b } }');
    assert.ok(oauth2 !== null && oauth2 !== 'per_tenant');
    assert.equal(oauth2.oauth2?.client_auth, 'basic');
  });

  it('is nobody’s with none, and each tenant’s own with per_tenant', () => {
    assert.equal(settingsOf(authSchema, 'none'), null);
    assert.equal(authSchema.decode(undefined), null);
    assert.equal(settingsOf(authSchema, 'per_tenant'), 'per_tenant');
  });

  it('is one way only', () => {
    const { told } = reading(
      authSchema,
      '{ bearer: a, basic: { user: a, password: b }, query: { name: a, value: b } }',
    );
    assert.deepEqual(told, [
      '1:21 two-credentials "bearer" is given already: one of them proves who we are, and which is not clear (keep one of "bearer" and "basic")',
      '1:54 two-credentials "bearer" is given already: one of them proves who we are, and which is not clear (keep one of "bearer" and "query")',
    ]);
    assert.match(reading(authSchema, '{}').told.join(), /^1:8 no-credentials /);
  });

  it('keeps its places through the layers of a configuration', () => {
    for (const written of Object.values(FORMS)) {
      const { setting } = reading(authSchema, written);
      const complete = authSchema.complete(setting, { add: () => assert.fail('nothing is missing') });
      assert.deepEqual(authSchema.decode(complete), settingsOf(authSchema, written));
    }
    const missing = reading(authSchema, '{ basic: { user: a } }');
    assert.deepEqual(missing.told, ['1:17 missing-key a basic needs "password" (password: a password)']);
  });
});

describe('credentials of a tenant', () => {
  it('are accounts by the name of the integration', () => {
    const accounts = settingsOf(
      accountsSchema,
      '{ carrier: { bearer: abc }, erp: { basic: { user: a, password: b } } }',
    );
    assert.equal(accounts.get('carrier')?.bearer, 'abc');
    assert.deepEqual(accounts.get('erp')?.basic, { user: 'a', password: 'b' });
    assert.equal(settingsOf(accountsSchema, '{}').size, 0);
  });

  it('are neither nobody’s nor another tenant’s', () => {
    for (const word of ['none', 'per_tenant']) {
      assert.match(reading(accountsSchema, `{ carrier: ${word} }`).told.join(), /^1:19 wrong-type expected a map/);
    }
  });
});

describe('what cannot be sent as it stands', () => {
  const wrong: Readonly<Record<string, string>> = {
    'a token with a blank': '{ bearer: s3cret-with blank }',
    'a token with a line break': '{ bearer: "s3cret\\nX-Evil: 1" }',
    'a token with its scheme': '{ bearer: Bearer s3cret }',
    'a token that is empty': '{ bearer: "" }',
    'a token in a map': '{ bearer: { s3cret: 1 } }',
    'a user with a colon': '{ basic: { user: "me:s3cret", password: b } }',
    'a password with a control character': '{ basic: { user: a, password: "s3cret\\u0007" } }',
    'a user and a password in one': '{ basic: "me:s3cret" }',
    'a header value with a line break': '{ header: { name: x-key, value: "s3cret\\r\\nX-Evil: 1" } }',
    'a header value with a blank at its end': '{ header: { name: x-key, value: "s3cret " } }',
    'a header value that is empty': '{ header: { name: x-key, value: "" } }',
    'a header value that latin-1 cannot hold': '{ header: { name: x-key, value: "s3cret€" } }',
    'a header name that is a line': '{ header: { name: "x-key: s3cret", value: a } }',
    'a header that frames the request': '{ header: { name: Transfer-Encoding, value: s3cret } }',
    'a header that the client sets': '{ header: { name: host, value: s3cret } }',
    'a query value with a line break': '{ query: { name: key, value: "s3cret\\n" } }',
    'a query value with half a character': '{ query: { name: key, value: "s3cret\\ud800" } }',
    'a query value that is empty': '{ query: { name: key, value: "" } }',
    'a key id with a letter that is not ASCII': '{ hmac: { key_id: s3crét, secret: b } }',
    'a secret that is no base64': '{ hmac: { key_id: a, secret: "base64:s3cret!" } }',
    'a part of a request that there is not': '{ hmac: { key_id: a, secret: s3cret, headers: ["@status"] } }',
    'a signed host': '{ hmac: { key_id: a, secret: s3cret, headers: [Host] } }',
    'a signed signature': '{ hmac: { key_id: a, secret: s3cret, headers: [Signature] } }',
    'a header signed twice': '{ hmac: { key_id: a, secret: s3cret, headers: [Date, date] } }',
    'a digest signed and not made': '{ hmac: { key_id: a, secret: s3cret, headers: [content-digest], digest: none } }',
    'an id with a blank at its end': '{ oauth2: { token_url: "https://a/", client_id: "a ", client_secret: s3cret } }',
    'a secret with a line break': '{ oauth2: { token_url: "https://a/", client_id: a, client_secret: "s3cret\\n" } }',
    'two blanks between scopes':
      '{ oauth2: { token_url: "https://a/", client_id: a, client_secret: s3cret, scope: "a  b" } }',
    'a token URL with a password': '{ oauth2: { token_url: "https://a:s3cret@b/", client_id: a, client_secret: b } }',
    'a token URL with a fragment': '{ oauth2: { token_url: "https://a/#s3cret", client_id: a, client_secret: b } }',
    'a token URL that is none': '{ oauth2: { token_url: s3cret, client_id: a, client_secret: b } }',
    'a token URL of a file': '{ oauth2: { token_url: "file:///s3cret", client_id: a, client_secret: b } }',
    'a bare token': 's3cret',
    'a list': '[s3cret]',
  };
  for (const [what, written] of Object.entries(wrong)) {
    it(`is refused and not quoted: ${what}`, () => {
      const { findings } = reading(authSchema, written);
      assert.equal(findings.length, 1, findings.map(tell).join('\n'));
      assert.doesNotMatch(findings.map(tell).join('\n'), /s3cr.t|Evil/);
    });
  }

  it('comes with a hint of what to do', () => {
    const hintOf = (written: string): string | undefined => reading(authSchema, written).findings[0]?.hint;
    assert.match(hintOf('{ bearer: a|b }') ?? '', /header: \{ name: …, value: … \}/);
    assert.match(hintOf('{ bearer: Bearer abc }') ?? '', /leave the word out/);
    assert.match(hintOf('{ hmac: { key_id: a, secret: b, headers: [host] } }') ?? '', /@authority/);
    assert.match(hintOf('{ hmac: { key_id: a, secret: b, headers: ["@pth"] } }') ?? '', /did you mean "@path"/);
    assert.match(hintOf('per-tenant') ?? '', /did you mean "per_tenant"/);
    assert.match(hintOf('{ beerer: abc }') ?? '', /did you mean "bearer"/);
    assert.match(hintOf('{ header: { name: x-key, value: "" } }') ?? '', /variable/);
  });
});

describe('what is shown of accounts', () => {
  const shownIn = (written: string, path: readonly string[]): readonly string[] => {
    const { setting } = reading(authSchema, written);
    return Array.from(settings.leaves(setting ?? assert.fail()), ([below, leaf]) =>
      shownText(leaf, [...path, ...below]),
    );
  };

  it('is all but their secrets', () => {
    for (const [form, written] of Object.entries(FORMS)) {
      for (const path of [['auth'], ['credentials', 'carrier']]) {
        const shown = shownIn(written, path);
        assert.doesNotMatch(shown.join(' '), /K3Y/, form);
        assert.equal(shown.filter((text) => text === '[redacted]').length, 1, form);
      }
    }
    assert.deepEqual(shownIn('per_tenant', ['auth']), ['per_tenant']);
  });

  it('is decided for every setting there is', () => {
    const names = valuesIn(authSchema.json());
    assert.ok(names.length > 0);
    assert.deepEqual([...new Set(names)].toSorted(), [...PLAIN_SETTINGS, ...SECRET_SETTINGS].toSorted());
    assert.ok([...PLAIN_SETTINGS].every((name) => !SECRET_SETTINGS.has(name)));
  });
});
