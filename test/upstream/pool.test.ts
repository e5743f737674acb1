import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { once } from 'node:events';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { describe, type TestContext, test } from 'node:test';
import type { Pool } from 'undici';
import { classifyError } from '../../src/resilience/outcome.ts';
import { createConnector, createPool } from '../../src/upstream/pool.ts';
import { TlsSource } from '../../src/upstream/tls.ts';
import { startOrigin } from '../support/origin.ts';
import { startRawOrigin } from '../support/raw-origin.ts';
import { startBlackHole } from './black-hole.ts';
import { createAuthority } from './certificates.ts';

interface PoolOptions {
  readonly tls?: TlsSource;
  readonly connectTimeoutMs?: number;
  readonly onPeerExpiry?: (expiresAtMs: number) => void;
}

function open(
  t: TestContext,
  origin: string,
  { tls, connectTimeoutMs = 60_000, onPeerExpiry }: PoolOptions = {},
): Pool {
  const report = onPeerExpiry === undefined ? {} : { onPeerExpiry };
  const pool = createPool(origin, 1, createConnector({ connectTimeoutMs, lookup, tls, pending: new Set(), ...report }));
  t.after(() => pool.destroy());
  return pool;
}

async function get(pool: Pool, host?: string): Promise<number> {
  const { statusCode, body } = await pool.request({
    method: 'GET',
    path: '/',
    headers: host === undefined ? {} : { host },
  });
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
  const pool = open(t, origin.url);
  assert.equal(await get(pool), 200);
  assert.equal(await get(pool), 200);
  assert.equal(origin.connections, 1);
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
    const pool = open(t, origin.url, { tls });
    for (const host of ['a.example', 'b.example', 'c.example']) assert.equal(await get(pool, host), 200);
    assert.equal(origin.connections(), 1);
  });

  test('a handshake that never ends is a connect timeout', async (t) => {
    const origin = await startRawOrigin(t, () => {});
    const pool = open(t, origin.url.replace('http:', 'https:'), { connectTimeoutMs: 100 });
    assert.equal(classifyError(await failureOf(get(pool)), false).kind, 'connect_timeout');
  });

  test('a target that speaks plain HTTP is a TLS failure', async (t) => {
    const origin = await startRawOrigin(t, (connection) => connection.write('HTTP/1.1 400 Bad Request\r\n\r\n').end());
    const error = await failureOf(get(open(t, origin.url.replace('http:', 'https:'))));
    assert.equal(classifyError(error, false).kind, 'tls_protocol');
  });
});
