// Bodies, interim answers, trailers and the end of connections, as a client sees them on the wire.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { answerOk, type Origin, startOrigin } from '../support/origin.ts';
import { rawConnect, rawRequest } from '../support/raw.ts';

const KEY = 'acme-secret-one-aaaaaaaa';
const SMUGGLED = 'GET /orders HTTP/1.1\r\nHost: a\r\n\r\n';

suite('messages', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t);
    gateway = await startGateway(t, {
      gateway: {
        http: { server_timing: true, problem_base: 'https://errors.example/' },
      },
      routes: {
        version: 1,
        tenants: { acme: { keys: [KEY] } },
        upstreams: { orders: { targets: origin.url, connections: 1 } },
        routes: {
          orders: { match: '/orders', to: 'orders', auth: 'none', body_max: '64KiB' },
          keyed: { match: '/keyed', to: 'orders', auth: 'key', body_max: '64KiB' },
          checked: { match: 'POST /checked', to: 'orders', auth: 'none', body: { type: 'object' }, body_max: '1KiB' },
          limited: { match: 'POST /limited', to: 'orders', auth: 'none', limit: '1/h' },
        },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  const post = (path: string, fields: string, version = '1.1'): string =>
    `POST ${path} HTTP/${version}\r\nHost: a\r\n${fields}\r\n\r\n`;

  suite('Expect: 100-continue', () => {
    test('is answered once the body is wanted, and does not reach the upstream', async (each) => {
      const client = await rawConnect(each, gateway.port);
      const index = origin.received.length;
      client.send(post('/orders', 'Expect: 100-Continue\r\nContent-Length: 5'));
      assert.equal((await client.response({ interim: true })).status, 100);
      const response = await client.send('hello').response();
      assert.equal(response.status, 200);
      assert.equal(origin.received[index]?.body.toString(), 'hello');
      assert.equal(origin.received[index]?.header('expect'), undefined);
      assert.equal((await client.send(SMUGGLED).response()).status, 200, 'the connection goes on');
    });

    const refused: Readonly<Record<string, readonly [path: string, status: number, code: string]>> = {
      'who has no key': ['/keyed', 401, 'auth.missing'],
      'whose body is too large': ['/orders', 413, 'request.body_too_large'],
      'whose body is too large to be checked': ['/checked', 413, 'request.body_too_large'],
      'whom no route takes': ['/nowhere', 404, 'route.not_found'],
    };
    for (const [who, [path, status, code]] of Object.entries(refused)) {
      test(`never comes for one ${who}: the refusal comes alone, and the connection is not used again`, async (each) => {
        const earlier = origin.started;
        const client = await rawConnect(each, gateway.port);
        const type = path === '/checked' ? 'Content-Type: application/json\r\n' : '';
        client.send(post(path, `${type}Expect: 100-continue\r\nContent-Length: 100000`));
        const response = await client.response({ interim: true });
        assert.equal(response.status, status);
        assert.equal(JSON.parse(response.body.toString()).code, code);
        assert.equal(response.header('connection'), 'close');
        client.send(SMUGGLED);
        assert.equal((await client.rest()).bytes.length, 0);
        assert.equal(origin.started, earlier);
      });
    }

    test('is ignored on HTTP/1.0, as the RFC asks', async (each) => {
      const client = await rawConnect(each, gateway.port);
      client.send(`${post('/orders', 'Expect: 100-continue\r\nContent-Length: 5', '1.0')}hello`);
      assert.equal((await client.response({ interim: true })).status, 200);
    });

    for (const [expect, version] of [
      ['banana', '1.1'],
      ['100-continue, banana', '1.1'],
      ['banana, 100-continue', '1.1'],
      ['100-continue\r\nExpect: banana', '1.1'],
      ['banana', '1.0'],
    ] as const) {
      test(`any other is 417: ${JSON.stringify(expect)} on HTTP/${version}`, async (each) => {
        const earlier = origin.started;
        const client = await rawConnect(each, gateway.port);
        client.send(`${post('/orders', `Expect: ${expect}\r\nContent-Length: 5`, version)}hello${SMUGGLED}`);
        const response = await client.response({ interim: true });
        assert.equal(response.status, 417);
        assert.equal(JSON.parse(response.body.toString()).code, 'request.expectation');
        assert.equal((await client.rest()).bytes.length, 0);
        assert.equal(origin.started, earlier);
      });
    }
  });

  suite('413', () => {
    test('comes before the body is sent, and reaches a client that goes on sending', async (each) => {
      const client = await rawConnect(each, gateway.port);
      client.send(post('/orders', 'Content-Length: 3000000'));
      for (let i = 0; i < 30; i++) client.send(Buffer.alloc(100_000, 'x'));
      const response = await client.response();
      assert.equal(response.status, 413);
      assert.equal(response.header('connection'), 'close');
      client.send(SMUGGLED);
      assert.equal((await client.rest()).bytes.length, 0);
    });

    test('comes as soon as a chunked body is longer than the limit', async (each) => {
      const earlier = origin.received.length;
      const client = await rawConnect(each, gateway.port);
      client.send(post('/orders', 'Transfer-Encoding: chunked'));
      for (let i = 0; i < 5; i++) client.send(`4000\r\n${'x'.repeat(16_384)}\r\n`);
      const response = await client.response();
      assert.equal(response.status, 413);
      assert.equal((await observed.line(String(response.header('x-request-id')))).reason, 'request.body_too_large');
      assert.equal(origin.received.length, earlier, 'no whole request reached the upstream');
    });
  });

  test('a refusal with a short body behind it leaves the connection in use', async (each) => {
    const client = await rawConnect(each, gateway.port);
    client.send(`${post('/nowhere', `Content-Length: ${SMUGGLED.length}`)}${SMUGGLED}`);
    assert.equal((await client.response()).status, 404);
    assert.equal((await client.send('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n').response()).status, 204);
    assert.equal(client.unread.length, 0);
  });

  test('answers without a body leave both connections clean', async (each) => {
    const client = await rawConnect(each, gateway.port);
    await client.send(SMUGGLED).response();
    const earlier = origin.accepted;
    for (const [method, status] of [
      ['GET', 204],
      ['GET', 304],
      ['HEAD', 200],
    ] as const) {
      origin.answer(
        (_request, response) =>
          void response.writeHead(status, { etag: '"1"', ...(status === 200 && { 'content-length': '9' }) }).end(),
      );
      client.send(`${method} /orders HTTP/1.1\r\nHost: a\r\n\r\n`);
      const response = await client.response({ method });
      assert.equal(response.status, status);
      assert.equal(response.header('etag'), '"1"');
      assert.equal(response.header('transfer-encoding'), undefined);
      if (status === 200) assert.equal(response.header('content-length'), '9');
      origin.answer(answerOk);
      assert.equal((await client.send(SMUGGLED).response()).body.toString(), '{"ok":true}');
      // One pooled connection does it all, but for HEAD: undici closes it then, for servers that send a body all the same.
      assert.equal(origin.accepted - earlier, method === 'HEAD' ? 1 : 0);
    }
  });

  test('HEAD of a refusal has its head only', async (each) => {
    const id = newId();
    const client = await rawConnect(each, gateway.port);
    client.send(`HEAD /nowhere HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\n\r\n`);
    const response = await client.response({ method: 'HEAD' });
    assert.equal(response.status, 404);
    assert.equal(response.header('content-type'), 'application/problem+json');
    assert.equal((await client.send(SMUGGLED).response()).status, 200);
    assert.equal((await observed.line(id))['bytes'], 0);
  });

  test('trailers go to clients that ask for them, and to no other', async (each) => {
    origin.answer((_request, response) => {
      response.writeHead(200, { Trailer: 'X-Sum', 'X-A': '1' });
      response.write('ab');
      response.addTrailers([
        ['X-Sum', '42'],
        ['Connection', 'x'],
      ]);
      response.end();
    });
    const asked = await rawRequest(
      each,
      gateway.port,
      'GET /orders HTTP/1.1\r\nHost: a\r\nTE: gzip, Trailers\r\nConnection: TE\r\n\r\n',
    );
    assert.equal(asked.body.toString(), 'ab');
    assert.deepEqual(asked.trailers, ['X-Sum', '42']);
    const plain = await rawRequest(each, gateway.port, SMUGGLED);
    assert.equal(plain.body.toString(), 'ab');
    assert.deepEqual(plain.trailers, []);
    origin.answer(answerOk);
  });

  test('an HTTP/1.0 client gets an answer that ends with the connection', async (each) => {
    origin.answer((_request, response) => {
      response.write('ab');
      response.end('cd');
    });
    const client = await rawConnect(each, gateway.port);
    const { bytes } = await client.send('GET /orders HTTP/1.0\r\n\r\n').rest();
    origin.answer(answerOk);
    assert.match(bytes.toString(), /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(bytes.toString(), /\r\n\r\nabcd$/);
    assert.doesNotMatch(bytes.toString(), /transfer-encoding/i);
  });

  test('Server-Timing says where the time went, where it is asked for', async (each) => {
    const answered = await rawRequest(each, gateway.port, SMUGGLED);
    assert.match(answered.header('server-timing') ?? '', /^gw;dur=\d+\.\d, up;dur=\d+\.\d$/);
    const refused = await rawRequest(each, gateway.port, 'GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.match(refused.header('server-timing') ?? '', /^gw;dur=\d+\.\d$/);
    assert.equal(JSON.parse(refused.body.toString()).type, 'https://errors.example/route.not_found');
  });

  suite('a header section that does not come', () => {
    let impatient: RunningGateway;
    before(async () => {
      impatient = await startGateway(t, {
        gateway: { limits: { header_timeout: '2s' } },
        routes: {
          version: 1,
          upstreams: { orders: origin.url },
          routes: { orders: { match: '/orders', to: 'orders', auth: 'none' } },
        },
      });
    });

    test('is answered 408 in time, also on a connection that was in use', async (each) => {
      const client = await rawConnect(each, impatient.port);
      assert.equal((await client.send(SMUGGLED).response()).status, 200);
      client.send('GET /orders HTTP/1.1\r\nHost: a\r\nX-Slow: ');
      const response = await client.response();
      assert.equal(response.status, 408);
      assert.equal(JSON.parse(response.body.toString()).code, 'request.header_timeout');
      assert.equal((await client.rest()).ending, 'fin');
      const line = await new Observed(impatient).line(String(response.header('x-request-id')));
      assert.equal(line.reason, 'request.header_timeout');
    });

    test('from a client that says nothing at all is no request', async (each) => {
      const lines = impatient.log.access.length;
      const client = await rawConnect(each, impatient.port);
      assert.equal((await client.rest()).bytes.length, 0);
      assert.equal(impatient.log.access.length, lines);
    });
  });
});

test('a drain tells every client to go, and serves nothing behind the last answer', async (t) => {
  const release = Promise.withResolvers<void>();
  const origin = await startOrigin(t, async (request, response, index) => {
    if (index === 0) await release.promise;
    await answerOk(request, response, index);
  });
  const gateway = await startGateway(t, {
    gateway: { shutdown: { delay: '5s' } },
    routes: {
      version: 1,
      upstreams: { orders: origin.url },
      routes: { orders: { match: '/orders', to: 'orders', auth: 'none' } },
    },
  });
  const busy = await rawConnect(t, gateway.port);
  busy.send(SMUGGLED);
  await origin.request(0);
  const idle = await rawConnect(t, gateway.port);
  const draining = gateway.log.until((line) => line.event === 'draining');
  const stopped = gateway.process.stop();
  await draining;
  idle.send(`GET /_sluice/health HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`);
  const health = await idle.response();
  assert.equal(health.status, 503);
  assert.equal(health.header('connection'), 'close');
  assert.equal((await idle.rest()).bytes.length, 0);
  release.resolve();
  const response = await busy.response();
  assert.equal(response.status, 200);
  assert.equal(response.header('connection'), 'close');
  assert.equal((await stopped).code, 0);
  assert.equal(origin.started, 1);
});
