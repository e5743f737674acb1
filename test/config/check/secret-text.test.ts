import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Finding } from '../../../src/config/check/finding.ts';
import { findingsText } from '../../../src/config/check/finding-text.ts';
import { withoutSecrets } from '../../../src/config/check/secret-text.ts';
import { loadGateway } from '../../../src/config/load/load-gateway.ts';
import { temporaryDirectory } from '../../support/files.ts';
import { load, rehearsed } from '../load/routes.ts';

const finding = (line: number, message = 'no', hint?: string): Finding => ({
  at: { file: 'routes.yaml', line, column: 1, length: 1 },
  code: 'bad',
  severity: 'error',
  message,
  ...(hint !== undefined && { hint }),
});

/** Every line of a file as findings about it show them. */
function shownLines(text: string): string {
  const findings = text.split('\n').map((_, index) => finding(index + 1));
  return findingsText(findings, { textOf: () => text, colour: false });
}

describe('lines with a secret', () => {
  const spellings: Readonly<Record<string, string>> = {
    'a key in a flow map': 'tenants:\n  bob: { keys: K3Y, plan: pro }',
    'a key with spaces, in a flow map': 'tenants:\n  bob: { keys: a K3Y b, plan: pro }',
    'a quoted key in a flow map': 'tenants:\n  bob: { "keys": "a, K3Y", plan: pro }',
    'a quoted key without a space': 'tenants:\n  bob: {"keys":"K3Y",plan: pro}',
    'several keys': 'tenants:\n  bob: { plan: pro, keys: [\'x\', "y]", K3Y] }',
    'keys whose comma was not meant': 'tenants:\n  bob: { keys: x, K3Y, plan: pro }',
    'list items': 'tenants:\n  erin:\n    keys:\n      - x\n\n      - K3Y\n    plan: pro',
    'list items that are not indented': 'tenants:\n  erin:\n    keys:\n    - K3Y\n    plan: pro',
    'a list over several lines': 'tenants:\n  erin:\n    keys: [x,\nK3Y\n    ]\n    plan: pro',
    'a misspelt name': 'tenants:\n  bob: { kesy: [K3Y], plan: pro }',
    'keys without a tenant': 'tenants:\n  keys:\n    - K3Y\nplans: { plan: pro }',
    'a second colon on the line': 'tenants:\n  bob:\n    keys: K3Y, plna: x\n    plan: pro',
    'an explicit key': 'tenants:\n  bob:\n    ? keys\n    : - K3Y\n    plan: pro',
    'a bracket that is not closed': 'tenants:\n  ann: { plan: pro }\n  bob: { keys: [K3Y, plna: K3Y }',
    'a quote that is not closed': 'tenants:\n  ann: { plan: pro }\n  bob: { keys: "x, plna: K3Y }',
    'a header': 'routes:\n  a: { plan: pro, headers: { request: { set: { authorization: "Basic K3Y" } } } }',
    'a header over two lines': 'plan: pro\nset:\n  Authorization:\n    Basic\n    K3Y\nx: 1',
    'a password': 'plan: pro\nadmin:\n  password: a"K3Y\n',
    'a comment': 'plan: pro\n# keys: K3Y\n',
    'a private key':
      'tls:\n  key: |\n    -----BEGIN PRIVATE KEY-----\n    K3Y\n    -----END PRIVATE KEY-----\nplan: pro',
    'a private key in quotes':
      'tls: { key: "-----BEGIN EC PRIVATE KEY-----\n  K3Y\n  -----END EC PRIVATE KEY-----" }\nplan: pro',
    'a key behind an alias': 'tenants:\n  ann: { roles: &k [K3Y], plan: pro }\n  bob: { keys: *k }',
    'keys behind an alias, in a block':
      'tenants:\n  ann:\n    roles: &k\n      - K3Y\n    plan: pro\n  bob: { keys: [x, *k] }',
    'keys behind an alias of an alias': 'tenants:\n  ann: { plan: pro, roles: &a [&b K3Y] }\n  bob:\n    keys: *a\n',
    'a bearer token': 'integrations:\n  a: { auth: { bearer: K3Y }, plan: pro }',
    'a bearer token outside of an account': '{ integrations: { a: { auth: { bearer: K3Y }, plan: pro } } }',
    'a misspelt setting of an account': 'integrations:\n  a:\n    auth: { beerer: K3Y }\n    plan: pro',
    'the header of an account':
      'integrations:\n  a:\n    auth:\n      header:\n        name: x\n        vlaue: K3Y\n    plan: pro',
    'the value of a header, outside of an account': 'header: { name: x, value: K3Y }\nplan: pro',
    'an account in one word': 'integrations:\n  a:\n    auth: K3Y\n    plan: pro',
    'an account in two words': 'integrations:\n  a: { auth: { basic: "me:K3Y" }, plan: pro }',
    'an account of a tenant':
      'tenants:\n  bob:\n    credentials:\n      a: { hmac: { secret: K3Y } }\n      b: K3Y\n    plan: pro',
    'an account behind an alias': 'x: &a\n  user: K3Y\nintegrations:\n  a: { auth: *a, plan: pro }',
    'a password in XML': 'soap: { body: "<a><Password>K3Y</Password></a>" } # plan: pro',
    'a token in an attribute of XML': "<plan> <is token='K3Y'/> pro",
    'a secret in a mapping': "body: \"{ 'plan': pro, 'apiKey': 'K3Y' }\"",
    'a private key without its beginning': 'tls:\n  key: |\n    K3Y\nplan: pro',
  };
  for (const [what, text] of Object.entries(spellings)) {
    it(`do not show ${what}`, () => {
      const shown = shownLines(text.replaceAll('K3Y', 'bob-key'));
      assert.doesNotMatch(shown, /bob-key/);
      assert.match(shown, /plan/);
      assert.match(shown, /pro/);
    });
  }

  it('keep the lines around them readable, and references', () => {
    const text =
      'tenants:\n  bob: { keys: "${env:BOB}", plan: pro }\nroutes:\n  sessions:\n    match: GET /a\n    auth: { key: { roles: [r] } }';
    assert.match(shownLines(text), /bob: \{ keys: "\$\{env:BOB\}", plan: pro \}/);
    assert.match(shownLines(text), /match: GET \/a/);
    assert.match(shownLines(text), /roles: \[r\]/);
  });
});

