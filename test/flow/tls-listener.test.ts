// TLS toward clients, through the gateway process: real certificates, renewed and broken while requests run.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { type Agent, Agent as HttpsAgent, request } from 'node:https';
import { connect as connectPlainly, createServer } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import type { CleanUp } from '../support/clean-up.ts';
import { type RunningGateway, spawnGateway, startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { closedPort, listenOnLoopback } from '../support/ports.ts';
import { rawConnect, rawRequest } from '../support/raw.ts';
import { startRawOrigin } from '../support/raw-origin.ts';
import { eventually, within } from '../support/wait.ts';
import { openSocket, startSocketOrigin } from '../support/websocket.ts';
import { type Authority, createAuthority, type Issued } from '../upstream/certificates.ts';

const routes = (upstream: string) => ({
  version: 1,
  upstreams: { orders: upstream },
  routes: {
    all: { match: '/**', to: 'orders', auth: 'none', websocket: 'none' },
    live: { match: 'GET /live', to: 'orders', auth: 'none', websocket: true },
  },
});

async function startSecure(t: CleanUp, upstream: string, { cert, key }: Issued, listen = {}): Promise<RunningGateway> {
  return startGateway(t, {
    routes: routes(upstream),
    gateway: {
      listen: { host: '127.0.0.1', tls: { cert: 'tls.pem', key: 'tls.key' }, ...listen },
    },
    files: { 'tls.pem': cert, 'tls.key': key },
  });
}

/** Replaces a file as `certbot` and Kubernetes do: never half of it is there. */
async function replace({ process: { directory } }: RunningGateway, name: string, text: string): Promise<void> {
  await writeFile(join(directory, `${name}.new`), text);
  await rename(join(directory, `${name}.new`), join(directory, name));
}

async function handshakeWith(t: CleanUp, port: number, ca: string, options = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2', 'http/1.1'], ...options });
  t.after(() => {
    socket.destroy();
  });
  await once(socket, 'secureConnect');
  return socket;
}

/** Common name of the certificate that new connections get. */
async function presented(t: CleanUp, port: number, { cert }: Authority): Promise<unknown> {
  const socket = await handshakeWith(t, port, cert);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN;
}

async function get(port: number, path: string, ca: string, agent?: Agent): Promise<{ status: number; body: string }> {
  const req = request({ host: '127.0.0.1', port, path, ca, ...(agent !== undefined && { agent }) }).end();
  const [res] = await once(req, 'response');
  let body = '';
  for await (const chunk of res) body += String(chunk);
  return { status: res.statusCode, body };
}

async function expiry({ adminUrl }: RunningGateway): Promise<number> {
  const text = await (await fetch(`${adminUrl}/metrics`, { headers: { connection: 'close' } })).text();
  const [, value] =
    /^sluice_certificate_expiry_timestamp_seconds\{[^}]*listener="data"[^}]*\} (\S+)$/m.exec(text) ?? [];
  return Number(value);
}

const ALERT = 21;
const RECORD_HEAD_BYTES = 5;

/** Among TLS records: a type, two bytes of version, two of length, and what is in it. */
function countAlerts(records: Buffer): number {
  let alerts = 0;
  for (let at = 0; at + RECORD_HEAD_BYTES <= records.length; at += RECORD_HEAD_BYTES + records.readUInt16BE(at + 3))
    if (records[at] === ALERT) alerts++;
  return alerts;
}

