// Integrations, and the routes that lead to one: what they may say, what of it holds, and what is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { destinationsOf } from '../../../src/config/format/routes-config.ts';
import { load, soundConfig, told } from './routes.ts';

const EVERYTHING = `version: 1
defaults: { auth: key, timeout: 8s, retry: 1 }
plans: { pro: { limit: 50/s, priority: 9 } }
tenants:
  acme: { plan: pro, credentials: { bank: { bearer: "\${env:BANK}" } } }
upstreams: { orders: http://127.0.0.1:7001 }
integrations:
  carrier:
    url: https://api.carrier.example/v3/
    auth:
      oauth2: { token_url: "https://id.carrier.example/token", client_id: us, client_secret: "\${env:CARRIER}", scope: rates }
    pace: { rate: 10/s, concurrency: 4, queue: 200, wait: 5s, share: fair }
    retry: { max: 3, backoff: 200ms..5s }
    breaker: { failures: 50%, min: 10, window: 30s, open: 60s }
    timeout: { connect: 2s, try: 10s, idle: 9s }
    response_max: 5MiB
    errors: { 404: { status: 404, title: Shipment not found }, 4xx: 502 }
    addresses: [203.0.113.0/24]
    expose: true
  bank: { url: "https://bank.example", auth: per_tenant, pace: 5/s }
  erp: "https://erp.internal/ws"
routes:
  quote:
    match: POST /v1/shipping/quotes
    to: carrier
    timeout: { total: 20s }
    request: { method: POST, path: /rates, query: { units: metric }, headers: { x-id: "{tenant}" }, body: quote.jsonata }
    response: { body: "rates.{ 'price': amount }", schema: { type: object }, on_fail: reject }
  account: { match: GET /v1/account, to: bank }
  stock:
    match: GET /v1/stock/{sku}
    to: erp
    request: { path: /StockService, soap: { action: GetStock, body: stock.xml } }
    response: { xml: { arrays: [Item] }, body: Stock }
  order-360:
    match: GET /v1/orders/{id}/360
    retry: { backoff: 10ms..20ms }
    calls:
      order: { to: orders, path: "/orders/{id}" }
      shipment: { to: carrier, path: "/shipments/{order.shipment_id}", optional: true, default: { state: unknown } }
    response: { body: "{ 'order': order, 'shipment': shipment }" }
`;
const FILES = {
  'quote.jsonata': '{ "weight": parcel.grams / 1000 }',
  'stock.xml': '<GetStock><sku>{sku}</sku></GetStock>',
};
const ENV = { BANK: 'tok', CARRIER: 'hush' };

test('everything that can be said of third parties loads', async (t) => {
  const { findings, config } = await load(t, EVERYTHING, FILES, ENV);
  assert.deepEqual(told(findings), []);
  const { settings } = config?.integrations.get('carrier') ?? assert.fail();
  assert.equal(settings.url.href, 'https://api.carrier.example/v3');
  assert.deepEqual(settings.errors.get('4xx'), { status: 502, title: undefined });
  assert.deepEqual(
    { ...settings.pace },
    { rate: { limit: 10, windowMs: 1000, text: '10/s' }, concurrency: 4, queue: 200, wait: 5000, share: 'fair' },
  );
  assert.equal(config?.integrations.get('bank')?.settings.auth, 'per_tenant');
  assert.equal(config?.tenants.get('acme')?.settings.credentials?.get('bank')?.bearer, 'tok');
  assert.equal(config?.tenantTable.get('acme')?.plan?.priority, 9);
});

test('a route to an integration has its layers: built-in, defaults, the integration, itself', async (t) => {
  const { config } = await load(t, EVERYTHING, FILES, ENV);
  const { core, response } = config?.routes.get('quote') ?? assert.fail();
  assert.deepEqual({ ...core.timeout }, { answer: 8000, idle: 9000, total: 20_000 });
  assert.deepEqual([core.retry.max, core.retry.backoff], [3, { baseMs: 200, capMs: 5000 }]);
  assert.equal(core.breaker?.open, 60_000);
  assert.deepEqual([core.request?.method, core.request?.path], ['POST', '/rates']);
  assert.equal(response?.on_fail, 'reject');
  const integration = config?.integrations.get('carrier')?.settings ?? assert.fail();
  assert.deepEqual({ ...integration.timeout }, { connect: 2000, try: 10_000, answer: 8000, idle: 9000, total: null });
});

