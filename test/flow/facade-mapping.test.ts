// What mappings make of requests and of a third party's answers: what they see, what stays exact, and answers of any shape.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import type { Answer } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { answerJson, answerText, startVendor, type Vendor } from '../support/vendor.ts';
import {
  type Ask,
  assertRefused,
  CANARY,
  type Called,
  type FacadeGateway,
  startFacades,
  VENDOR_AUTH,
} from './facades.ts';

const BIG = '12345678901234567890';
const FINE = '0.12345678901234567890';

const ROUTES = {
  plain: { match: '/plain/**', to: 'shop' },
  needs: { match: 'POST /needs', to: 'shop', request: { path: '/things/{body.order.id}', query: { v: '{query.v}' } } },
  xml: { match: 'POST /xml', to: 'shop', request: { xml: '<a/>' }, response: { xml: { arrays: ['Item'] } } },
  mapped: {
    match: 'POST /mapped/{id}',
    to: 'shop',
    request: {
      path: '/mapped',
      body: `{
        'all': $, 'id': $params.id, 'q': $query.q, 'h': $headers.\`x-custom\`, 'tenant': $tenant,
        'key': $headers.\`x-api-key\`, 'cookie': $headers.cookie, 'auth': $headers.authorization
      }`,
    },
    response: { body: `{ 'status': $status, 'sent': $request, 'got': $ }` },
  },
  whole: { match: 'POST /whole', to: 'shop', request: { body: '$' }, response: { body: '$' } },
  picks: { match: 'POST /picks', to: 'shop', request: { body: "{ 'id': order.id }" }, response: { body: 'items.id' } },
  shape: { match: 'GET /shape', to: 'shop', response: { body: "{ 'type': $type($), 'n': $count($) }" } },
  edited: {
    match: 'GET /edited',
    to: 'shop',
    request: { headers: { 'x-both': 'request', accept: 'text/csv' } },
    headers: {
      request: { set: { 'x-set': '{tenant}', 'x-both': 'policy' }, remove: ['accept'] },
      response: { set: { 'x-ours': 'yes' }, remove: ['cache-control'] },
    },
    response: { body: '$' },
  },
  open: { match: 'POST /open', to: 'shop', auth: 'none', request: { body: "{ 'tenant': $tenant }" } },
};

