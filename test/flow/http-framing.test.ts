// Where a request ends: what is ambiguous is refused before anything acts on it, and nothing behind it is ever served.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { type Origin, startOrigin } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { rawConnect } from '../support/raw.ts';
import { type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const CHUNKS = '2\r\nab\r\n0\r\n\r\n';

const post = (fields: string, body: string, version = '1.1'): string =>
  `POST /orders HTTP/${version}\r\nHost: a\r\n${fields}\r\n\r\n${body}`;
const chunked = (body: string): string => post('Transfer-Encoding: chunked', body);
const get = (fields: string): string => `GET /orders HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n`;

/** By the code of the refusal: name → bytes. */
const REFUSED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'request.framing': {
    'Content-Length, then Transfer-Encoding': post('Content-Length: 2\r\nTransfer-Encoding: chunked', CHUNKS),
    'Transfer-Encoding, then Content-Length': post('Transfer-Encoding: chunked\r\nContent-Length: 2', CHUNKS),
    'two Content-Lengths': post('Content-Length: 2\r\nContent-Length: 3', 'ab'),
    'two equal Content-Lengths': post('Content-Length: 2\r\nContent-Length: 2', 'ab'),
    'a list of Content-Lengths': post('Content-Length: 2, 2', 'ab'),
    'a signed Content-Length': post('Content-Length: +2', 'ab'),
    'a negative Content-Length': post('Content-Length: -2', 'ab'),
    'a hexadecimal Content-Length': post('Content-Length: 0x2', 'ab'),
    'a Content-Length with a space in it': post('Content-Length: 2 0', 'ab'),
    'an empty Content-Length': post('Content-Length:', 'ab'),
    'a Content-Length beyond 64 bits': post('Content-Length: 18446744073709551618', 'ab'),
    'Transfer-Encoding: xchunked': post('Transfer-Encoding: xchunked', CHUNKS),
    'Transfer-Encoding: chunked, identity': post('Transfer-Encoding: chunked, identity', CHUNKS),
    'Transfer-Encoding: chunked, chunked': post('Transfer-Encoding: chunked, chunked', CHUNKS),
    'Transfer-Encoding: gzip': post('Transfer-Encoding: gzip', CHUNKS),
    'Transfer-Encoding: identity': post('Transfer-Encoding: identity', ''),
    'an empty Transfer-Encoding': post('Transfer-Encoding:', CHUNKS),
    'a coding with a parameter': post('Transfer-Encoding: chunked;q=1', CHUNKS),
    'two Transfer-Encodings': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', CHUNKS),
    'two Transfer-Encodings that differ': post('Transfer-Encoding: identity\r\nTransfer-Encoding: chunked', CHUNKS),
    'Transfer-Encoding on HTTP/1.0': post('Transfer-Encoding: chunked', CHUNKS, '1.0'),
    'Transfer-Encoding on a kept HTTP/1.0': post('Connection: keep-alive\r\nTransfer-Encoding: chunked', CHUNKS, '1.0'),
    'a chunk size that is no number': chunked('zz\r\nab\r\n0\r\n\r\n'),
    'a chunk size with 0x': chunked('0x2\r\nab\r\n0\r\n\r\n'),
    'a negative chunk size': chunked('-2\r\nab\r\n0\r\n\r\n'),
    'a chunk size with a space': chunked('2 \r\nab\r\n0\r\n\r\n'),
    'a chunk size beyond 64 bits': chunked('10000000000000002\r\nab\r\n0\r\n\r\n'),
    'chunk extensions without end': chunked(`2;a=${'b'.repeat(20_000)}\r\nab\r\n0\r\n\r\n`),
    'Content-Length in trailers': chunked('2\r\nab\r\n0\r\nContent-Length: 4\r\n\r\n'),
    'Transfer-Encoding in trailers': chunked('2\r\nab\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n'),
  },
  'request.transfer_coding': {
    'Transfer-Encoding: gzip, chunked': post('Transfer-Encoding: gzip, chunked', CHUNKS),
  },
  'request.malformed': {
    'a chunk longer than its size': chunked('2\r\nabc\r\n0\r\n\r\n'),
    'a bare LF after a chunk size': chunked('2\nab\r\n0\r\n\r\n'),
    'a vertical tab before chunked': post('Transfer-Encoding: \x0bchunked', CHUNKS),
    'a space before the colon': get('X-A : b'),
    'a space before the colon of Transfer-Encoding': post('Transfer-Encoding : chunked', CHUNKS),
    'a folded line': get('X-A: b\r\n c'),
    'a folded first line': 'GET /orders HTTP/1.1\r\n X-A: b\r\nHost: a\r\n\r\n',
    'bare LFs': 'GET /orders HTTP/1.1\nHost: a\n\n',
    'a bare LF between fields': get('X-A: b\nX-B: c'),
    'a bare CR in a value': get('X-A: b\rX-B: c'),
    'NUL in a value': get('X-A: b\0c'),
    'NUL in a name': get('X-A\0: b'),
    'a field without a colon': get('X-A'),
    'a field without a name': get(': b'),
    'a lower-case method': 'get /orders HTTP/1.1\r\nHost: a\r\n\r\n',
    'HTTP/2 in clear text': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'HTTP/1.2': 'GET /orders HTTP/1.2\r\nHost: a\r\n\r\n',
    'a TLS hello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'two Content-Types': post('Content-Type: text/xml\r\nContent-Type: text/plain\r\nContent-Length: 2', 'ab'),
  },
};