test('each of several calls has the layers of what it calls', async (t) => {
  const { config } = await load(t, EVERYTHING, FILES, ENV);
  const route = config?.routes.get('order-360') ?? assert.fail();
  assert.equal(route.core.to, undefined);
  assert.deepEqual(
    destinationsOf(route).map(({ to }) => to),
    ['orders', 'carrier'],
  );
  const { order, shipment } = Object.fromEntries(route.parts);
  assert.deepEqual([order?.retry.max, shipment?.retry.max], [1, 3]);
  assert.deepEqual([order?.timeout?.idle, shipment?.timeout?.idle], [30_000, 9000]);
  assert.deepEqual(shipment?.retry.backoff, { baseMs: 10, capMs: 20 });
  assert.deepEqual(shipment?.settings.default, { state: 'unknown' });
  assert.equal(route.ownBreaker, false);
});

test('an integration is built in with all but its URL, which may stand alone', async (t) => {
  const config = await soundConfig(
    t,
    'version: 1\nintegrations: { erp: "https://erp.internal" }\nroutes: { a: { match: GET /a, to: erp, auth: none } }\n',
  );
  const {
    url: _url,
    breaker: _breaker,
    retry: _retry,
    retry_budget: _budget,
    ...rest
  } = config.integrations.get('erp')?.settings ?? assert.fail();
  assert.deepEqual(rest, {
    auth: null,
    pace: undefined,
    timeout: { connect: 2000, try: 15_000, answer: 30_000, idle: 30_000, total: null },
    response_max: 5_242_880,
    errors: new Map(),
    expose: false,
    tls: undefined,
    addresses: undefined,
  });
});

/** The findings about a file with these parts, as `code hint`. */
async function refusals(
  t: Parameters<typeof load>[0],
  { integrations = '', tenants = '', routes = '' }: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const { findings, config } = await load(
    t,
    `version: 1
defaults: { auth: key, limit: 1/s }
tenants: { acme: {}, ${tenants} }
upstreams: { orders: http://127.0.0.1:7001 }
integrations: { carrier: { url: "https://carrier.example" }, bank: { url: "https://bank.example", auth: per_tenant }, ${integrations} }
routes: { plain: { match: GET /plain, to: orders }, ${routes} }
`,
  );
  assert.equal(config, undefined);
  return findings.map(({ code, hint = '' }) => `${code}: ${hint}`);
}

test('one name for an upstream and an integration is refused, with both places', async (t) => {
  const { findings } = await load(
    t,
    `version: 1
upstreams: { orders: http://127.0.0.1:7001 }
integrations: { orders: "https://orders.example" }
routes: { a: { match: GET /a, to: orders, auth: key } }
`,
  );
  assert.deepEqual(told(findings), ['3:17 error same-name']);
  assert.match(findings[0]?.message ?? '', /"orders" is an upstream already \(.*routes\.yaml:2\)/);
});

test('a name that leads nowhere is looked for among upstreams and integrations', async (t) => {
  assert.deepEqual(await refusals(t, { routes: 'a: { match: GET /a, to: carier }' }), [
    'unknown-upstream: did you mean "carrier"?',
  ]);
  const calls = 'calls: { one: { to: order, path: /a }, two: { to: carrier, path: /b } }';
  assert.deepEqual(await refusals(t, { routes: `a: { match: GET /a, ${calls} }` }), [
    'unknown-upstream: did you mean "orders"?',
  ]);
  assert.deepEqual(await refusals(t, { routes: 'a: { match: GET /a, to: nowhere }' }), [
    'unknown-upstream: name it under `upstreams` or `integrations`',
  ]);
});

test('what a name that leads nowhere stands for is not guessed at', async (t) => {
  const route = 'a: { match: GET /a, to: carier, request: { path: /b }, response: { body: a, xml: true } }';
  assert.deepEqual(await refusals(t, { routes: route }), ['unknown-upstream: did you mean "carrier"?']);
});

test('a route calls one thing, or several', async (t) => {
  assert.deepEqual(await refusals(t, { routes: 'a: { match: GET /a }' }), [
    'missing-key: to: the name of an upstream or integration, or calls: several of them',
  ]);
  const both = 'a: { match: GET /a, to: orders, calls: { one: { to: carrier, path: /a } } }';
  assert.deepEqual(await refusals(t, { routes: both }), ['two-answers: keep one']);
  assert.deepEqual(await refusals(t, { routes: 'a: { match: GET /a, calls: {} }' }), [
    'no-calls: name one, or use `to`',
  ]);
});

