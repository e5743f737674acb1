import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { describe, type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { classifyError } from '../../src/resilience/outcome.ts';
import { type Connection, Connections, SERVER_NAME } from '../../src/upstream/connections.ts';
import { createConnector } from '../../src/upstream/connector.ts';
import { TlsSource } from '../../src/upstream/tls.ts';
import { startOrigin } from '../support/origin.ts';
import { startRawOrigin } from '../support/raw-origin.ts';
import { eventually } from '../support/wait.ts';
import { startBlackHole } from './black-hole.ts';
import { createAuthority } from './certificates.ts';

interface Options {
  readonly tls?: TlsSource;
  readonly connectTimeoutMs?: number;
  readonly onPeerExpiry?: (expiresAtMs: number) => void;
  readonly most?: number;
}

function open(
  t: TestContext,
  origin: string,
  { tls, connectTimeoutMs = 60_000, onPeerExpiry, most = 1 }: Options = {},
): Connections {
  const report = onPeerExpiry === undefined ? {} : { onPeerExpiry };
  const connect = createConnector({ connectTimeoutMs, lookup, tls, pending: new Set(), ...report });
  const connections = new Connections(origin, most, connect);
  t.after(() => connections.close());
  return connections;
}

/** Stands in line as a call does. */
function take(connections: Connections): Promise<Connection> {
  return new Promise((go) => {
    const free = connections.enter({ ahead: undefined, behind: undefined, go });
    if (free !== undefined) go(free);
  });
}

async function get(connections: Connections, host?: string): Promise<number> {
  const connection = await take(connections);
  try {
    return await getOn(connection, host);
  } finally {
    connections.done(connection, false);
  }
}

async function getOn(connection: Connection, host?: string): Promise<number> {
  const request = {
    method: 'GET',
    path: '/',
    headers: host === undefined ? {} : { host },
    servername: SERVER_NAME,
  } as const;
  const { statusCode, body } = await connection.request(request);
  await body.dump();
  return statusCode;
}

async function failureOf(call: Promise<unknown>): Promise<Error> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Error, 'the call fails');
  return error;
}

async function startTls(t: TestContext, options: ServerOptions) {
  let connections = 0;
  const server = createTlsServer(options, (_request, response) => response.end('ok'));
  const protocols: unknown[] = [];
  server.on('secureConnection', ({ alpnProtocol }) => {
    connections += 1;
    protocols.push(alpnProtocol);
  });
  server.on('tlsClientError', () => {}); // what the client makes of it is the test
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { url: `https://127.0.0.1:${address.port}`, connections: () => connections, protocols };
}

test('a connection is reused', async (t) => {
  const origin = await startOrigin(t);
  const connections = open(t, origin.url);
  assert.equal(await get(connections), 200);
  assert.equal(await get(connections), 200);
  assert.equal(origin.connections, 1);
});

test('the connection used last is the first to be used again, a broken one the last', async (t) => {
  const connections = open(t, 'http://127.0.0.1:9', { most: 3 });
  const [first, second, third] = [await take(connections), await take(connections), await take(connections)];
  connections.done(first, false);
  connections.done(second, true);
  connections.done(third, false);
  await setImmediate();
  assert.deepEqual(
    [await take(connections), await take(connections), await take(connections)].map((each) =>
      [first, second, third].indexOf(each),
    ),
    [2, 0, 1],
  );
});

test('who has left the line is passed over, the others have their turns in order', async (t) => {
  const connections = open(t, 'http://127.0.0.1:9');
  const taken = await take(connections);
  const turns: string[] = [];
  const line = ['a', 'b', 'c'].map((name) => ({ ahead: undefined, behind: undefined, go: () => turns.push(name) }));
  for (const each of line) assert.equal(connections.enter(each), undefined);
  const [, leaver] = line;
  assert.ok(leaver !== undefined);
  connections.leave(leaver);
  connections.done(taken, false);
  connections.done(taken, false);
  await setImmediate();
  assert.deepEqual(turns, ['a', 'c']);
  connections.done(taken, false);
  assert.equal(await take(connections), taken);
});

