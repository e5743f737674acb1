import assert from 'node:assert/strict';
import { test } from 'node:test';
import { audited, told } from '../load/routes.ts';

test('a guarded route to a third party with nothing to spare has no warning', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s, retry: 1 }
tenants: { acme: { credentials: { bank: { bearer: "\${env:T}" } } } }
integrations:
  carrier: { url: "https://carrier.example", auth: { header: { name: x-key, value: "\${env:T}" } }, pace: 10/s }
  bank: { url: "https://bank.example", auth: per_tenant, addresses: 203.0.113.0/24 }
  near: { url: "http://127.0.0.1:7001", auth: { oauth2: { token_url: "http://localhost:7001/token", client_id: us, client_secret: "\${env:T}" } } }
routes:
  quote: { match: GET /a, to: carrier }
  account: { match: GET /b, to: bank }
  both: { match: GET /c, calls: { one: { to: near, path: /x }, two: { to: bank, path: /y } } }
`,
    {},
    { T: 'tok' },
  );
  assert.deepEqual(told(warnings), []);
});

test('integrations that nobody uses, and plain HTTP that leaves the machine, are told', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s, retry: 1 }
integrations:
  carrier:
    url: http://carrier.example
    auth:
      oauth2: { token_url: "http://id.example/token", client_id: us, client_secret: "\${env:T}" }
  spare: https://spare.example
routes: { a: { match: GET /a, to: carrier } }
`,
    {},
    { T: 'tok' },
  );
  assert.deepEqual(told(warnings), [
    '5:10 warning plain-http',
    '7:28 warning plain-http',
    '8:3 warning unused-integration',
  ]);
  assert.match(warnings[0]?.message ?? '', /credentials included/);
});

test('secrets of third parties in clear text are told, and what is none of them is not', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s, retry: 1 }
tenants:
  acme: { credentials: { b: { basic: { user: us, password: hunter2 } } } }
integrations:
  b: { url: "https://b.example", auth: per_tenant }
  c: { url: "https://c.example", auth: { header: { name: x-key, value: "hunter2{x}" } } }
  d: { url: "https://d.example", auth: { hmac: { key_id: us, secret: hunter2 } } }
routes:
  b: { match: GET /b, to: b }
  c: { match: GET /c, to: c }
  d: { match: GET /d, to: d, request: { headers: { authorization: Basic hunter2, x-token: "{query.t}" } } }
`,
  );
  assert.deepEqual(told(warnings), [
    '4:60 warning secret-in-clear',
    '7:72 warning secret-in-clear',
    '8:70 warning secret-in-clear',
    '12:67 warning secret-in-clear',
  ]);
  assert.doesNotMatch(JSON.stringify(warnings), /hunter2/);
});

test('secrets that are written into a mapping or an XML template are told, placeholders are not', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s, retry: 1 }
integrations: { erp: "https://erp.example" }
routes:
  a: { match: GET /a, to: erp, request: { xml: "<a><u:Password Type='x'>hunter2</u:Password><b>{query.b}</b></a>" } }
  b: { match: GET /b, to: erp, request: { xml: "<a token='hunter2'/>" } }
  c: { match: GET /c, to: erp, request: { body: "{ 'apiKey': 'hunter2', 'b': c }" } }
  d: { match: GET /d, to: erp, request: { xml: "<a><Password>{query.p}</Password></a>" } }
  e: { match: GET /e, to: erp, request: { body: "{ 'password': $query.p }" } }
`,
  );
  assert.deepEqual(told(warnings), [
    '5:48 warning secret-in-clear',
    '6:48 warning secret-in-clear',
    '7:49 warning secret-in-clear',
  ]);
});

test('an open route to a third party without a limit is told, also as one of several calls', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: none, retry: 1 }
upstreams: { orders: http://127.0.0.1:7001 }
integrations: { carrier: "https://carrier.example" }
routes:
  quote: { match: GET /a, to: carrier }
  both: { match: GET /b, calls: { one: { to: orders, path: /x }, two: { to: carrier, path: /y } } }
  held: { match: GET /c, to: carrier, limit: 1/s }
  own: { match: GET /d, to: orders }
`,
  );
  assert.deepEqual(told(warnings.filter(({ code }) => code !== 'open-route')), [
    '6:3 warning open-integration',
    '7:3 warning open-integration',
    '9:3 warning no-limit',
  ]);
  assert.match(warnings.find(({ at }) => at.line === 6)?.message ?? '', /"quote": .* "carrier"/);
});

test('addresses that reach where a cloud gives its credentials away are told', async (t) => {
  const file = (addresses: string) => `version: 1
defaults: { auth: key, limit: 1/s, retry: 1 }
integrations:
  a:
    url: https://a.example
    addresses: ${addresses}
routes: { a: { match: GET /a, to: a } }
`;
  for (const addresses of ['0.0.0.0/0', '[10.0.0.0/8, 169.254.169.254]', '"fd00::/8"']) {
    assert.deepEqual(told(await audited(t, file(addresses))), ['6:16 warning metadata-address'], addresses);
  }
  assert.deepEqual(told(await audited(t, file('[10.0.0.0/8, 203.0.113.7]'))), []);
});

test('retries and waits that outlive the timeout are told, for each of several calls', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s, retry: 1 }
integrations:
  slow: { url: "https://slow.example", timeout: { try: 10s } }
  paced: { url: "https://paced.example", pace: { rate: 1/s, wait: 5s } }
routes:
  a: { match: GET /a, to: slow, timeout: 15s }
  b: { match: GET /b, to: paced, timeout: 4s }
  c: { match: GET /c, to: paced, timeout: 6s }
  d: { match: GET /d, timeout: 15s, calls: { one: { to: paced, path: /a }, two: { to: slow, path: /a } } }
`,
  );
  assert.deepEqual(
    warnings.map(({ at, code }) => `${at.line} ${code}`),
    ['2 retry-outlives-timeout', '8 wait-outlives-timeout'],
  );
});

test('retries written for a POST to the third party are told, whatever the client sends', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
integrations: { erp: "https://erp.example" }
routes:
  stock: { match: GET /a, to: erp, retry: 1, request: { method: POST } }
  rates: { match: POST /b, to: erp, retry: 1, request: { method: GET } }
`,
  );
  assert.deepEqual(told(warnings), ['5:43 warning post-retry']);
});

test('an integration with an account for each tenant, of which none has one, is told', async (t) => {
  const warnings = await audited(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s, retry: 1 }
tenants: { acme: {} }
integrations:
  bank: { url: "https://bank.example", auth: per_tenant }
routes: { a: { match: GET /a, to: bank } }
`,
  );
  assert.deepEqual(told(warnings), ['5:3 warning no-account']);
});
