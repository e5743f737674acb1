import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { TlsSettings } from '../../../src/upstream/settings.ts';
import { temporaryDirectory } from '../../support/files.ts';
import { startOrigin } from '../../support/origin.ts';
import { listenOnLoopback } from '../../support/ports.ts';
import { type RawOrigin, replying, startRawOrigin } from '../../support/raw-origin.ts';
import { eventually, within } from '../../support/wait.ts';
import { createAuthority, type Issued } from '../../upstream/certificates.ts';
import { errorOf, never, openClient, vendorRequest } from './open-client.ts';

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

/** The first request of a connection is answered; what becomes of the second is told. */
function startTired(t: TestContext, second: string, tired: (index: number) => boolean): Promise<RawOrigin> {
  return startRawOrigin(t, async (connection) => {
    if (!(await connection.heads())) return;
    connection.write(OK);
    for (let heads = 2; await connection.heads(heads); heads++) {
      if (!tired(connection.index)) connection.write(OK);
      else connection.write(second).end();
    }
  });
}

describe('a connection', () => {
  test('serves one call after another, and is closed with the client', async (t) => {
    const origin = await startRawOrigin(t, replying(OK));
    const client = openClient(t, origin.url);
    for (let i = 0; i < 5; i++) assert.equal((await client.send(vendorRequest('/'), never())).body.toString(), 'ok');
    assert.equal(origin.connections.length, 1);
    await client.close();
    await origin.idle();
  });

  test('that the answer says is closed is not used again', async (t) => {
    for (const header of ['connection: close', 'keep-alive: timeout=1']) {
      const origin = await startRawOrigin(t, replying(`HTTP/1.1 200 OK\r\n${header}\r\ncontent-length: 2\r\n\r\nok`));
      const client = openClient(t, origin.url);
      for (let i = 0; i < 2; i++) await client.send(vendorRequest('/'), never());
      assert.equal(origin.connections.length, 2, header);
    }
  });

  test('on which something comes that nobody asked for is closed: it is no answer to the next call', async (t) => {
    const origin = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      connection.write(connection.index === 0 ? OK : 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmine');
    });
    const client = openClient(t, origin.url);
    await client.send(vendorRequest('/'), never());
    const first = await origin.connection(0);
    first.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nothers');
    await within(first.closed, 'end of the connection');
    assert.equal((await client.send(vendorRequest('/'), never())).body.toString(), 'mine');
  });

  test('on which two answers come at once is closed, and the second is nobody’s', async (t) => {
    const twice = `${OK}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nothers`;
    const origin = await startRawOrigin(t, replying(twice));
    const client = openClient(t, origin.url);
    for (let i = 0; i < 3; i++) {
      const said = await client.send(vendorRequest('/'), never()).then(
        ({ body }) => body.toString(),
        () => 'refused',
      );
      assert.notEqual(said, 'others');
    }
    assert.equal(origin.connections.length, 3);
  });

  test('of a call that was given up serves no other', async (t) => {
    const origin = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      if (connection.index === 0) connection.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nla');
      else connection.write(OK);
    });
    const client = openClient(t, origin.url);
    const controller = new AbortController();
    const call = errorOf(client.send(vendorRequest('/'), controller.signal));
    await (await origin.connection(0)).heads();
    controller.abort();
    await call;
    assert.equal((await client.send(vendorRequest('/'), never())).body.toString(), 'ok');
    assert.equal(origin.connections.length, 2);
  });
});

describe('a kept connection that closes as the request lands', () => {
  test('is replaced for an idempotent method, with its body', async (t) => {
    const origin = await startTired(t, '', (index) => index === 0);
    const client = openClient(t, origin.url);
    await client.send(vendorRequest('/'), never());
    const answer = await client.send(vendorRequest('/again', {}, 'body', 'PUT'), never());
    assert.equal(answer.body.toString(), 'ok');
    assert.equal(origin.connections.length, 2);
    const received = (await origin.connection(1)).received.toString();
    assert.match(received, /^PUT \/again HTTP\/1\.1\r\n.*\r\n\r\nbody$/s);
  });

  test('is not for any other: it may have been carried out', async (t) => {
    for (const method of ['POST', 'PATCH']) {
      const origin = await startTired(t, '', () => true);
      const client = openClient(t, origin.url);
      await client.send(vendorRequest('/'), never());
      const error = await errorOf(client.send(vendorRequest('/', {}, 'body', method), never()));
      assert.deepEqual(error.failure, { kind: 'reset', result: 'reset', unsent: false });
      assert.equal(origin.connections.length, 1);
    }
  });

  test('is not when an answer had begun', async (t) => {
    const origin = await startTired(t, 'HTTP/1.1 200 OK\r\n', () => true);
    const client = openClient(t, origin.url);
    await client.send(vendorRequest('/'), never());
    assert.equal((await errorOf(client.send(vendorRequest('/'), never()))).failure.kind, 'reset');
    assert.equal(origin.connections.length, 1);
  });

  test('takes those that are as old along, and the new one is not replaced again', async (t) => {
    let working = true;
    const origin = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      if (!working) return connection.end();
      // All together, so that each call has a connection of its own.
      await eventually(() => origin.connections.length >= 3, 'three connections');
      connection.write(OK);
      await connection.heads(2);
      connection.end();
    });
    const client = openClient(t, origin.url);
    await Promise.all([1, 2, 3].map(() => client.send(vendorRequest('/'), never())));
    working = false;
    const error = await errorOf(client.send(vendorRequest('/'), never()));
    assert.equal(error.failure.kind, 'reset');
    assert.equal(origin.connections.length, 4);
    await origin.idle();
  });
});