suite('HTTPS', () => {
  test('is served with TLS 1.2 or newer and HTTP/1.1, and upstreams are told', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startOrigin(t);
    const gateway = await startSecure(t, origin.url, authority.issue('gateway.example'));
    assert.match(gateway.url, /^https:/);
    assert.equal((await get(gateway.port, '/orders', authority.cert)).status, 200);
    assert.equal(origin.received[0]?.header('x-forwarded-proto'), 'https');
    const socket = await handshakeWith(t, gateway.port, authority.cert);
    assert.equal(socket.alpnProtocol, 'http/1.1');
    assert.equal(socket.getProtocol(), 'TLSv1.3');
    const old = handshakeWith(t, gateway.port, authority.cert, {
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    await assert.rejects(old, /alert protocol version|unsupported protocol/i);
  });

  test('carries WebSockets, and closes them when the gateway shuts down', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startSocketOrigin(t);
    const gateway = await startSecure(t, origin.url, authority.issue('gateway.example'));
    const client = await openSocket(t, `${gateway.url}/live`, { ca: authority.cert });
    const message = Buffer.alloc(300_000, 1);
    assert.ok(message.equals(await client.send(message).message()));
    assert.equal(origin.handshakes[0]?.headers['x-forwarded-proto'], 'https');
    const exit = gateway.process.stop();
    assert.equal((await within(client.closed, 'close')).code, 1001);
    assert.equal((await exit).code, 0);
  });

  test('cuts an answer to HTTP/1.0 that its upstream has broken off, and goes on', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
      if (connection.index === 0) connection.end();
      else connection.write('0\r\n\r\n');
    });
    const gateway = await startSecure(t, origin.url, authority.issue('gateway.example'));
    // In TLS 1.2 an alert can be told from what else is sent: without one, an end is not one that the gateway meant.
    const records: Buffer[] = [];
    const relay = createServer((near) => {
      const far = connectPlainly(gateway.port, '127.0.0.1');
      far.on('data', (bytes: Buffer) => records.push(bytes));
      near.pipe(far).pipe(near);
    });
    const port = await listenOnLoopback(relay);
    t.after(() => {
      relay.close();
    });
    const alerts = async (): Promise<number> => {
      records.length = 0;
      const socket = await handshakeWith(t, port, authority.cert, { maxVersion: 'TLSv1.2' });
      socket.write('GET /orders HTTP/1.0\r\n\r\n');
      assert.match(String(await buffer(socket)), /\r\n\r\nhalf$/);
      return countAlerts(Buffer.concat(records));
    };
    assert.equal(await alerts(), 0);
    assert.equal(await alerts(), 1);
  });

  test('takes over a certificate that is renamed into place, and drops no connection', async (t) => {
    const authority = await createAuthority(t);
    const held = Promise.withResolvers<void>();
    const origin = await startOrigin(t, async (received, response) => {
      if (received.url === '/held') await held.promise;
      response.end('done');
    });
    const gateway = await startSecure(t, origin.url, authority.issue('first.example'));
    const agent = new HttpsAgent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const before = await expiry(gateway);
    const answer = get(gateway.port, '/held', authority.cert, agent);
    await eventually(() => origin.started === 1, 'request at the origin');

    const next = authority.issue('second.example', { days: 60 });
    await replace(gateway, 'tls.pem', next.cert);
    await replace(gateway, 'tls.key', next.key);
    const reloaded = await gateway.log.until(({ event }) => event === 'certificate_reloaded');
    assert.equal(await presented(t, gateway.port, authority), 'second.example');
    assert.equal(await expiry(gateway), Date.parse(String(reloaded['expires_at'])) / 1000);
    assert.ok((await expiry(gateway)) > before + 86_400);

    held.resolve();
    assert.equal((await answer).status, 200);
    // On the connection of before, with the certificate of before.
    assert.equal((await get(gateway.port, '/again', authority.cert, agent)).status, 200);
    assert.equal(Object.values(agent.freeSockets).flat().length, 1);
  });

  test('keeps the certificate it has when the new one is no good', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startOrigin(t);
    const gateway = await startSecure(t, origin.url, authority.issue('first.example'));
    const next = authority.issue('second.example');
    const before = await expiry(gateway);

    // The certificate without its key, as between the two writes of a careless renewal.
    await replace(gateway, 'tls.pem', next.cert);
    await gateway.log.until(({ event }) => event === 'certificate_refused');
    assert.equal(await presented(t, gateway.port, authority), 'first.example');
    const lines = gateway.log.lines.length;
    await replace(gateway, 'tls.pem', 'not a certificate');
    const refused = await gateway.log.until(({ event }) => event === 'certificate_refused', lines);
    assert.ok(!JSON.stringify(refused).includes('PRIVATE KEY'));
    assert.equal(await presented(t, gateway.port, authority), 'first.example');
    assert.equal(await expiry(gateway), before);

    await replace(gateway, 'tls.key', next.key);
    await replace(gateway, 'tls.pem', next.cert);
    await gateway.log.until(({ event }) => event === 'certificate_reloaded', lines);
    assert.equal(await presented(t, gateway.port, authority), 'second.example');
  });

  test('waits for a handshake no longer than for a header section', async (t) => {
    const { cert, key } = (await createAuthority(t)).issue('gateway.example');
    const gateway = await startGateway(t, {
      routes: routes('http://127.0.0.1:1'),
      gateway: { listen: { tls: { cert: 'tls.pem', key: 'tls.key' } }, limits: { header_timeout: '200ms' } },
      files: { 'tls.pem': cert, 'tls.key': key },
    });
    const silent = await rawConnect(t, gateway.port);
    await within(silent.ended, 'end of the connection');
    // Not even a plain request is answered here.
    const plain = await rawConnect(t, gateway.port);
    assert.equal((await plain.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').rest()).bytes.includes('HTTP/1.1'), false);
  });

  test('is not started without a certificate that works', async (t) => {
    const authority = await createAuthority(t);
    const [one, other] = [authority.issue('one.example'), authority.issue('other.example')];
    for (const files of [
      { 'tls.pem': one.cert, 'tls.key': other.key },
      { 'tls.pem': 'nothing', 'tls.key': one.key },
      { 'tls.key': one.key },
    ]) {
      const gateway = await spawnGateway(t, {
        routes: routes('http://127.0.0.1:1'),
        gateway: { listen: { tls: { cert: 'tls.pem', key: 'tls.key' } } },
        files,
      });
      const { code } = await gateway.exited;
      assert.equal(code, 78);
      assert.match(gateway.stderr, /tls/);
      assert.doesNotMatch(gateway.stderr, /PRIVATE KEY/);
    }
  });
});

