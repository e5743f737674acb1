// Requests to a third party: what is put where, what cannot stand there, and what goes through as it came.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { suiteCleanUp } from '../support/clean-up.ts';
import type { Answer } from '../support/origin.ts';
import { answerJson, answerText, startVendor, type Vendor } from '../support/vendor.ts';
import {
  API_KEY,
  type Ask,
  assertRefused,
  CANARY,
  type Called,
  type FacadeGateway,
  startFacades,
  VENDOR_AUTH,
  VENDOR_TOKEN,
} from './facades.ts';

/** Every byte, and the start of what it says it is. */
const PDF = Buffer.concat([Buffer.from('%PDF-1.7\r\n'), Buffer.from(Array.from({ length: 1024 }, (_, i) => i % 256))]);

const ROUTES = {
  plain: { match: '/plain/**', to: 'shop' },
  params: {
    match: 'GET /items/{id}/{kind}',
    to: 'shop',
    request: {
      path: '/things/{kind}/{id}/of/{tenant}',
      query: { units: 'metric', 'q&a': '{query.q}', page: '{query.page?}', plan: '{tenant.plan?}', empty: '' },
      headers: { 'x-id': '{id}', 'X-Trace': 'a {query.trace?} b' },
    },
  },
  place: {
    match: 'POST /place',
    to: 'shop',
    request: {
      method: 'GET',
      path: '/things/{body.path?}/end',
      query: { q: '{body.query?}' },
      headers: { 'x-value': '{body.header?}' },
    },
  },
  dots: { match: 'POST /dots', to: 'shop', request: { method: 'GET', path: '/things/{body.id}' } },
  needs: { match: 'POST /needs', to: 'shop', request: { path: '/things/{body.order.id}', query: { v: '{query.v}' } } },
  xml: {
    match: 'POST /xml',
    to: 'shop',
    request: { path: '/xml', xml: '<a sku="{body.sku}">{body.text}<b/>{body.more?}</a>' },
  },
  whole: { match: 'POST /whole', to: 'shop', request: { body: '$' } },
  amend: { match: 'PUT /amend', to: 'shop', request: { body: '$' } },
  drop: { match: 'DELETE /drop', to: 'shop', request: { body: '$' } },
  small: { match: 'POST /small', to: 'shop', body_max: '10B' },
  checked: { match: 'POST /checked', to: 'shop', body: { type: 'object' }, request: { body: '$' } },
};