test('what makes no sense where a third party or several calls answer is refused', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    'to: carrier, websocket: true': 'websocket-facade: websocket: false, or another route',
    'to: carrier, rewrite: /b': 'rewrite-facade: say it in request: { path: … }',
    'to: carrier, strip_prefix: /a': 'rewrite-facade: say it in request: { path: … }',
    'to: carrier, request: { body: a, xml: <a/> }': 'two-bodies: keep one of them',
    'to: carrier, request: { method: GET, body: a }': 'body-of-get: method: POST',
    'to: carrier, response: {}': 'response-empty: give it a schema, or of a third party a body or xml',
    'to: carrier, response: { xml: false }': 'response-empty: give it a schema, or of a third party a body or xml',
    'to: carrier, response: { body: a, on_fail: report }': 'check-without-schema: ',
    'to: carrier, response: { body: a, sample: 10% }': 'check-without-schema: ',
    'to: carrier, request: { body: "" }': 'empty-text: ',
    'to: carrier, request: { path: rates }': 'bad-value: ',
    'to: carrier, request: { path: /a/../b }': 'bad-value: write where it leads',
    'to: carrier, request: { path: "/a#b" }': 'bad-value: ',
    'to: carrier, request: { headers: { Content-Length: 3 } }': 'framing-header: remove it',
    'to: carrier, request: { headers: { x-a: "b\\nc" } }': 'bad-value: ',
    'calls: { one: { to: orders, path: /a, headers: { host: b } } }': 'framing-header: remove it',
    'to: orders, request: { path: /b }': 'request-of-upstream: use rewrite and headers for an upstream',
    'to: orders, response: { body: a }': 'mapping-of-upstream: only those of an integration or of calls are mapped',
    'to: orders, response: { xml: true }': 'xml-of-upstream: remove it',
    'calls: { one: { to: orders, path: /a } }, request: { path: /b }':
      'request-of-upstream: say it in each of the calls',
    'calls: { one: { to: orders, path: /a } }, rewrite: /b': 'rewrite-facade: say it in the path of each call',
    'calls: { one: { to: orders, path: /a } }, breaker: { open: 1s }': 'breaker-of-calls: set it there',
    'calls: { one: { to: orders, path: /a } }, response: { xml: true, body: a }': 'xml-of-upstream: remove it',
    'calls: { body: { to: orders, path: /a } }': 'reserved-name: ',
    'calls: { one: { to: orders, path: /a, default: 1 } }': 'default-of-required: optional: true',
    'calls: { one: { to: orders } }':
      'missing-key: path: a path such as /rates/{id}, percent-encoded where it needs to be',
  };
  for (const [settings, refusal] of Object.entries(cases)) {
    const found = await refusals(t, { routes: `a: { match: GET /a, ${settings} }` });
    assert.deepEqual(found, [refusal], settings);
  }
});

test('what of defaults makes no sense for a route to a third party can be switched off there', async (t) => {
  const text = (route: string) => `version: 1
defaults: { auth: key, websocket: true }
integrations: { carrier: "https://carrier.example" }
routes: { a: { match: GET /a, to: carrier${route} } }
`;
  assert.deepEqual(told((await load(t, text(''))).findings), ['2:35 error websocket-facade']);
  await soundConfig(t, text(', websocket: false'));
});

test('what cannot work for any call to an integration is refused', async (t) => {
  const cases: Readonly<Record<string, string>> = {
    '{ url: "https://a.example", pace: {} }': 'pace-unbounded: give it a rate or a concurrency',
    '{ url: "http://a.example", tls: { ca: a.pem } }': 'tls-unused: write https://',
    '{ url: "https://a.example", tls: { cert: a.pem } }': 'tls-pair: ',
    '{ url: "http://169.254.169.254/latest" }': 'egress: name it in `addresses` if it should be',
    '{ url: "https://[fe80::1]" }': 'egress: name it in `addresses` if it should be',
    '{ url: "https://10.0.0.1", addresses: 10.1.0.0/16 }': 'egress: `addresses` does not name it',
    '{ url: "https://a.example", errors: { 302: 502 } }': 'bad-key: ',
    '{ auth: none }': 'missing-key: url: an http or https URL such as http://127.0.0.1:7001',
  };
  for (const [settings, refusal] of Object.entries(cases)) {
    assert.deepEqual(await refusals(t, { integrations: `it: ${settings}` }), [refusal], settings);
  }
});

test('accounts of tenants belong to integrations that ask for them', async (t) => {
  const account = (name: string) => `bolt: { credentials: { ${name}: { bearer: "tok" } } }`;
  assert.deepEqual(await refusals(t, { tenants: account('bnak') }), ['unknown-integration: did you mean "bank"?']);
  assert.deepEqual(await refusals(t, { tenants: account('carrier') }), [
    'unused-account: remove this, or give "carrier" auth: per_tenant',
  ]);
  assert.deepEqual(await refusals(t, { routes: 'a: { match: GET /a, to: bank, auth: none }' }), [
    'account-of-nobody: give the route `auth: key`',
  ]);
});