suite('mappings', () => {
  let facades: FacadeGateway;
  let vendor: Vendor;
  const t = suiteCleanUp(after);

  before(async () => {
    vendor = await startVendor(t);
    facades = await startFacades(t, {
      defaults: { auth: 'key', retry: 0, breaker: 'none' },
      integrations: { shop: { url: `${vendor.url}/api/v3`, auth: VENDOR_AUTH } },
      routes: ROUTES,
    });
  });

  const ask = (path: string, asked: Ask = {}, answer: Answer = answerJson({ n: 1 })): Promise<Called> =>
    facades.call(vendor, answer, path, asked);
  const post = (path: string, body: unknown, answer?: Answer): Promise<Called> =>
    ask(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) }, answer);

  test('an answer in XML is JSON here', async () => {
    const xml = `<?xml version="1.0" encoding="ISO-8859-1"?><m:R xmlns:m="urn:m"><m:Item n="1">007</m:Item><m:Name>J\xfcrgen &amp; &#169;</m:Name><m:None/></m:R>`;
    const { response, text } = await post(
      '/xml',
      { sku: '1', text: 'x' },
      answerText('text/xml', Buffer.from(xml, 'latin1')),
    );
    assert.equal(response.header('content-type'), 'application/json');
    const { R } = JSON.parse(text);
    assert.deepEqual([R.Item, R.Name, R.None], [[{ '@n': '1', '#text': '007' }], 'Jürgen & ©', '']);
  });

  test('mappings see parameters, query, headers, tenant, status and request', async () => {
    const sent = { order: { lines: [1, 2] } };
    const { call, response, text } = await ask(
      '/mapped/a%20b?q=x%26y&q=second',
      {
        method: 'POST',
        body: JSON.stringify(sent),
        headers: { 'X-Custom': 'c', cookie: `s=${CANARY}`, Authorization: 'Basic of-its-own' },
      },
      answerJson({ total: 3 }, 202),
    );
    assert.deepEqual(JSON.parse(call.body.toString()), {
      all: sent,
      id: 'a b',
      q: 'x&y',
      h: 'c',
      tenant: { id: 'acme', plan: null, roles: ['orders.write'] },
      cookie: `s=${CANARY}`,
      auth: 'Basic of-its-own',
    });
    assert.deepEqual([call.method, call.header('content-type')], ['POST', 'application/json']);
    assert.equal(response.status, 202);
    assert.deepEqual(JSON.parse(text), { status: 202, sent, got: { total: 3 } });
  });

  test('an open route has no tenant', async () => {
    assert.equal((await post('/open', {})).call.body.toString(), '{"tenant":null}');
  });

  test('numbers that a double does not hold stay what they are, both ways', async () => {
    const json = `{"id":${BIG},"fine":${FINE},"far":1e400,"plain":1.50,"in":[{"id":${BIG}}]}`;
    const { call, text } = await post('/whole', json, answerText('application/json', json));
    for (const said of [call.body.toString(), text]) {
      assert.ok(said.includes(`"id":${BIG},"fine":${FINE},"far":1e400,`) && said.includes(`[{"id":${BIG}}]`), said);
    }
    const picked = await post(
      '/picks',
      `{"order":{"id":${BIG}}}`,
      answerText('application/json', `{"items":[{"id":${BIG}},{"id":1}]}`),
    );
    assert.deepEqual([picked.call.body.toString(), picked.text], [`{"id":${BIG}}`, `[${BIG},1]`]);
    assert.equal((await post('/needs?v=1', `{"order":{"id":${BIG}}}`)).call.url, `/api/v3/things/${BIG}?v=1`);
  });

  test('large bodies are mapped as small ones are', async () => {
    const json = `{"id":${BIG},"__proto__":{"polluted":1},"text":"${'x'.repeat(200_000)}"}`;
    const whole = await post('/whole', json, answerText('application/json', json));
    assert.ok(whole.call.body.toString() === json && whole.text === json);
    const { call, text } = await post('/mapped/7?q=%22', json, answerText('application/json', json));
    const all = `{"all":${json},"id":"7","q":"\\"","tenant":{"id":"acme","plan":null,"roles":["orders.write"]}}`;
    assert.ok(call.body.toString() === all, call.body.toString().replaceAll(/x{9,}/g, '…'));
    assert.ok(text === `{"status":200,"sent":${json},"got":${json}}`, text.replaceAll(/x{9,}/g, '…'));
  });

  test('prototype keys are keys as others are', async () => {
    const json = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":2}},"toString":3}';
    const { call, text } = await post('/whole', json, answerText('application/json', json));
    assert.deepEqual([call.body.toString(), text], [json, json]);
    assertRefused(await post('/needs?v=1', '{"__proto__":{"order":{"id":1}}}'), 'integration.missing_value');
    assertRefused(await post('/needs?v=1', '{"order":{"__proto__":{"id":1}}}'), 'integration.missing_value');
    assert.equal(
      (await ask('/mapped/1?__proto__=1&constructor=2', { method: 'POST', body: '{}', headers: { __proto__x: '1' } }))
        .response.status,
      200,
    );
    const { text: clean } = await post('/whole', '{}', answerJson({}));
    assert.equal(clean, '{}');
  });

  test('a mapping that cannot be made of a request is the client’s fault, of an answer the vendor’s', async () => {
    const nothing = await post('/picks', { order: {} }, answerJson({ items: [] }));
    assertProblem(nothing.response, 502, 'integration.mapping');
    assert.equal(nothing.call.body.toString(), '{}');
    assertRefused(
      await ask('/whole', { method: 'POST', body: '{', type: 'application/json' }),
      'integration.body_not_json',
    );
  });

  for (const [name, body, shape] of [
    ['an array', '[1,2,3]', { type: 'array', n: 3 }],
    ['an empty array', '[]', { type: 'array', n: 0 }],
    ['a text', '"x"', { type: 'string', n: 1 }],
    ['a number', '7', { type: 'number', n: 1 }],
    ['false', 'false', { type: 'boolean', n: 1 }],
    ['null', 'null', { type: 'null', n: 1 }],
    ['nothing', '', { type: 'null', n: 1 }],
  ] as const) {
    test(`an answer that is ${name} is mapped`, async () => {
      const { response, text } = await ask('/shape', {}, answerText('application/json', body));
      assert.deepEqual([response.status, JSON.parse(text)], [200, shape]);
    });
  }

  for (const body of ['[1,2,3]', '[]', '"x"', '7', 'false', 'null']) {
    test(`a body that is ${body} goes through a mapping`, async () => {
      const { call, text } = await post('/whole', body, answerText('application/json', body));
      assert.deepEqual([call.body.toString(), text], [body, body]);
    });
  }

  for (const status of [204, 205]) {
    test(`a ${status} has no body, mapped or not`, async () => {
      for (const path of ['/shape', '/plain/x']) {
        const { id, client } = await facades.send(path);
        vendor.answer((_request, response) => void response.writeHead(status).end());
        const first = await client.response();
        assert.deepEqual([first.status, first.body.length], [status, 0]);
        // Its end is where the next answer begins.
        client.send(`GET /nowhere HTTP/1.1\r\nHost: gw\r\n\r\n`);
        assert.equal((await client.response()).status, 404);
        assert.equal((await facades.observed.line(id)).status, status);
      }
    });
  }

  test('HEAD is answered as GET is, without the body', async () => {
    const get = await ask('/shape', {}, answerJson([1]));
    const head = await ask('/shape', { method: 'HEAD' }, answerJson([1]));
    assert.equal(head.call.method, 'GET');
    assert.deepEqual([head.response.status, head.response.body.length], [200, 0]);
    for (const name of ['content-type', 'content-length']) {
      assert.equal(head.response.header(name), get.response.header(name));
    }
    const failed = await ask('/shape', { method: 'HEAD' }, answerJson({}, 500));
    assert.deepEqual([failed.response.status, failed.line.reason], [502, 'integration.error']);
  });

  test('what the route sets and removes holds for the call and for the answer', async () => {
    const { call, response } = await ask(
      '/edited',
      {},
      answerJson({}, 200, { 'cache-control': 'private', 'content-language': 'de' }),
    );
    assert.deepEqual(
      [call.header('x-set'), call.header('x-both'), call.header('accept')],
      ['acme', 'request', 'text/csv'],
    );
    assert.deepEqual([response.header('x-ours'), response.header('cache-control')], ['yes', undefined]);
    assert.equal(response.header('content-language'), 'de');
  });
});
