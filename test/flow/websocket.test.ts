// The handshake of a WebSocket through the gateway process: who may open one, what the upstream gets, what refuses.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { rawConnect, rawRequest } from '../support/raw.ts';
import { replying, startRawOrigin } from '../support/raw-origin.ts';
import { within } from '../support/wait.ts';
import { declinedSocket, handshake, openSocket, SWITCHED, startSocketOrigin } from '../support/websocket.ts';

const ACME = 'acme-secret-one-aaaaaaaa';
const SHOP = 'shop-secret-one-bbbbbbbb';

const routes = (upstream: unknown, more: Record<string, unknown> = {}, route: Record<string, unknown> = {}) => ({
  version: 1,
  upstreams: { live: upstream },
  routes: { events: { match: 'GET /events', to: 'live', auth: 'none', websocket: true, ...route } },
  ...more,
});
const tenants = {
  tenants: {
    acme: { keys: [ACME], roles: ['events.read'], headers: { 'x-tenant-tier': 'gold' } },
    shop: { keys: [SHOP] },
  },
};

async function metric(adminUrl: string, series: string): Promise<number | undefined> {
  const text = await (await fetch(`${adminUrl}/metrics`, { headers: { connection: 'close' } })).text();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length));
}

suite('a WebSocket', () => {
  test('carries messages both ways, and is one request in log and metrics', async (t) => {
    const origin = await startSocketOrigin(t);
    const { url, adminUrl, log } = await startGateway(t, { routes: routes(origin.url) });
    const client = await openSocket(t, `${url}/events?since=7`, { headers: { 'x-request-id': 'client-request-1' } });
    assert.equal(client.answer.headers['x-request-id'], 'client-request-1');
    assert.equal(origin.handshakes[0]?.url, '/events?since=7');
    client.send('hello').send(Buffer.from([0, 1, 2]));
    assert.deepEqual([String(await client.message()), [...(await client.message())]], ['hello', [0, 1, 2]]);
    assert.equal(await metric(adminUrl, 'sluice_http_requests_in_flight{route="events"}'), 1);
    assert.equal((await client.close()).code, 1000);

    const line = await log.until(({ route }) => route === 'events');
    assert.equal(line.status, 101);
    assert.equal(line['source'], 'upstream');
    assert.equal(line.request_id, 'client-request-1');
    assert.equal(line.reason, undefined);
    // Frames: header 2 + payload; masked toward the server by 4 more. Two messages and a close.
    assert.equal(line['bytes'], 7 + 5 + 4);
    const series = (name: string) => metric(adminUrl, `sluice_http_${name}`);
    assert.equal(await series('requests_in_flight{route="events"}'), 0);
    assert.equal(await series('requests_total{route="events",method="GET",code="101",source="upstream"}'), 1);
    assert.equal(await series('request_body_bytes_total{route="events"}'), 7 + 5 + 4 + 3 * 4);
    assert.equal(await series('response_body_bytes_total{route="events"}'), 7 + 5 + 4);
    assert.equal(log.access.length, 1);
  });

  test('speaks the subprotocol that the upstream chose', async (t) => {
    const origin = await startSocketOrigin(t, undefined, { handleProtocols: () => 'chat.v2' });
    const { url } = await startGateway(t, { routes: routes(origin.url) });
    const client = await openSocket(t, `${url}/events`, { protocols: ['chat.v1', 'chat.v2'] });
    assert.equal(client.socket.protocol, 'chat.v2');
    assert.equal(origin.handshakes[0]?.headers['sec-websocket-protocol'], 'chat.v1,chat.v2');
  });

  test('is opened with a key in a header, or from a page as a subprotocol that the upstream never sees', async (t) => {
    const origin = await startSocketOrigin(t);
    const { url, log } = await startGateway(t, { routes: routes(origin.url, tenants, { auth: 'key' }) });
    await openSocket(t, `${url}/events`, { headers: { 'x-api-key': ACME } });
    const page = await openSocket(t, `${url}/events`, { protocols: ['chat', `sluice.key.${ACME}`] });
    assert.equal(page.socket.protocol, 'chat');
    for (const { headers, rawHeaders } of origin.handshakes) {
      assert.equal(headers['x-tenant'], undefined);
      assert.equal(headers['x-tenant-tier'], 'gold');
      assert.ok(!rawHeaders.join().includes(ACME));
    }
    assert.equal(origin.handshakes[1]?.headers['sec-websocket-protocol'], 'chat');
    await page.close();
    assert.equal((await log.until(({ route }) => route === 'events'))['tenant'], 'acme');
  });

  test('that is refused is a problem like any other, and the last on its connection', async (t) => {
    const origin = await startSocketOrigin(t);
    const roles = { auth: { key: { roles: ['events.read'] } }, concurrency: 1, limit: '2/h' };
    const { url, port, log } = await startGateway(t, { routes: routes(origin.url, tenants, roles) });
    const refused = async (headers: Record<string, string>) => {
      const answer = await declinedSocket(t, `${url}/events`, { headers });
      assert.equal(answer.headers['content-type'], 'application/problem+json');
      assert.equal(answer.headers.connection, 'close');
      const document = JSON.parse(answer.body);
      assert.equal(document.request_id, answer.headers['x-request-id']);
      return [answer.status, document.code, answer.headers['retry-after']];
    };
    assert.deepEqual(await refused({}), [401, 'auth.missing', undefined]);
    assert.deepEqual(await refused({ 'x-api-key': SHOP }), [403, 'auth.role_missing', undefined]);

    const key = { 'x-api-key': ACME };
    const first = await openSocket(t, `${url}/events`, { headers: key });
    assert.equal(first.answer.headers['ratelimit-policy'], '"h";q=2;w=3600');
    assert.deepEqual(await refused(key), [429, 'concurrency.exceeded', '1']);
    await first.close();
    await log.until(({ status }) => status === 101);
    // The one in flight was given back, and the refusal was charged to no limit.
    await (await openSocket(t, `${url}/events`, { headers: key })).close();
    assert.deepEqual((await refused(key)).slice(0, 2), [429, 'rate_limit.exceeded']);

    const client = await rawConnect(t, port);
    assert.equal((await client.send(handshake('/events')).response()).status, 401);
    assert.equal((await client.rest()).ending, 'fin');
    assert.equal(origin.handshakes.length, 2);
  });

  test('is asked for with what the gateway says of the client, not with what the client says', async (t) => {
    const origin = await startSocketOrigin(t);
    const edits = { rewrite: '/feed', headers: { request: { set: { 'x-added': 'yes' }, remove: ['x-debug'] } } };
    const { port } = await startGateway(t, { routes: routes(`${origin.url}/base`, {}, edits) });
    const client = await rawConnect(t, port);
    const spoofed = ['X-Forwarded-For: 10.0.0.1', 'X-Tenant: root', 'x_tenant: root', 'Keep-Alive: 1', 'TE: trailers'];
    const others = ['X-Twice: a', 'X-Debug: 1', 'X-Twice: b', '__proto__: c', 'Proxy-Authorization: secret'];
    const { status } = await client.send(handshake('/events?a=1', ...spoofed, ...others)).response();
    assert.equal(status, 101);
    const { url, headers, rawHeaders } = origin.handshakes[0] ?? {};
    assert.equal(url, '/base/feed?a=1');
    assert.equal(headers?.['x-forwarded-for'], '127.0.0.1');
    assert.equal(headers?.['x-forwarded-host'], 'gateway.example');
    assert.equal(headers?.host, `127.0.0.1:${origin.port}`);
    assert.equal(headers?.['x-added'], 'yes');
    assert.match(headers?.via ?? '', /^1\.1 sluice /);
    assert.equal(headers?.['x-twice'], 'a, b');
    assert.equal(headers?.connection, 'Upgrade');
    const names = rawHeaders?.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase()) ?? [];
    for (const gone of ['x-tenant', 'x_tenant', 'keep-alive', 'te', 'x-debug', 'proxy-authorization']) {
      assert.ok(!names.includes(gone), gone);
    }
    assert.ok(names.includes('__proto__'));
  });

  test("is answered with the upstream's headers, but for those of its own connection", async (t) => {
    const extra =
      'Content-Length: 0\r\nKeep-Alive: timeout=5\r\nX-Request-Id: theirs\r\nX-Origin: one\r\nX-Origin: two\r\n';
    const extensions = 'Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n\r\n';
    const origin = await startRawOrigin(t, replying(SWITCHED.replace(/\r\n$/, extra + extensions)));
    const { port } = await startGateway(t, { routes: routes(origin.url) });
    const answer = await rawRequest(t, port, handshake('/events'));
    assert.equal(answer.status, 101);
    assert.deepEqual(
      answer.rawHeaders.filter((_, i, all) => all[i - (i % 2)] === 'X-Origin' && i % 2 === 1),
      ['one', 'two'],
    );
    assert.equal(answer.header('content-length'), undefined);
    assert.equal(answer.header('keep-alive'), undefined);
    assert.equal(answer.header('connection'), 'Upgrade');
    assert.match(answer.header('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
    assert.equal(answer.header('sec-websocket-extensions'), 'permessage-deflate; client_no_context_takeover');
  });
});

suite('an upstream that does not open a WebSocket', () => {
  test('declines: its answer is passed on, and no tunnel opened', async (t) => {
    const declined =
      'HTTP/1.1 403 Forbidden\r\nConnection: X-Hop\r\nX-Hop: 1\r\nX-Why: no\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnope\r\n0\r\n\r\n';
    const origin = await startRawOrigin(t, replying(declined));
    const { port, log } = await startGateway(t, { routes: routes(origin.url) });
    const client = await rawConnect(t, port);
    // A request behind the handshake would reach the upstream unseen, were this a tunnel.
    client.send(`${handshake('/events')}GET /admin HTTP/1.1\r\nHost: x\r\n\r\n`);
    const answer = await client.response();
    assert.deepEqual([answer.status, String(answer.body)], [403, 'nope']);
    assert.deepEqual(
      [answer.header('x-why'), answer.header('x-hop'), answer.header('connection')],
      ['no', undefined, 'close'],
    );
    assert.match(answer.header('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
    assert.equal((await client.rest()).bytes.length, 0);
    assert.equal((await log.until(({ route }) => route === 'events')).status, 403);
    const [connection] = origin.connections;
    assert.equal(connection?.received.toString().includes('/admin'), false);
    await connection?.closed;
  });

  test('has its long refusal passed on as fast as the client reads', async (t) => {
    const body = 'x'.repeat(3_000_000);
    const head = `HTTP/1.1 400 Bad Request\r\nContent-Length: ${body.length}\r\n\r\n`;
    const origin = await startRawOrigin(t, replying(head + body));
    const { port } = await startGateway(t, { routes: routes(origin.url) });
    const { status, body: received } = await rawRequest(t, port, handshake('/events'));
    assert.deepEqual([status, received.length], [400, body.length]);
  });

  for (const [what, answer, status, code] of [
    [
      'answers 101 without the accepted key',
      SWITCHED.replace(/Sec-WebSocket-Accept.*\r\n/, ''),
      502,
      'upstream.protocol',
    ],
    ['answers 101 for something else', SWITCHED.replace('websocket', 'h2c'), 502, 'upstream.protocol'],
    ['answers 101 without an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 502, 'upstream.protocol'],
    ['answers garbage', 'banana\r\n\r\n', 502, 'upstream.protocol'],
  ] as const) {
    test(`${what}: ${status}`, async (t) => {
      const origin = await startRawOrigin(t, replying(answer));
      const { url } = await startGateway(t, { routes: routes(origin.url, {}, { retry: 0 }) });
      const refused = await declinedSocket(t, `${url}/events`);
      assert.deepEqual([refused.status, JSON.parse(refused.body).code], [status, code]);
      await origin.idle();
    });
  }

  test('says nothing: 504 within the time of an attempt', async (t) => {
    const origin = await startRawOrigin(t, () => {});
    const upstream = { targets: [origin.url], timeout: { try: '150ms' } };
    const { url, log } = await startGateway(t, { routes: routes(upstream, {}, { retry: 0 }) });
    const refused = await declinedSocket(t, `${url}/events`);
    assert.deepEqual([refused.status, JSON.parse(refused.body).code], [504, 'upstream.timeout']);
    assert.equal((await log.until(({ route }) => route === 'events')).reason, 'upstream.timeout');
    await origin.idle();
  });

  test('closes the connection: 502, and then the breaker refuses', async (t) => {
    const origin = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      connection.reset();
    });
    const upstream = { targets: [origin.url], breaker: { min: 1 } };
    const { url } = await startGateway(t, { routes: routes(upstream, {}, { retry: 0 }) });
    const codes = [];
    for (let i = 0; i < 2; i++) codes.push(JSON.parse((await declinedSocket(t, `${url}/events`)).body).code);
    assert.deepEqual(codes, ['upstream.reset', 'upstream.breaker_open']);
    assert.equal(origin.connections.length, 1);
  });

  test('refuses the connection: another target has it', async (t) => {
    const origin = await startSocketOrigin(t);
    const targets = [`http://127.0.0.1:${await closedPort()}`, origin.url];
    const { url, log } = await startGateway(t, { routes: routes({ targets, balance: 'round_robin' }) });
    for (let i = 0; i < 2; i++) await (await openSocket(t, `${url}/events`)).close();
    const twice = await log.until(({ attempts }) => attempts === 2);
    assert.deepEqual([twice.status, twice['target']], [101, origin.url]);
  });

  test('is let go when the client leaves first', async (t) => {
    const origin = await startRawOrigin(t, () => {});
    const { port, log } = await startGateway(t, { routes: routes(origin.url) });
    const client = await rawConnect(t, port);
    client.send(handshake('/events'));
    const connection = await origin.connection(0);
    await connection.heads();
    client.halfClose();
    await within(connection.closed, 'end of the connection to the upstream');
    const line = await log.until(({ route }) => route === 'events');
    assert.deepEqual([line.status, line.reason], [499, 'client_gone']);
  });
});

suite('a request that is no WebSocket', () => {
  test('is served as a plain one, on a WebSocket route too', async (t) => {
    const origin = await startOrigin(t);
    const { url, port } = await startGateway(t, {
      routes: routes(origin.url, {
        routes: {
          events: { match: 'GET /events', to: 'live', auth: 'none', websocket: true },
          plain: { match: '/plain', to: 'live', auth: 'none' },
          off: { match: 'GET /off', to: 'live', auth: 'none', websocket: 'none' },
        },
      }),
    });
    assert.equal((await fetch(`${url}/events`)).status, 200);
    const upgrade = (path: string, change: (bytes: string) => string = (bytes) => bytes) =>
      rawRequest(t, port, change(handshake(path)));
    const answers = [
      await upgrade('/plain'),
      await upgrade('/off'),
      await upgrade('/events', (bytes) => bytes.replace('websocket', 'h2c')),
      await upgrade('/events', (bytes) => bytes.replace('websocket', 'websocket, h2c')),
      await upgrade('/events', (bytes) => bytes.replace(/Sec-WebSocket-Key: .*/, 'Sec-WebSocket-Key: short')),
      await upgrade('/plain', (bytes) => bytes.replace('GET', 'POST')),
      await upgrade('/events', (bytes) => bytes.replace('HTTP/1.1', 'HTTP/1.0')),
    ];
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 200),
    );
    for (const request of origin.received) assert.equal(request.header('upgrade'), undefined);
    assert.equal(origin.received.length, answers.length + 1);
  });

  test('has its faults told as ever', async (t) => {
    const origin = await startOrigin(t);
    const { port } = await startGateway(t, { routes: routes(origin.url) });
    const faults = [
      [handshake('/nowhere'), 404],
      [handshake('/events').replace('GET', 'PUT'), 405],
      [handshake('/events%00'), 400],
      [handshake('/events', 'Host: other.example'), 400],
      [handshake('http://other.example/events'), 400],
      [handshake('/events', 'Expect: banana'), 417],
      [handshake('/events', 'Content-Length: 3', 'Transfer-Encoding: chunked'), 400],
      [handshake('/events', 'Transfer-Encoding: gzip, chunked'), 501],
    ] as const;
    for (const [bytes, status] of faults) assert.equal((await rawRequest(t, port, bytes)).status, status, bytes);
    assert.equal(origin.received.length, 0);
  });

  test('with a body keeps to its own bytes: what looks like a request inside is none', async (t) => {
    const origin = await startOrigin(t);
    const { port } = await startGateway(t, { routes: routes(origin.url) });
    const inner = 'GET /events?smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
    for (const body of [
      `Content-Length: ${inner.length}\r\n\r\n${inner}`,
      `Transfer-Encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`,
    ]) {
      const client = await rawConnect(t, port);
      client.send(`${handshake('/events').slice(0, -2)}${body}`);
      const answer = await client.response();
      assert.deepEqual([answer.status, answer.header('connection')], [200, 'close']);
      await client.ended;
    }
    assert.deepEqual(
      origin.received.map((request) => [request.url, request.body.length]),
      [
        ['/events', inner.length],
        ['/events', inner.length],
      ],
    );
  });

  test('comes behind another on one connection: each has its answer, in order', async (t) => {
    const held = Promise.withResolvers<void>();
    const origin = await startOrigin(t, async (request, response) => {
      if (request.url === '/events?first') await held.promise;
      response.end(request.url);
    });
    const { port } = await startGateway(t, { routes: routes(origin.url) });
    const client = await rawConnect(t, port);
    client.send(`GET /events?first HTTP/1.1\r\nHost: x\r\n\r\n${handshake('/events?second')}`);
    await origin.request(0);
    held.resolve();
    const bodies = [String((await client.response()).body), String((await client.response()).body)];
    assert.deepEqual(bodies, ['/events?first', '/events?second']);
  });
});