suite('requests to a third party', () => {
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

  test('what is given a body is a POST, unless its own method has a place for one', async () => {
    const body = '{"n":1}';
    assert.equal((await ask('/amend', { method: 'PUT', body })).call.method, 'PUT');
    assert.equal((await ask('/drop', { method: 'DELETE', body })).call.method, 'POST');
  });

  test('without a mapping bytes and their type go through as they are, both ways', async () => {
    const answer = answerText('Application/PDF; x="a b"', PDF, 201, {
      'content-disposition': 'attachment; filename="r\xe9sum\xe9.pdf"',
      etag: '"7"',
      'cache-control': 'private',
      'set-cookie': `session=${CANARY}`,
      server: CANARY,
      'x-internal': CANARY,
    });
    const { response, call } = await ask(
      '/plain/files/a%20b,v=1?x=1&x=2&y=%26',
      { method: 'PUT', body: PDF, type: 'application/pdf; q="1"' },
      answer,
    );
    assert.deepEqual([call.method, call.url], ['PUT', '/api/v3/plain/files/a%20b,v=1?x=1&x=2&y=%26']);
    assert.ok(call.body.equals(PDF));
    assert.equal(call.header('content-type'), 'application/pdf; q="1"');
    assert.equal(response.status, 201);
    assert.ok(response.body.equals(PDF));
    assert.equal(response.header('content-type'), 'Application/PDF; x="a b"');
    assert.equal(response.header('content-disposition'), 'attachment; filename="r\xe9sum\xe9.pdf"');
    assert.deepEqual([response.header('etag'), response.header('cache-control')], ['"7"', 'private']);
    // To the vendor all tenants are one: what it lets anybody keep is one tenant's here.
    for (const [theirs, ours] of [
      ['public, max-age=60, s-maxage=90', 'private, max-age=60'],
      ['no-store', 'no-store'],
      [undefined, 'private'],
    ] as const) {
      const kept = await ask(
        '/plain/x',
        {},
        answerJson({}, 200, theirs === undefined ? {} : { 'cache-control': theirs }),
      );
      assert.equal(kept.response.header('cache-control'), ours);
    }
    for (const name of ['set-cookie', 'server', 'x-internal']) assert.equal(response.header(name), undefined, name);
  });

  test('of the client’s headers none reaches the vendor but its request ID', async () => {
    const { id, call } = await ask('/plain/', {
      headers: {
        cookie: `session=${CANARY}`,
        'x-custom': 'x',
        accept: 'text/html',
        'accept-encoding': 'br;q=0',
        'user-agent': 'curl',
        'if-none-match': '"7"',
        range: 'bytes=0-1',
        forwarded: 'for=1.2.3.4',
        'x-forwarded-for': '1.2.3.4',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      },
    });
    const headers = Object.fromEntries(
      call.rawHeaders.flatMap((name, i) => (i % 2 ? [] : [[name.toLowerCase(), call.header(name)]])),
    );
    assert.deepEqual(headers, {
      host: `127.0.0.1:${vendor.port}`,
      'user-agent': 'sluice',
      accept: 'application/json',
      'accept-encoding': 'gzip, deflate, br, zstd',
      'x-request-id': id,
      authorization: `Bearer ${VENDOR_TOKEN}`,
      connection: 'keep-alive',
    });
    assert.ok(!call.rawHeaders.join().includes(API_KEY));
  });

  test('a body in a content coding goes through with it, and is not read as JSON', async () => {
    const body = gzipSync('{"id":1}');
    const gzip = { method: 'POST', body, headers: { 'content-encoding': 'gzip' } };
    const { call } = await ask('/plain/x', gzip);
    assert.ok(call.body.equals(body));
    assert.equal(call.header('content-encoding'), 'gzip');
    assertRefused(await ask('/whole', gzip), 'integration.body_not_json');
    assertRefused(await ask('/checked', gzip), 'body.media_type', 415);
  });

  test('a chunked body is sent whole', async () => {
    const earlier = vendor.calls.length;
    const { client } = await facades.send('/plain/x', {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked', 'content-type': 'a/b' },
    });
    client.send('3\r\nabc\r\n').send('3\r\ndef\r\n0\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    const call = await vendor.call(earlier);
    assert.deepEqual(
      [call.body.toString(), call.header('content-length'), call.header('transfer-encoding')],
      ['abcdef', '6', undefined],
    );
  });

  test('a client that waits for 100 is asked for its body; one that sent all it has gets the answer', async () => {
    const { client } = await facades.send('/plain/x', {
      method: 'POST',
      headers: { expect: '100-continue', 'content-length': '3', 'content-type': 'a/b' },
    });
    assert.equal((await client.response({ interim: true })).status, 100);
    client.send('abc').halfClose();
    const { status, body } = await client.response();
    assert.deepEqual([status, body.toString()], [200, '{"n":1}']);
  });

  test('an upgrade leads nowhere', async () => {
    const { response, call } = await ask('/plain/x', {
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'x' },
    });
    assert.equal(response.status, 200);
    assert.equal(call.header('upgrade'), undefined);
  });

  test('a body over its bound is refused before there is a call', async () => {
    assertRefused(await post('/small', '{"n":12345678901234567890}'), 'request.body_too_large', 413);
  });

  test('path, query and headers are filled in, each value escaped for where it stands', async () => {
    const { call } = await ask('/items/a%20b/k%C3%B6?q=a%26b%3Dc+d%23&trace=x%C3%A4&page=');
    assert.equal(call.url, '/api/v3/things/k%C3%B6/a%20b/of/acme?units=metric&q%26a=a%26b%3Dc%20d%23&empty=');
    assert.equal(call.header('x-id'), 'a b');
    assert.equal(call.header('x-trace'), 'a x%C3%A4 b');
    assert.equal(call.body.length, 0);
  });

  test('a value that is missing is refused, unless it is optional', async () => {
    assertRefused(await ask('/items/a/b'), 'integration.missing_value');
    const { call } = await ask('/items/a/b?q=');
    assert.equal(call.url, '/api/v3/things/b/a/of/acme?units=metric&empty=');
    assert.equal((await post('/needs?v=1', { order: { id: 7 } })).call.url, '/api/v3/things/7?v=1');
    for (const body of [
      {},
      { order: null },
      { order: {} },
      { order: { id: null } },
      { order: { id: {} } },
      { order: { id: [1] } },
      { order: { id: '' } },
      7,
      'null',
      [],
    ]) {
      assertRefused(await post('/needs?v=1', body), 'integration.missing_value');
    }
    assertRefused(await ask('/needs?v=1', { method: 'POST' }), 'integration.missing_value');
  });

  for (const [body, type] of [
    ['{"order":', 'application/json'],
    ['{"order":{"id":1},"order":{"id":2}}', 'application/json'],
    ['{"order":{"id":1}}', 'text/plain'],
    ['{"order":{"id":1}}', 'application/json; charset=latin1'],
    ['order=1', 'application/x-www-form-urlencoded'],
  ] as const) {
    test(`a body that is no JSON where one is needed: ${body} as ${type}`, async () => {
      assertRefused(await ask('/needs?v=1', { method: 'POST', body, type }), 'integration.body_not_json');
    });
  }

  for (const id of [
    '.',
    '..',
    '../x',
    'x/../y',
    '..\\x',
    '/',
    '//evil',
    '\u0000',
    'a\r\nb',
    '%2e%2e',
    '%2F',
    '\ud800',
    'a b',
    'a?b',
    'a#b',
    'a;b',
    'é',
    ':@!$',
    'http://evil/',
  ]) {
    test(`a value in a path leads nowhere else: ${JSON.stringify(id)}`, async () => {
      const called = await post('/dots', { id });
      if (called.response.status === 400) return assertRefused(called, 'integration.missing_value');
      const { url, method } = called.call;
      assert.equal(method, 'GET');
      const [path = '', ...query] = url.split('?');
      assert.deepEqual(query, []);
      assert.match(path, /^\/api\/v3\/things\/[^/\\#]+$/);
      // However often it is decoded, it is one segment below.
      assert.equal(new URL(url, 'http://vendor').pathname, path);
      assert.equal(decodeURIComponent(path.slice('/api/v3/things/'.length)), id.toWellFormed());
    });
  }

  test('a value in a query or header adds nothing to it', async () => {
    const query = await post('/place', { path: 'x', query: 'a&b=c#d+e%26\r\n' });
    assert.equal(query.call.url, '/api/v3/things/x/end?q=a%26b%3Dc%23d%2Be%2526%0D%0A');
    for (const header of ['a\r\nx-evil: 1', 'a\nb', 'a\u0000', '\u007f', 'a\u0085']) {
      assertRefused(await post('/place', { path: 'x', header }), 'integration.missing_value');
    }
    const header = await post('/place', { path: 'x', header: 'a: b, "c"; é\u{1f600}' });
    assert.equal(header.call.header('x-value'), 'a: b, "c"; %C3%A9%F0%9F%98%80');
  });

  test('a value in XML adds no markup', async () => {
    const evil = `</a><evil x="1"/>&amp;&lt;]]><!-- ' "`;
    const { call } = await post('/xml', { sku: `007" evil='1`, text: evil });
    const escaped = '&lt;/a&gt;&lt;evil x=&quot;1&quot;/&gt;&amp;amp;&amp;lt;]]&gt;&lt;!-- &apos; &quot;';
    assert.equal(call.body.toString(), `<a sku="007&quot; evil=&apos;1">${escaped}<b/></a>`);
    assert.equal(call.header('content-type'), 'application/xml; charset=utf-8');
    for (const text of ['\u0000', '\u0008', '\uffff', '{body.sku}\u001f']) {
      assertRefused(await post('/xml', { sku: '1', text }), 'integration.missing_value');
    }
    const again = await post('/xml', { sku: '{body.text}', text: '{tenant}', more: 0 });
    assert.equal(again.call.body.toString(), '<a sku="{body.text}">{tenant}<b/>0</a>');
  });
});
