import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';
import { startOrigin } from '../../support/origin.ts';
import { replying, startRawOrigin } from '../../support/raw-origin.ts';
import { eventually, within } from '../../support/wait.ts';
import { startBlackHole } from '../../upstream/black-hole.ts';
import { errorOf, everythingIn, never, openClient, vendorRequest } from './open-client.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

describe('a request', () => {
  test('goes out with the headers it was given, and no other but the ones of the connection', async (t) => {
    const origin = await startOrigin(t);
    const client = openClient(t, origin.url);
    const headers = {
      accept: 'text/xml',
      'x-odd': 'a"b\tc',
      common: '1',
      get: '2',
      constructor: '3',
      set: '4',
      ['__proto__']: '5',
    };
    await client.send(vendorRequest('/rates', headers, '{"a":1}'), never());
    const { rawHeaders, body } = await origin.request(0);
    const pairs = rawHeaders.flatMap((value, i) =>
      i % 2 === 1 ? [[rawHeaders[i - 1]?.toLowerCase() ?? '', value]] : [],
    );
    assert.deepEqual(Object.fromEntries(pairs), {
      ...headers,
      'user-agent': 'sluice',
      'accept-encoding': 'gzip, deflate, br, zstd',
      'content-length': '7',
      host: `127.0.0.1:${origin.port}`,
      connection: 'keep-alive',
    });
    assert.equal(pairs.length, 12);
    assert.equal(body.toString(), '{"a":1}');
  });

  test('without a body has no content type, and what it says of itself is kept', async (t) => {
    const origin = await startOrigin(t);
    const client = openClient(t, origin.url);
    await client.send(
      vendorRequest('/', { 'user-agent': 'acme', 'accept-encoding': 'identity' }, undefined, 'POST'),
      never(),
    );
    const received = await origin.request(0);
    assert.equal(received.header('content-type'), undefined);
    assert.equal(received.header('accept'), undefined);
    assert.equal(received.header('content-length'), '0');
    assert.equal(received.header('user-agent'), 'acme');
    assert.equal(received.header('accept-encoding'), 'identity');
  });

  test('has its body byte by byte, whatever its type says, with any method', async (t) => {
    const origin = await startOrigin(t);
    const client = openClient(t, origin.url);
    const body = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    for (const [i, type] of [
      'application/json',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
    ].entries()) {
      await client.send(vendorRequest('/', { 'content-type': type }, body, i === 0 ? 'DELETE' : 'PUT'), never());
      const received = await origin.request(i);
      assert.deepEqual(received.body, body);
      assert.equal(received.header('content-type'), type);
    }
  });

  test('stands below the url, spelled as it was', async (t) => {
    const origin = await startOrigin(t);
    const client = openClient(t, `${origin.url}/v3`);
    const paths = [
      "/a/o'b?q='x'&y=%7e|[",
      '//evil.example/x',
      '?only=query',
      '',
      '/http://evil.example/',
      '/x@evil.example',
    ];
    for (const [i, path] of paths.entries()) {
      await client.send(vendorRequest(path), never());
      assert.equal((await origin.request(i)).url, `/v3${path}`);
    }
    const root = openClient(t, origin.url);
    await root.send(vendorRequest('//evil.example/x'), never());
    assert.equal((await origin.request(paths.length)).url, '//evil.example/x');
    await root.send(vendorRequest(''), never());
    assert.equal((await origin.request(paths.length + 1)).url, '/');
  });

  for (const path of [
    'http://evil.example/',
    '@evil.example/',
    '.evil.example/',
    ':80/',
    '\\\\evil.example/',
    '/\\evil.example/',
    '/../admin',
    '/a/%2E./admin',
    '/a/..',
    '/./x',
    '/x#y',
    '/a b',
    '/é',
    '/a\r\nx-b: c',
  ]) {
    test(`for ${JSON.stringify(path)} is not sent`, async (t) => {
      const origin = await startOrigin(t);
      const error = await errorOf(openClient(t, `${origin.url}/v3`).send(vendorRequest(path), never()));
      assert.equal(error.failure.result, 'aborted');
      assert.equal(origin.started, 0);
    });
  }

  for (const [headers, named] of [
    [{ authorization: 'Bearer s3cret\r\nx-injected: 1' }, /header authorization/],
    [{ 'x-name': 'Zoë \u{1f600} s3cret' }, /header x-name/],
    [{ 'x a': 's3cret' }, /name of a header/],
    [{ 'X-Upper': 's3cret' }, /lower case/],
    [{ 'transfer-encoding': 'chunked' }, /header transfer-encoding/],
    [{ 'content-length': '5' }, /header content-length/],
    [{ connection: 'close' }, /header connection/],
  ] as const) {
    test(`with ${JSON.stringify(headers)} is not sent, and the error does not quote it`, async (t) => {
      const origin = await startOrigin(t);
      const error = await errorOf(openClient(t, origin.url).send(vendorRequest('/', headers), never()));
      assert.match(error.message, named);
      assert.ok(!everythingIn(error).includes('s3cret'));
      assert.equal(origin.started, 0);
    });
  }

  test('of a method that is none, or larger than it may be, is not sent', async (t) => {
    const origin = await startOrigin(t);
    const client = openClient(t, origin.url, { requestMaxBytes: 4 });
    for (const method of ['GET / HTTP/1.1', 'get', '', 'CONNECT']) {
      await errorOf(client.send(vendorRequest('/', {}, undefined, method), never()));
    }
    const error = await errorOf(client.send(vendorRequest('/', {}, '12345'), never()));
    assert.equal(error.failure.kind, 'too_large');
    assert.equal(origin.started, 0);
    assert.equal((await client.send(vendorRequest('/', {}, '1234'), never())).status, 200);
  });

  test('of more path and headers than servers take is not sent', async (t) => {
    const origin = await startOrigin(t);
    const client = openClient(t, origin.url);
    const long = 'v'.repeat(33_000);
    for (const [path, headers] of [
      [`/?q=${long}`, {}],
      ['/', { 'x-long': long }],
    ] as const) {
      const { failure } = await errorOf(client.send(vendorRequest(path, headers), never()));
      assert.deepEqual([failure.kind, failure.result], ['too_large', 'aborted']);
    }
    assert.equal(origin.started, 0);
    assert.equal((await client.send(vendorRequest(`/?q=${long.slice(0, 15_000)}`), never())).status, 200);
  });

  test('goes where it is to go, whatever proxies the environment names', async (t) => {
    const [origin, proxy] = [await startOrigin(t), await startOrigin(t)];
    const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy'];
    const before = names.map((name) => [name, process.env[name]] as const);
    t.after(() => {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    });
    for (const name of names) process.env[name] = proxy.url;
    const client = openClient(t, origin.url);
    assert.equal((await client.send(vendorRequest('/x'), never())).status, 200);
    assert.equal((await origin.request(0)).url, '/x');
    assert.equal(proxy.started, 0);
  });
});