suite('framing', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  let wire: RawOrigin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t);
    wire = await startRawOrigin(t, async (connection) => {
      for (let requests = 1; ; requests++) {
        const complete = await connection.until((bytes) => bytes.split('end-of-body').length > requests);
        if (!complete) return;
        connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      }
    });
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        defaults: { auth: 'none' },
        upstreams: { orders: { targets: origin.url, connections: 1 }, wire: { targets: wire.url, connections: 1 } },
        routes: { orders: { match: '/**', to: 'orders' }, wire: { match: '/wire', to: 'wire' } },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  for (const [code, cases] of Object.entries(REFUSED)) {
    for (const [name, bytes] of Object.entries(cases)) {
      test(`${name}: ${code}, and what follows is not served`, async (each) => {
        const earlier = origin.received.length;
        const client = await rawConnect(each, gateway.port);
        client.send(Buffer.from(bytes + SMUGGLED, 'latin1'));
        const response = await client.response();
        assertProblem(response, code === 'request.transfer_coding' ? 501 : 400, code);
        assert.equal(response.header('connection'), 'close');
        client.send(SMUGGLED);
        const { bytes: more } = await client.rest();
        assert.equal(more.toString('latin1'), '');
        const line = await observed.line(String(response.header('x-request-id')));
        assert.equal(line.reason, code);
        assert.equal(origin.received.length, earlier);
      });
    }
  }

  test('a refusal stands, whatever is wrong with the body that comes with its request', async (each) => {
    const client = await rawConnect(each, gateway.port);
    client.send('POST /a%00b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n');
    assertProblem(await client.response(), 400, 'request.target');
  });

  test('a request with a body is one request, whatever its method, and leaves nothing on the connection', async (each) => {
    const client = await rawConnect(each, gateway.port);
    for (const method of ['GET', 'DELETE', 'OPTIONS', 'HEAD', 'POST', 'QUERY', 'PROPFIND']) {
      for (const [framing, body] of [
        [`Content-Length: ${SMUGGLED.length}`, SMUGGLED],
        ['Transfer-Encoding: chunked', `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`],
      ] as const) {
        const earlier = origin.received.length;
        client.send(`${method} /body HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${body}`);
        assert.equal((await client.response({ method })).status, 200);
        client.send('GET /after HTTP/1.1\r\nHost: a\r\n\r\n');
        assert.equal((await client.response()).status, 200);
        const seen = origin.received
          .slice(earlier)
          .map((request) => [request.method, request.url, request.body.toString()]);
        assert.deepEqual(seen, [
          [method, '/body', SMUGGLED],
          ['GET', '/after', ''],
        ]);
      }
    }
  });

  test('chunk extensions and trailers end here; the bytes of the body do not change', async (each) => {
    const client = await rawConnect(each, gateway.port);
    const earlier = origin.received.length;
    client.send(
      post(
        'Transfer-Encoding: chunked',
        '2;a=b;c="d"\r\nab\r\n1;x\r\nc\r\n0;y\r\nHost: evil\r\nX-Trailer: 1\r\nX-Tenant: evil\r\n\r\n',
      ),
    );
    assert.equal((await client.response()).status, 200);
    const received = origin.received[earlier];
    assert.equal(received?.body.toString(), 'abc');
    assert.equal(received?.header('host'), `127.0.0.1:${origin.port}`);
    for (const name of ['x-trailer', 'x-tenant']) assert.equal(received?.header(name), undefined);
  });

  test('the request on the upstream’s wire is framed once, by the gateway', async (each) => {
    const client = await rawConnect(each, gateway.port);
    const id = newId();
    client.send(
      `POST /wire?q=%2e HTTP/1.1\r\nHOST: A.example\r\nX-One: 1\r\nx-two:  2 \r\nX-One: 3\r\nX-Request-Id: ${id}\r\n` +
        'Content-Length: 11\r\nConnection: keep-alive, x-two\r\n\r\nend-of-body',
    );
    assert.equal((await client.response()).body.toString(), 'ok');
    const [connection] = wire.connections;
    const trace = /traceparent: (00-[0-9a-f]{32}-[0-9a-f]{16}-00)/.exec(connection?.received.toString('latin1') ?? '');
    const via = /Via: (1\.1 sluice \([^)]*\))/.exec(connection?.received.toString('latin1') ?? '');
    assert.equal(
      connection?.received.toString('latin1'),
      `POST /wire?q=%2e HTTP/1.1\r\nhost: 127.0.0.1:${wire.port}\r\nconnection: keep-alive\r\nX-One: 1\r\nX-One: 3\r\n` +
        `Via: ${via?.[1]}\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Request-Id: ${id}\r\n` +
        `traceparent: ${trace?.[1]}\r\nX-Forwarded-Host: A.example\r\ncontent-length: 11\r\n\r\nend-of-body`,
    );
  });

  test('pipelined requests are answered in order, and none overtakes a write', async (each) => {
    const earlier = origin.received.length;
    const client = await rawConnect(each, gateway.port);
    const paths = Array.from({ length: 40 }, (_, i) => `/pipelined/${i}`);
    const request = (path: string, i: number): string =>
      i % 3 === 0
        ? `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi`
        : `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    client.send(paths.map(request).join(''));
    for (const path of paths) assert.equal((await client.response()).status, 200, path);
    assert.deepEqual(
      origin.received.slice(earlier).map(({ url }) => url),
      paths,
    );
  });

  test('garbage behind a request does not take its answer away', async (each) => {
    for (const [garbage, status, code] of [
      ['GARBAGE\r\n\r\n', 400, 'request.malformed'],
      ['CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n', 405, 'request.method'],
    ] as const) {
      const client = await rawConnect(each, gateway.port);
      client.send(`GET /first HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n${garbage}`);
      assert.equal((await client.response()).status, 200);
      assert.equal((await client.response()).status, 200);
      const refusal = await client.response();
      assertProblem(refusal, status, code);
      assert.equal((await client.rest()).bytes.length, 0);
      assert.equal((await observed.line(String(refusal.header('x-request-id')))).reason, code);
    }
  });

  test('bytes behind a request that closes its connection are ignored', async (each) => {
    const earlier = origin.received.length;
    const client = await rawConnect(each, gateway.port);
    client.send(`GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${SMUGGLED}`);
    const response = await client.response();
    assert.equal(response.status, 200);
    assert.equal(response.header('connection'), 'close');
    assert.equal((await client.rest()).bytes.length, 0);
    assert.deepEqual(
      origin.received.slice(earlier).map(({ url }) => url),
      ['/last'],
    );
  });
});