test('an answer that nobody asked for is not that of the next in line', async (t) => {
  const saying = (status: number): string => `HTTP/1.1 ${status} Said\r\nContent-Length: 0\r\n\r\n`;
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write(saying(200));
  });
  const connections = open(t, origin.url);
  const first = await take(connections);
  const next = take(connections);
  assert.equal(await getOn(first), 200);
  // It has come when the next one is asked for, and is not read yet.
  origin.connections[0]?.write(saying(418));
  connections.done(first, false);
  assert.equal(await getOn(await next), 200);
});

test('the next in line has another connection when the one it was given is reset before it has sent anything', async (t) => {
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  });
  const connections = open(t, origin.url);
  const first = await take(connections);
  const next = take(connections);
  assert.equal(await getOn(first), 200);
  // It has come when the next one is asked for, and is not read yet.
  origin.connections[0]?.socket.resetAndDestroy();
  connections.done(first, false);
  assert.equal(await getOn(await next), 200);
  assert.equal(origin.connections.length, 2);
});

test('the next in line has no connection in the turn in which it broke', async (t) => {
  const connections = open(t, 'http://127.0.0.1:9');
  const taken = await take(connections);
  const turns: Connection[] = [];
  const go = (connection: Connection) => turns.push(connection);
  assert.equal(connections.enter({ ahead: undefined, behind: undefined, go }), undefined);
  connections.done(taken, true);
  assert.deepEqual(turns, []);
  await setImmediate();
  assert.deepEqual(turns, [taken]);
});

test('what is opened once they are closed is closed after its use, and is not closed again', async (t) => {
  const origin = await startOrigin(t);
  const connections = open(t, origin.url);
  await connections.close();
  assert.equal(await get(connections), 200);
  await eventually(() => origin.connections === 0, 'end of the connection');
  await connections.close();
});

test('after a renewal nothing goes on an old connection, whose request is left to end', async (t) => {
  let finish: (() => void) | undefined;
  const origin = await startOrigin(t, (_request, response) => {
    finish = () => response.end();
  });
  const connections = open(t, origin.url);
  const old = await take(connections);
  const answered = getOn(old);
  const end = await eventually(() => finish, 'request');
  const renewed = connections.renew();
  end();
  assert.equal(await answered, 200);
  connections.done(old, false);
  await renewed;
  assert.notEqual(await take(connections), old);
  await eventually(() => origin.connections === 0, 'end of the old connection');
});

test('a connect into a black hole ends at its timeout, as a connect timeout', async (t) => {
  const port = await startBlackHole(t);
  const startedAt = performance.now();
  // undici's own timers know half seconds only: 500 or 1,000 ms. However busy the machine, this one fires before those.
  let late = false;
  const timer = setTimeout(() => {
    late = true;
  }, 480);
  const error = await failureOf(get(open(t, `http://127.0.0.1:${port}`, { connectTimeoutMs: 300 })));
  const tookMs = performance.now() - startedAt;
  assert.equal(classifyError(error, false).kind, 'connect_timeout');
  clearTimeout(timer);
  assert.ok(tookMs >= 299 && !late, `${tookMs} ms`);
});

test('a refused connect fails at once', async (t) => {
  const origin = await startOrigin(t);
  await origin.stop();
  assert.equal(classifyError(await failureOf(get(open(t, origin.url))), false).kind, 'refused');
});

test('response headers larger than 16 KiB are a failure of the target', async (t) => {
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write(`HTTP/1.1 200 OK\r\nx-large: ${'x'.repeat(17_000)}\r\ncontent-length: 0\r\n\r\n`);
  });
  assert.equal(classifyError(await failureOf(get(open(t, origin.url))), true).kind, 'protocol');
});