describe('lines without a secret', () => {
  it('show what of an account is none, and what a schema calls a value', () => {
    const text =
      'integrations:\n  carrier:\n    auth:\n      oauth2: { token_url: https://id, client_id: us, clent_auth: x, scope: rates }\n' +
      'tenants:\n  bob: { credentials: { carrier: { header: { name: x-api-key } } } }\n' +
      'routes:\n  session: { body: { properties: { value: { type: number } } } }';
    const shown = shownLines(text);
    for (const plain of ['https://id', 'us', 'rates', 'x-api-key', 'number']) assert.ok(shown.includes(plain), plain);
  });
});

describe('lines about accounts', () => {
  it('show the words that stand for none of our own', () => {
    for (const auth of ['per_tenant', '"per_tenant"', 'none', 'per_tenant # each its own']) {
      const text = `integrations:\n  carrier:\n    auth: ${auth}\n    pace: 1/s`;
      assert.ok(shownLines(text).includes(`auth: ${auth}`), auth);
      const [told] = withoutSecrets([finding(3, 'say per_tenant')], { file: 'routes.yaml', text, secrets: new Set() });
      assert.equal(told?.message, 'say per_tenant');
    }
  });
});

describe('messages', () => {
  it('do not quote a secret of the line they are about, nor a long one from elsewhere', () => {
    const text = 'a:\n  keys: pw1, plna: x\n  b: { token: a-long-password }';
    const [own, other] = withoutSecrets(
      [finding(2, 'a second ": "', 'quote it: "pw1, plna: x"'), finding(1, 'not "a-long-password", pw1')],
      { file: 'routes.yaml', text, secrets: new Set() },
    );
    assert.equal(own?.hint, 'quote it: "•••, •••: •••"');
    assert.equal(other?.message, 'not "•••", pw1');
  });

  it('keep their own words, whatever comments and lists stand beside a secret', () => {
    const text =
      'a:\n  keys:   # the environment holds one\n    - "${env:KEY}" # not the other\n    - pw1\n  b: { token: "x # pw2 a-long-password" }';
    const told = (line: number, message: string): string | undefined =>
      withoutSecrets([finding(line, message)], { file: 'routes.yaml', text, secrets: new Set() })[0]?.message;
    const own = 'the environment variable is not set: ${env:KEY:-…}';
    assert.equal(told(2, own), own);
    assert.equal(told(3, own), own);
    assert.equal(told(4, 'the pw1'), 'the •••');
    assert.equal(told(5, 'the "x # pw2", a-long-password'), 'the "••• ••• •••", •••');
    assert.match(shownLines(text), /keys: {3}[• ]+\n/);
  });

  it('quote no comment', async (t) => {
    const { findings } = await load(t, 'version: 1\ntenants:\n  bob: { keys: [a{b # not slc-secret-1\n] }\n');
    assert.match(JSON.stringify(findings), /quote it/);
    assert.doesNotMatch(JSON.stringify(findings), /slc-secret|not /);
  });

  it('of a load are without them, whatever is wrong with the file', async (t) => {
    for (const tenant of [
      '{ keys: slc-secret-1, slc-secret-2, plan: pro }',
      '{ keys: { slc-secret-1: 2 } }',
      '{ keys: [*slc-secret-1] }',
      '{ keys: @slc-secret-1 }',
      '{ keys: [{slc-secret-1}] }',
      '{ keys: [sha256: slc-secret-1] }',
      '{ headers: { authorization: "slc-secret-1\\n" } }',
      '\n    keys: slc-secret-1, plna: x',
      '\n    keys: "slc-secret-1" x',
      '\n    keys: slc-secret-1\n    - x',
    ]) {
      const { findings, config } = await load(t, `version: 1\ntenants:\n  bob: ${tenant}\n`);
      assert.equal(config, undefined);
      assert.notEqual(findings.length, 0);
      assert.doesNotMatch(JSON.stringify(findings), /slc-secret/, tenant);
    }
  });

  it('of building what was loaded are without them, those behind references included', async (t) => {
    const findings = await rehearsed(
      t,
      `version: 1
upstreams: { u: http://127.0.0.1:7001 }
routes:
  a: { match: GET /a, to: u, auth: none, use: { module: ./own.ts, with: { password: hunter2-in-the-file } } }
  b: { match: GET /b, to: u, auth: none, use: { module: ./own.ts, with: { password: "\${env:PASSWORD}" } } }
  c: { match: GET /c, to: u, auth: none, headers: { request: { set: { x-a: "Basic \${env:PASSWORD}{" } } } }
`,
      { 'own.ts': 'export default ({ password }) => { throw new Error(`cannot log in with "${password}"`); };' },
      { PASSWORD: 'hunter2-in-the-environment' },
    );
    assert.deepEqual(
      findings.map(({ at }) => at.line),
      [4, 5, 6],
    );
    assert.match(findings[0]?.message ?? '', /cannot log in/);
    assert.doesNotMatch(JSON.stringify(findings), /hunter2/);
  });

  it('of the process settings are without them, too', async (t) => {
    for (const token of ['hunter2, x: 1', '@hunter2', '{ hunter2: 1 }', '"hunter2 x"', '[hunter2]']) {
      const folder = await temporaryDirectory(t, { 'gateway.yaml': `admin:\n  token: ${token}\n` });
      const { findings, config } = await loadGateway(join(folder, 'gateway.yaml'), {});
      assert.equal(config, undefined, token);
      assert.doesNotMatch(JSON.stringify(findings), /hunter2/, token);
    }
  });
});