describe('the end of a call', () => {
  test('comes with its signal while the answer drips, and takes the connection along', async (t) => {
    const origin = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n');
      const drip = setInterval(() => connection.write('x'), 10);
      connection.socket.once('close', () => clearInterval(drip));
    });
    const client = openClient(t, origin.url);
    const controller = new AbortController();
    const call = errorOf(client.send(vendorRequest('/'), controller.signal));
    const connection = await origin.connection(0);
    await connection.heads();
    controller.abort();
    assert.deepEqual((await call).failure, { kind: 'aborted', result: 'aborted', unsent: false });
    await within(connection.closed, 'end of the connection');
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  });

  test('comes with its signal before an answer, and a deadline is told from a client that left', async (t) => {
    const origin = await startRawOrigin(t, () => {});
    const client = openClient(t, origin.url);
    const error = await errorOf(client.send(vendorRequest('/'), AbortSignal.timeout(50)));
    assert.deepEqual(error.failure, { kind: 'timeout', result: 'timeout', unsent: false });
    await origin.idle();
  });

  test('is there at once when the signal is', async (t) => {
    const origin = await startOrigin(t);
    const error = await errorOf(openClient(t, origin.url).send(vendorRequest('/'), AbortSignal.abort()));
    assert.equal(error.failure.kind, 'aborted');
    assert.equal(origin.started, 0);
  });

  test('leaves no listener on a signal that many calls share', async (t) => {
    const origin = await startOrigin(t);
    const client = openClient(t, origin.url);
    const { signal } = new AbortController();
    for (let i = 0; i < 20; i++) await client.send(vendorRequest('/'), signal);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('comes at the connect timeout when nobody accepts', async (t) => {
    const port = await startBlackHole(t);
    const client = openClient(t, `http://127.0.0.1:${port}`, { connectMs: 200 });
    const startedAt = performance.now();
    const error = await errorOf(client.send(vendorRequest('/', {}, 'body'), never()));
    assert.deepEqual(error.failure, { kind: 'connect_timeout', result: 'connect', unsent: true });
    assert.ok(performance.now() - startedAt >= 199);
  });

  test('comes with the signal when nobody accepts, and closing leaves no connection behind', async (t) => {
    const port = await startBlackHole(t);
    const client = openClient(t, `http://127.0.0.1:${port}`, { connectMs: 600_000 });
    const error = await errorOf(client.send(vendorRequest('/'), AbortSignal.timeout(50)));
    assert.equal(error.failure.kind, 'timeout');
    // A socket left behind would keep this process for ten minutes.
    await client.close();
  });

  test('is at once where nobody listens', async (t) => {
    const origin = await startOrigin(t);
    const client = openClient(t, origin.url);
    await origin.stop();
    const error = await errorOf(client.send(vendorRequest('/'), never()));
    assert.deepEqual(error.failure, { kind: 'refused', result: 'connect', unsent: true });
    assert.match(error.message, /ECONNREFUSED/);
  });

  test('is a name that has no address', async (t) => {
    const client = openClient(
      t,
      'http://vendor.invalid',
      {},
      {
        lookup: (name, _options, callback) => {
          callback(Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), { code: 'ENOTFOUND' }), []);
        },
      },
    );
    assert.equal((await errorOf(client.send(vendorRequest('/'), never()))).failure.kind, 'dns');
  });

  test('closing lets it come, and closes what was kept', async (t) => {
    const origin = await startRawOrigin(t, async (connection) => {
      await connection.until((bytes) => bytes.includes('/now '));
      connection.write(OK);
    });
    const client = openClient(t, origin.url);
    await Promise.all([client.send(vendorRequest('/now'), never()), client.send(vendorRequest('/now'), never())]);
    const call = client.send(vendorRequest('/later'), never());
    const used = await eventually(
      () => origin.connections.find(({ received }) => received.includes('/later ')),
      'connection of the call under way',
    );
    const closed = client.close();
    await Promise.race(origin.connections.filter((each) => each !== used).map((each) => each.closed));
    used.write(OK);
    assert.equal((await call).body.toString(), 'ok');
    await closed;
    await origin.idle();
  });
});