interface TlsOrigin {
  readonly url: string;
  /** Who called, by the name in their certificates; '' for nobody. */
  readonly callers: readonly string[];
}

async function startTls(t: TestContext, issued: Issued, askedOf?: string): Promise<TlsOrigin> {
  const callers: string[] = [];
  const asks = askedOf === undefined ? {} : { ca: askedOf, requestCert: true, rejectUnauthorized: true };
  const server = createServer({ ...issued, ...asks }, (_request, response) => response.end('ok'));
  server.keepAliveTimeout = 0;
  server.on('secureConnection', (socket: TLSSocket) => callers.push(socket.getPeerX509Certificate()?.subject ?? ''));
  server.on('tlsClientError', () => {}); // what the client makes of it is the test
  const port = await listenOnLoopback(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://127.0.0.1:${port}`, callers };
}

function tlsOf(settings: Partial<TlsSettings>): { tls: TlsSettings } {
  return { tls: { ca: undefined, cert: undefined, key: undefined, servername: undefined, ...settings } };
}

describe('tls', () => {
  test('to a third party whose authority is trusted is set up once, and its expiry is known', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startTls(t, authority.issue('vendor.internal', { days: 10 }));
    const client = openClient(t, origin.url, tlsOf({ ca: authority.cert }));
    for (let i = 0; i < 3; i++) assert.equal((await client.send(vendorRequest('/'), never())).body.toString(), 'ok');
    assert.equal(origin.callers.length, 1);
    const days = ((client.certificateExpiryS() ?? 0) - Date.now() / 1000) / 86_400;
    assert.ok(days > 9 && days <= 10, `${days} days`);
  });

  for (const [name, days, trusted, servername] of [
    ['of an unknown authority', 30, false, undefined],
    ['that has expired', -1, true, undefined],
    ['for another name', 30, true, 'other.internal'],
  ] as const) {
    test(`a certificate ${name} is refused, whatever the environment says`, async (t) => {
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      t.after(() => {
        delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      });
      const authority = await createAuthority(t);
      const origin = await startTls(t, authority.issue('vendor.internal', { days }));
      const settings = tlsOf({ ca: trusted ? authority.cert : undefined, servername });
      const error = await errorOf(openClient(t, origin.url, settings).send(vendorRequest('/'), never()));
      assert.deepEqual(error.failure, { kind: 'tls', result: 'tls', unsent: true });
    });
  }

  test('where there is none is told apart', async (t) => {
    const origin = await startRawOrigin(t, (connection) => connection.write('HTTP/1.1 400 Bad Request\r\n\r\n').end());
    const error = await errorOf(openClient(t, origin.url.replace('http:', 'https:')).send(vendorRequest('/'), never()));
    assert.equal(error.failure.kind, 'tls_protocol');
  });

  test('that asks who we are is told; without a certificate of ours there is no answer', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startTls(t, authority.issue('vendor.internal'), authority.cert);
    const { cert, key } = authority.issue('gateway.internal');
    const known = openClient(t, origin.url, tlsOf({ ca: authority.cert, cert, key, servername: 'vendor.internal' }));
    assert.equal((await known.send(vendorRequest('/'), never())).status, 200);
    assert.deepEqual(origin.callers, ['CN=gateway.internal']);
    const unknown = openClient(t, origin.url, tlsOf({ ca: authority.cert }));
    const { failure } = await errorOf(unknown.send(vendorRequest('/'), never()));
    // With TLS 1.3 the refusal comes after the handshake: as an alert, or as the close behind it.
    assert.ok(failure.kind === 'tls' || failure.kind === 'reset', failure.kind);
  });

  test('uses new files from the next call on, on new connections', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startTls(t, authority.issue('vendor.internal'), authority.cert);
    const old = authority.issue('old.internal');
    const next = authority.issue('next.internal');
    const folder = await temporaryDirectory(t, { 'gw.pem': old.cert + old.key });
    const events: string[] = [];
    const reloaded = Promise.withResolvers<void>();
    const client = openClient(t, origin.url, tlsOf({ ca: authority.cert, cert: 'gw.pem', key: 'gw.pem' }), {
      folder,
      onEvent: (level, event) => {
        events.push(`${level} ${event}`);
        if (event === 'tls_reloaded') reloaded.resolve();
      },
    });
    client.start();
    await client.send(vendorRequest('/'), never());
    await writeFile(join(folder, 'gw.pem'), next.cert + next.key);
    await within(reloaded.promise, 'new certificate');
    await client.send(vendorRequest('/'), never());
    assert.deepEqual(origin.callers, ['CN=old.internal', 'CN=next.internal']);
    assert.ok(events.includes('info tls_reloaded'));
  });

  test('needs material that can be read', (t) => {
    assert.throws(() => openClient(t, 'https://127.0.0.1', tlsOf({ ca: 'absent.pem' })), /absent\.pem/);
  });
});

test('many calls at once are answered each with its own, and leave nothing behind', async (t) => {
  const origin = await startOrigin(t, ({ url, body }, response) => void response.end(`${url} ${body.toString()}`));
  const client = openClient(t, origin.url);
  const calls = Array.from({ length: 200 }, async (_, i) => {
    const { body } = await client.send(vendorRequest(`/${i}`, {}, `body ${i}`), never());
    assert.equal(body.toString(), `/${i} body ${i}`);
  });
  await Promise.all(calls);
  await client.close();
  await eventually(() => origin.connections === 0, 'closed connections');
});
