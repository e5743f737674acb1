import assert from 'node:assert/strict';
import { basename } from 'node:path';
import { test } from 'node:test';
import { explainRequest } from '../../../src/config/explain/explain-request.ts';
import { explainRoute, explanationText } from '../../../src/config/explain/explain-route.ts';
import { shownConfig } from '../../../src/config/explain/shown.ts';
import { soundConfig } from '../load/routes.ts';

const TEXT = `version: 1
defaults: { auth: key, timeout: 8s }
tenants:
  acme: { keys: acme-key-0123456789, credentials: { bank: { basic: { user: shown-user, password: hunter2 } } } }
upstreams: { orders: http://127.0.0.1:7001 }
integrations:
  carrier:
    url: https://api.carrier.example/v3
    auth: { oauth2: { token_url: "https://id.example/token", client_id: shown-id, client_secret: hunter2 } }
    pace: 10/s
    timeout: { try: 4s }
  plain: { url: "https://plain.example", auth: { bearer: hunter2 } }
  named: { url: "https://named.example", auth: { header: { name: x-shown, value: "hunter2 {x}" } } }
  asked: { url: "https://asked.example", auth: { query: { name: shown, value: hunter2 } } }
  signed: { url: "https://signed.example", auth: { hmac: { key_id: shown-key, secret: hunter2 } } }
  bank: { url: "https://bank.example/api", auth: per_tenant }
routes:
  quote: { match: POST /v1/quotes, to: carrier, request: { path: /rates, body: "{ 'a': b }" } }
  account: { match: "GET /v1/accounts/{id}", to: bank }
  stock: { match: GET /v1/stock, to: plain, request: { path: /stock, xml: <Get><Password>hunter2</Password><Shown>yes</Shown></Get> }, response: { xml: true } }
  both:
    match: GET /v1/both
    calls:
      order: { to: orders, path: "/orders/{id?}" }
      price: { to: carrier, path: /price, method: POST, body: "{ 'o': $order }" }
  rest: { match: GET /v1/rest, to: named }
  more: { match: GET /v1/more, to: asked }
  last: { match: GET /v1/last, to: signed }
`;

test('every value of a third party says where it comes from', async (t) => {
  const config = await soundConfig(t, TEXT);
  const explanation = explainRoute(config, config.routes.get('quote') ?? assert.fail());
  assert.deepEqual(explanation.to, ['carrier']);
  const [carrier, ...others] = explanation.called;
  assert.deepEqual([carrier?.kind, carrier?.name, others.length], ['integration', 'carrier', 0]);
  const of = (path: string) => {
    const found = carrier?.settings.find((value) => value.path === path) ?? assert.fail(path);
    return `${found.value} ${basename(found.from)}`;
  };
  assert.equal(of('url'), 'https://api.carrier.example/v3 routes.yaml:8:10');
  assert.equal(of('auth.oauth2.client_id'), 'shown-id routes.yaml:9:73');
  assert.equal(of('auth.oauth2.client_secret'), '[redacted] routes.yaml:9:98');
  assert.equal(of('pace.rate'), '10/s routes.yaml:10:11');
  assert.equal(of('pace.queue'), '100 default');
  assert.equal(of('timeout.try'), '4s routes.yaml:11:21');
  assert.equal(of('timeout.answer'), '8s routes.yaml:2:33');
  assert.match(explanationText(explanation), /^quote → carrier\n[\s\S]*^integration carrier\n/m);
});

test('a composition is explained by each of its calls, and by all that they lead to', async (t) => {
  const config = await soundConfig(t, TEXT);
  const { to, called } = explainRoute(config, config.routes.get('both') ?? assert.fail());
  assert.deepEqual(to, ['orders', 'carrier']);
  assert.deepEqual(
    called.map(({ kind, name }) => `${kind} ${name}`),
    ['call order', 'call price', 'upstream orders', 'integration carrier'],
  );
});

test('credentials are shown nowhere, however they were written; what is none of them is', async (t) => {
  const config = await soundConfig(t, TEXT);
  const explained = Array.from(config.routes.values(), (route) =>
    explainRoute(config, route, config.tenants.get('acme')),
  );
  const all = [JSON.stringify(explained), explained.map(explanationText).join(''), JSON.stringify(shownConfig(config))];
  for (const text of all) {
    assert.doesNotMatch(text, /hunter2/);
    for (const plain of ['shown-id', 'x-shown', 'shown-key', 'per_tenant']) assert.ok(text.includes(plain), plain);
  }
  assert.match(JSON.stringify(shownConfig(config)), /shown-user/);
  assert.match(explained.map(explanationText).join(''), /<Password>\[redacted\]<\/Password><Shown>yes/);
});

test('a request to a third party is told what would be called', async (t) => {
  const config = await soundConfig(t, TEXT);
  const outcome = (method: string, path: string) =>
    explainRequest(config, { method, host: '', path, query: '', header: () => undefined }, config.tenants.get('acme'))
      .outcome;
  const unless = ', unless a policy refuses it';
  assert.equal(outcome('POST', '/v1/quotes'), `calls carrier: POST https://api.carrier.example/v3/rates${unless}`);
  assert.equal(outcome('HEAD', '/v1/accounts/7'), `calls bank: GET https://bank.example/api/v1/accounts/7${unless}`);
  assert.equal(outcome('GET', '/v1/stock'), `calls plain: POST https://plain.example/stock${unless}`);
  assert.equal(
    outcome('GET', '/v1/both'),
    `calls orders: GET /orders/{id?}, carrier: POST https://api.carrier.example/v3/price${unless}`,
  );
});