test('no error tells of what was sent or received', async (t) => {
  const secrets = ['s3cret-header', 's3cret-query', 's3cret-body', 's3cret-answer'];
  const scripts = [
    'HTTP/1.1 200 OK\r\nx-token: s3cret-answer\r\nbroken\r\n\r\n',
    'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 13\r\n\r\ns3cret-answer',
    'HTTP/1.1 200 OK\r\ncontent-encoding: s3cret-answer\r\ncontent-length: 13\r\n\r\ns3cret-answer',
    'HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\ns3cret-answer',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\ns3cret-answer',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: s3cret-answer\r\n\r\ns3cret-answer',
    's3cret-answer\r\n\r\n',
  ];
  const request = vendorRequest('/?key=s3cret-query', { authorization: 'Bearer s3cret-header' }, 's3cret-body');
  for (const script of scripts) {
    const origin = await startRawOrigin(t, replying(script));
    const told = everythingIn(await errorOf(openClient(t, origin.url).send(request, never())));
    assert.deepEqual(
      secrets.filter((secret) => told.includes(secret)),
      [],
      told,
    );
  }
  const origin = await startRawOrigin(t, () => {});
  for (const signal of [AbortSignal.timeout(20), AbortSignal.abort()]) {
    const told = everythingIn(await errorOf(openClient(t, origin.url).send(request, signal)));
    assert.deepEqual(
      secrets.filter((secret) => told.includes(secret)),
      [],
      told,
    );
  }
});
