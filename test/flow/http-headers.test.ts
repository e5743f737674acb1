// What an intermediary does with header fields (RFC 9110 §7.6): what passes as it came, what ends here, and what only the
// gateway may say.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type CleanUp, suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { answerOk, type Origin, type Received, startOrigin } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { rawRequest } from '../support/raw.ts';

const KEY = 'acme-secret-one-aaaaaaaa';
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

suite('header fields', () => {
  let gateway: RunningGateway;
  let trusting: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t);
    const routes = {
      version: 1,
      tenants: { acme: { keys: [KEY], headers: { 'x-tenant-tier': 'gold' } } },
      upstreams: {
        orders: { targets: origin.url, connections: 1 },
        preserving: { targets: origin.url, host: 'preserve' },
      },
      routes: {
        open: { match: '/open/{id}', to: 'orders', auth: 'none' },
        conditions: {
          match: { path: '/conditions', query: { a: '1' }, headers: { 'x-a': '1' } },
          to: 'orders',
          auth: 'none',
        },
        keyed: {
          match: '/keyed',
          to: 'orders',
          auth: 'key',
          headers: {
            request: { set: { 'x-caller': '{tenant}' }, remove: ['x-debug'] },
            response: { remove: ['server', 'x-powered-by'] },
          },
        },
        body: { match: 'POST /body', to: 'orders', auth: 'none', body: { type: 'object' } },
        preserving: { match: '/preserving', to: 'preserving', auth: 'none' },
      },
    };
    gateway = await startGateway(t, { routes, gateway: { limits: { header_bytes: '4KiB', headers: 50 } } });
    trusting = await startGateway(t, {
      routes,
      gateway: { trust_proxies: ['127.0.0.1/32', '192.0.2.0/24'], http: { forwarded: true } },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  /** Sends a GET with these header lines, and returns what the origin got. */
  async function received(each: CleanUp, path: string, lines: string, to = gateway): Promise<Received> {
    const index = origin.received.length;
    const response = await rawRequest(each, to.port, `GET ${path} HTTP/1.1\r\nHost: a.example:81\r\n${lines}\r\n`);
    assert.equal(response.status, 200, response.body.toString());
    assert.equal(origin.received.length, index + 1);
    return origin.request(index);
  }

  /** Without what every request to an upstream has. */
  function own({ rawHeaders }: Received): readonly string[] {
    const common = /^(host|connection|via|x-forwarded-.*|x-request-id|traceparent)$/i;
    return rawHeaders.filter((_, i) => !common.test(rawHeaders[i - (i % 2)] ?? ''));
  }

  test('pass in their order, case and multiplicity', async (each) => {
    const fields = 'X-B: 1\r\nx-a: 2\r\nCookie: c=1\r\nX-b: 3\r\nCookie: d=2\r\nAccept:\r\nX-Latin: \xe9\r\n';
    const { rawHeaders } = await received(each, '/open/1', fields);
    const passed = own({ rawHeaders } as Received);
    assert.deepEqual(passed, [
      'X-B',
      '1',
      'x-a',
      '2',
      'Cookie',
      'c=1',
      'X-b',
      '3',
      'Cookie',
      'd=2',
      'Accept',
      '',
      'X-Latin',
      'Ã©',
    ]);
  });

  test('end here when they concern this connection only', async (each) => {
    const fields =
      'Connection: keep-alive, X-Hop,x-tab\r\nConnection: X-Late\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n' +
      'Proxy-Authorization: Basic eDp5\r\nProxy-Authenticate: Basic\r\nTE: trailers, gzip\r\nTrailer: X-T\r\nUpgrade: h2c\r\n' +
      'HTTP2-Settings: AAMAAABk\r\nX-HOP: 1\r\nX-Tab: 2\r\nx-late: 3\r\nX-Kept: 4\r\n';
    assert.deepEqual(own(await received(each, '/open/1', fields)), ['X-Kept', '4']);
  });

  test('that the gateway adds cannot be struck out by naming them in Connection', async (each) => {
    const names = [
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Request-Id',
      'Via',
      'traceparent',
      'x-caller',
      'x-tenant-tier',
      'Host',
      'Content-Type',
    ];
    const lines = `Connection: ${names.join(', ')}\r\nX-Api-Key: ${KEY}\r\nContent-Type: text/x\r\n`;
    const request = await received(each, '/keyed', lines);
    for (const name of names) assert.notEqual(request.header(name), undefined, name);
    assert.equal(request.header('x-tenant-tier'), 'gold');
    assert.equal(request.header('x-caller'), 'acme');
  });

  test('that only the gateway may say are replaced, however they are spelled', async (each) => {
    const spoofed = [
      'X-Forwarded-For: 6.6.6.6',
      'x-forwarded-for: 7.7.7.7',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: evil',
      'X-Forwarded-Port: 1',
      'X-Forwarded-Prefix: /evil',
      'X-Forwarded-Server: evil',
      'Forwarded: for=6.6.6.6',
      'X-Real-IP: 6.6.6.6',
      'X-Client-IP: 6.6.6.6',
      'True-Client-IP: 6.6.6.6',
      'X-Original-URL: /admin',
      'X-Rewrite-URL: /admin',
      'X-Tenant: evil',
      'x_tenant: evil',
      'X_Forwarded_For: 6.6.6.6',
      'X_Request_Id: evil-evil',
      'X-Tenant-Tier: evil',
      'X_Tenant_Tier: evil',
      'X-Caller: evil',
      'X-Debug: 1',
      `X-Api-Key: ${KEY}`,
      `Authorization: Bearer ${KEY}`,
    ];
    const request = await received(each, '/keyed', `${spoofed.join('\r\n')}\r\n`);
    assert.deepEqual(own(request), ['x-tenant-tier', 'gold', 'x-caller', 'acme']);
    assert.equal(request.header('x-forwarded-for'), '127.0.0.1');
    assert.equal(request.header('x-forwarded-proto'), 'http');
    assert.equal(request.header('x-forwarded-host'), 'a.example:81');
    assert.match(request.header('x-request-id') ?? '', UUID_V7);
    assert.equal(
      request.rawHeaders.some((text) => /evil|6\.6\.6\.6|7\.7\.7\.7/.test(text)),
      false,
    );
  });

  test('of a trusted proxy are believed and appended to', async (each) => {
    const lines =
      'X-Forwarded-For: 6.6.6.6, 198.51.100.7\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n' +
      'X-Forwarded-Host: shop.example\r\nForwarded: for=198.51.100.7\r\nX-Real-IP: 6.6.6.6\r\n';
    const request = await received(each, '/open/1', `X-Request-Id: trusted-0001\r\n${lines}`, trusting);
    assert.equal(request.header('x-forwarded-for'), '6.6.6.6, 198.51.100.7, 192.0.2.1, 127.0.0.1');
    assert.equal(request.header('x-forwarded-proto'), 'https');
    assert.equal(request.header('x-forwarded-host'), 'shop.example');
    assert.equal(request.header('forwarded'), 'for=198.51.100.7, for=127.0.0.1;host="a.example:81";proto=https');
    assert.equal(request.header('x-real-ip'), undefined);
    const line = await trusting.log.until((entry) => entry.request_id === 'trusted-0001');
    assert.equal(line['client_ip'], '198.51.100.7', 'the nearest address that is not a trusted proxy');
  });

  test('with the names of prototypes are names like any other', async (each) => {
    const fields = '__proto__: 1\r\nconstructor: 2\r\ntoString: 3\r\nhasOwnProperty: 4\r\n';
    const request = await received(each, '/open/__proto__?__proto__=1&constructor[prototype]=2', fields);
    assert.deepEqual(own(request), ['__proto__', '1', 'constructor', '2', 'toString', '3', 'hasOwnProperty', '4']);
    assert.equal(request.url, '/open/__proto__?__proto__=1&constructor[prototype]=2');
    const conditions = await received(each, '/conditions?__proto__=x&a=1', 'X-A: 1\r\n__proto__: x\r\n');
    assert.equal(conditions.url, '/conditions?__proto__=x&a=1');
    const body = '{"__proto__":{"admin":true},"constructor":{"prototype":{}}}';
    const index = origin.received.length;
    const posted = await rawRequest(
      each,
      gateway.port,
      `POST /body HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    assert.equal(posted.status, 200);
    assert.equal(origin.received[index]?.body.toString(), body);
  });

  test('a Host is preserved for an upstream that asks for it', async (each) => {
    assert.equal((await received(each, '/preserving', '')).header('host'), 'a.example:81');
    const index = origin.received.length;
    await rawRequest(each, gateway.port, 'GET /preserving HTTP/1.0\r\n\r\n');
    assert.equal(origin.received[index]?.header('host'), new URL(origin.url).host);
  });

  suite('too many of them are 431, and none is dropped', () => {
    const cases: Readonly<Record<string, readonly [lines: string, status: number]>> = {
      'as many as the limit': [Array.from({ length: 49 }, (_, i) => `X-${i}: 1\r\n`).join(''), 200],
      'one more than the limit': [Array.from({ length: 50 }, (_, i) => `X-${i}: 1\r\n`).join(''), 431],
      'as long as the limit': [`X-A: ${'a'.repeat(4_096 - 32)}\r\n`, 200],
      'longer than the limit': [`X-A: ${'a'.repeat(4_100)}\r\n`, 431],
      'longer than any buffer': [`X-A: ${'a'.repeat(200_000)}\r\n`, 431],
    };
    for (const [name, [lines, status]] of Object.entries(cases)) {
      test(name, async (each) => {
        const earlier = origin.started;
        const response = await rawRequest(
          each,
          gateway.port,
          `GET /open/1 HTTP/1.1\r\nHost: a.example:81\r\n${lines}\r\n`,
        );
        assert.equal(response.status, status);
        assert.equal(origin.started, status === 200 ? earlier + 1 : earlier);
        if (status === 200) return;
        assertProblem(response, 431, 'request.headers_too_large');
        assert.equal(
          (await observed.line(String(response.header('x-request-id')))).reason,
          'request.headers_too_large',
        );
      });
    }
  });

  suite('a request ID', () => {
    const sent: Readonly<Record<string, string>> = {
      'of letters, digits, dots, dashes and underscores': 'Ab-1.2_x',
      'of 128 characters': 'a'.repeat(128),
    };
    for (const [name, id] of Object.entries(sent)) {
      test(`${name} is kept: upstream, answer and log have it`, async (each) => {
        const index = origin.received.length;
        const response = await rawRequest(
          each,
          gateway.port,
          `GET /open/1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\n\r\n`,
        );
        assert.equal(response.header('x-request-id'), id);
        assert.equal(origin.received[index]?.header('x-request-id'), id);
        assert.equal((await observed.line(id)).status, 200);
      });
    }
    for (const id of [
      'short',
      'a'.repeat(129),
      'has space',
      'quote"quote',
      '<script>',
      '../../etc',
      'émile-émile',
      'twice-one\r\nX-Request-Id: twice-two',
    ]) {
      test(`such as ${JSON.stringify(id.slice(0, 24))} is replaced`, async (each) => {
        const response = await rawRequest(
          each,
          gateway.port,
          Buffer.from(`GET /nowhere HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\n\r\n`, 'latin1'),
        );
        assert.match(response.header('x-request-id') ?? '', UUID_V7);
        assertProblem(response, 404, 'route.not_found');
      });
    }

    test('continues a trace, and begins one where there is none', async (each) => {
      const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
      const id = newId();
      const request = await received(
        each,
        '/open/1',
        `X-Request-Id: ${id}\r\ntraceparent: 00-${trace}-00f067aa0ba902b7-01\r\n`,
      );
      assert.match(
        request.header('traceparent') ?? '',
        new RegExp(`^00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`),
      );
      assert.equal((await observed.line(id))['trace_id'], trace);
      const fresh = await received(each, '/open/1', `traceparent: 00-${'0'.repeat(32)}-00f067aa0ba902b7-01\r\n`);
      assert.match(fresh.header('traceparent') ?? '', /^00-(?!0{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    });
  });

  suite('of an answer', () => {
    test('pass in their order, case and multiplicity; what concerns the upstream’s connection does not', async (each) => {
      origin.answer((_request, response) => {
        response.writeHead(200, 'Fine', [
          'Set-Cookie',
          'a=1',
          'X-B',
          '1',
          'set-cookie',
          'b=2',
          'x-b',
          '2',
          'Connection',
          'keep-alive, X-Hop',
          'X-Hop',
          '1',
          'Keep-Alive',
          'timeout=9',
          'Proxy-Authenticate',
          'Basic',
          'Upgrade',
          'h2c',
          'X-Request-Id',
          'evil',
          'ETag',
          '"1"',
          'Date',
          'Thu, 01 Jan 2026 00:00:00 GMT',
          'Content-Encoding',
          'gzip',
          'Server',
          'x',
          'Content-Length',
          '2',
          'SET-COOKIE',
          'c=3',
        ]);
        response.end('ok');
      });
      const id = newId();
      const response = await rawRequest(
        each,
        gateway.port,
        `GET /open/1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\n\r\n`,
      );
      origin.answer(answerOk);
      assert.deepEqual(response.rawHeaders, [
        'Set-Cookie',
        'a=1',
        'X-B',
        '1',
        'set-cookie',
        'b=2',
        'x-b',
        '2',
        'ETag',
        '"1"',
        'Date',
        'Thu, 01 Jan 2026 00:00:00 GMT',
        'Content-Encoding',
        'gzip',
        'Server',
        'x',
        'Content-Length',
        '2',
        'SET-COOKIE',
        'c=3',
        'X-Request-Id',
        id,
        'Connection',
        'keep-alive',
        'Keep-Alive',
        'timeout=65',
      ]);
    });

    test('are removed where the route says so', async (each) => {
      origin.answer(
        (_request, response) => void response.writeHead(200, { Server: 'x', 'X-Powered-By': 'y', 'X-Kept': 'z' }).end(),
      );
      const response = await rawRequest(
        each,
        gateway.port,
        `GET /keyed HTTP/1.1\r\nHost: a\r\nX-Api-Key: ${KEY}\r\n\r\n`,
      );
      origin.answer(answerOk);
      assert.deepEqual(
        [response.header('server'), response.header('x-powered-by'), response.header('x-kept')],
        [undefined, undefined, 'z'],
      );
    });
  });
});