describe('tls', () => {
  test('a target whose authority is trusted is used, and its expiry is known', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startTls(t, authority.issue('catalog.internal'));
    let expiresAtMs = 0;
    const onPeerExpiry = (ms: number): void => {
      expiresAtMs = ms;
    };
    const tls = new TlsSource({ ca: authority.cert, cert: undefined, key: undefined, servername: undefined }, '.');
    assert.equal(await get(open(t, origin.url, { tls, onPeerExpiry })), 200);
    assert.ok(expiresAtMs > Date.now());
  });

  for (const [name, issue, ca, servername] of [
    ['of an unknown authority', {}, false, undefined],
    ['that has expired', { days: -1 }, true, undefined],
    ['for another name', {}, true, 'orders.internal'],
  ] as const) {
    test(`a certificate ${name} is refused, whatever the environment says`, async (t) => {
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      t.after(() => {
        delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      });
      const authority = await createAuthority(t);
      const origin = await startTls(t, authority.issue('catalog.internal', issue));
      const tls = new TlsSource(
        { ca: ca ? authority.cert : undefined, cert: undefined, key: undefined, servername },
        '.',
      );
      const error = await failureOf(get(open(t, origin.url, { tls })));
      assert.deepEqual(classifyError(error, false), { kind: 'tls', result: 'tls', unsent: true });
    });
  }

  test('a target that would rather speak HTTP/2 is spoken to in HTTP/1.1', async (t) => {
    const authority = await createAuthority(t);
    const issued = authority.issue('catalog.internal');
    const origin = await startTls(t, { ...issued, ALPNProtocols: ['h2', 'http/1.1'] });
    const tls = new TlsSource({ ca: authority.cert, cert: undefined, key: undefined, servername: undefined }, '.');
    assert.equal(await get(open(t, origin.url, { tls })), 200);
    assert.deepEqual(origin.protocols, ['http/1.1']);
  });

  test('a target that asks for it gets our certificate', async (t) => {
    const authority = await createAuthority(t);
    const server = authority.issue('catalog.internal');
    const origin = await startTls(t, { ...server, ca: authority.cert, requestCert: true, rejectUnauthorized: true });
    const { cert, key } = authority.issue('gateway.internal');
    const mutual = new TlsSource({ ca: authority.cert, cert, key, servername: 'catalog.internal' }, '.');
    assert.equal(await get(open(t, origin.url, { tls: mutual })), 200);
    const anonymous = new TlsSource(
      { ca: authority.cert, cert: undefined, key: undefined, servername: undefined },
      '.',
    );
    // With TLS 1.3 the refusal comes after the handshake: as an alert, or as the close behind it.
    await failureOf(get(open(t, origin.url, { tls: anonymous })));
  });

  test('requests for different hosts share a connection', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startTls(t, authority.issue('catalog.internal'));
    const tls = new TlsSource({ ca: authority.cert, cert: undefined, key: undefined, servername: undefined }, '.');
    const connections = open(t, origin.url, { tls });
    for (const host of ['a.example', 'b.example', 'c.example']) assert.equal(await get(connections, host), 200);
    assert.equal(origin.connections(), 1);
  });

  test('a handshake that never ends is a connect timeout', async (t) => {
    const origin = await startRawOrigin(t, () => {});
    const connections = open(t, origin.url.replace('http:', 'https:'), { connectTimeoutMs: 100 });
    assert.equal(classifyError(await failureOf(get(connections)), false).kind, 'connect_timeout');
  });

  test('a target that speaks plain HTTP is a TLS failure', async (t) => {
    const origin = await startRawOrigin(t, (connection) => connection.write('HTTP/1.1 400 Bad Request\r\n\r\n').end());
    const error = await failureOf(get(open(t, origin.url.replace('http:', 'https:'))));
    assert.equal(classifyError(error, false).kind, 'tls_protocol');
  });
});