suite('plain HTTP beside HTTPS', () => {
  test('says where HTTPS is, with the same path and query', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startOrigin(t);
    const redirectPort = await closedPort();
    const gateway = await startSecure(t, origin.url, authority.issue('gateway.example'), {
      redirect_http: redirectPort,
    });
    const ask = async (line: string, host = 'Host: gateway.example:80') => {
      const answer = await rawRequest(t, redirectPort, `${line} HTTP/1.1\r\n${host}\r\n\r\n`);
      return [answer.status, answer.header('location')];
    };
    const at = `https://gateway.example:${gateway.port}`;
    assert.deepEqual(await ask('GET /orders/7?v=2&x=%20'), [308, `${at}/orders/7?v=2&x=%20`]);
    assert.deepEqual(await ask('POST /orders'), [308, `${at}/orders`]);
    assert.deepEqual(await ask('GET //evil.example/x'), [308, `${at}//evil.example/x`]);
    for (const [line, host] of [
      ['GET /', 'Host: evil.example/@gateway'],
      ['GET /', 'Host: a b'],
      ['GET http://evil.example/', 'Host: gateway.example'],
      ['OPTIONS *', 'Host: gateway.example'],
    ] as const) {
      assert.deepEqual(await ask(line, host), [400, undefined], `${line} ${host}`);
    }
    assert.equal(origin.received.length, 0);
  });

  test('a port that is taken ends the start, with nothing left listening', async (t) => {
    const authority = await createAuthority(t);
    const taken = createServer();
    const port = await listenOnLoopback(taken);
    t.after(() => {
      taken.close();
    });
    const { cert, key } = authority.issue('gateway.example');
    const gateway = await spawnGateway(t, {
      routes: routes('http://127.0.0.1:1'),
      gateway: { listen: { host: '127.0.0.1', tls: { cert: 'tls.pem', key: 'tls.key' }, redirect_http: port } },
      files: { 'tls.pem': cert, 'tls.key': key },
    });
    const { code } = await within(gateway.exited, 'exit');
    assert.equal(code, 69);
    assert.match(gateway.stderr, new RegExp(`EADDRINUSE.*${port}`));
  });
});
