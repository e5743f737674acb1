// TLS toward upstreams, through the gateway process: whom it trusts, what it presents, and that it is never less than that.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerOptions } from 'node:https';
import { suite, test } from 'node:test';
import { createSecureContext, type TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import type { CleanUp } from '../support/clean-up.ts';
import { temporaryDirectory } from '../support/files.ts';
import { type GatewayOptions, startGateway } from '../support/gateway.ts';
import { closedPort, listenOnLoopback } from '../support/ports.ts';
import { eventually } from '../support/wait.ts';
import { declinedSocket, openSocket } from '../support/websocket.ts';
import { type Authority, createAuthority } from '../upstream/certificates.ts';

interface SecureOrigin {
  readonly url: string;
  /** Common names of the client certificates of the requests that came. */
  readonly callers: readonly string[];
}

/** An https upstream that also echoes on WebSockets. */
async function startSecureOrigin(t: CleanUp, options: ServerOptions): Promise<SecureOrigin> {
  const callers: string[] = [];
  const server = createServer(options, (_req, res) => {
    res.end('secret');
  });
  const note = ({ socket }: { socket: unknown }): void => {
    const { subject } = (socket as TLSSocket).getPeerCertificate();
    callers.push(String(subject?.CN ?? 'nobody'));
  };
  server.on('request', note);
  server.on('upgrade', note);
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  const port = await listenOnLoopback(server);
  t.after(async () => {
    for (const socket of sockets.clients) socket.terminate();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return { url: `https://127.0.0.1:${port}`, callers };
}

const routes = (target: string, tls: unknown) => ({
  version: 1,
  upstreams: { bank: { targets: [target], ...(tls !== undefined && { tls }) } },
  routes: {
    all: { match: '/**', to: 'bank', auth: 'none', retry: 0 },
    live: { match: 'GET /live', to: 'bank', auth: 'none', websocket: true, retry: 0 },
  },
});

async function calls(t: CleanUp, target: string, tls: unknown, more: Partial<GatewayOptions> = {}) {
  const gateway = await startGateway(t, { routes: routes(target, tls), ...more });
  const get = async () => {
    const response = await fetch(`${gateway.url}/accounts`);
    const body = await response.text();
    return response.ok ? body : [response.status, JSON.parse(body).code, response.headers.get('proxy-status')];
  };
  return { gateway, get };
}

const REFUSED = [502, 'upstream.tls', 'sluice; error=tls_certificate_error'];

async function refusedSocket(t: CleanUp, url: string) {
  const { status, headers, body } = await declinedSocket(t, `${url}/live`);
  return [status, JSON.parse(body).code, headers['proxy-status']];
}

suite('an https upstream', () => {
  test('is trusted by the authority that the route file names, for requests and WebSockets', async (t) => {
    const authority = await createAuthority(t);
    const origin = await startSecureOrigin(t, authority.issue('bank.internal'));
    const { gateway, get } = await calls(t, origin.url, { ca: 'ca.pem' }, { files: { 'ca.pem': authority.cert } });
    assert.equal(await get(), 'secret');
    const socket = await openSocket(t, `${gateway.url}/live`);
    assert.equal(String(await socket.send('hello').message()), 'hello');
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`, { headers: { connection: 'close' } })).text();
    assert.match(metrics, /^sluice_certificate_expiry_timestamp_seconds\{[^}]*upstream="bank"[^}]*\} \d/m);
  });

  const untrusted: readonly (readonly [string, (authority: Authority) => ServerOptions, (ca: string) => unknown])[] = [
    ['of an authority nobody named', (authority) => authority.issue('bank.internal'), () => undefined],
    [
      'for another name',
      (authority) => authority.issue('bank.internal'),
      (ca) => ({ ca, servername: 'other.internal' }),
    ],
    ['that has expired', (authority) => authority.issue('bank.internal', { days: -1 }), (ca) => ({ ca })],
  ];
  for (const [what, serve, tls] of untrusted) {
    test(`with a certificate ${what} is not called: 502, whatever the environment says`, async (t) => {
      const authority = await createAuthority(t);
      const origin = await startSecureOrigin(t, serve(authority));
      const { gateway, get } = await calls(t, origin.url, tls(authority.cert), {
        env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' },
      });
      assert.deepEqual(await get(), REFUSED);
      assert.deepEqual(await refusedSocket(t, gateway.url), REFUSED);
      assert.deepEqual(origin.callers, []);
      const lines = await eventually(() => gateway.log.access.length === 2 && gateway.log.access, 'two log lines');
      for (const { reason } of lines) assert.equal(reason, 'upstream.tls');
    });
  }

  test('is asked for by the name in `servername`', async (t) => {
    const authority = await createAuthority(t);
    const named = authority.issue('named.internal');
    const names: string[] = [];
    const origin = await startSecureOrigin(t, {
      ...authority.issue('default.internal'),
      SNICallback(name, done) {
        names.push(name);
        done(null, createSecureContext(named));
      },
    });
    const tls = { ca: authority.cert, servername: 'named.internal' };
    const { gateway, get } = await calls(t, origin.url, tls);
    assert.equal(await get(), 'secret');
    await openSocket(t, `${gateway.url}/live`);
    assert.deepEqual([...new Set(names)], ['named.internal']);
  });

  test('that asks who is calling is shown our certificate, and hangs up on others', async (t) => {
    const authority = await createAuthority(t);
    const strict = { requestCert: true, rejectUnauthorized: true, ca: authority.cert };
    const origin = await startSecureOrigin(t, { ...authority.issue('bank.internal'), ...strict });
    const own = authority.issue('gateway.internal');
    const files = { 'ca.pem': authority.cert, 'gw.pem': own.cert, 'gw.key': own.key };
    const mutual = await calls(t, origin.url, { ca: 'ca.pem', cert: 'gw.pem', key: 'gw.key' }, { files });
    assert.equal(await mutual.get(), 'secret');
    await openSocket(t, `${mutual.gateway.url}/live`);
    assert.deepEqual(origin.callers, ['gateway.internal', 'gateway.internal']);

    // Such a server only hangs up on others: TLS 1.3 lets a client speak before its certificate is judged.
    const stranger = (await createAuthority(t)).issue('stranger.internal');
    for (const tls of [{ ca: authority.cert }, { ca: authority.cert, cert: stranger.cert, key: stranger.key }]) {
      const { gateway, get } = await calls(t, origin.url, tls);
      assert.equal((await get())[0], 502);
      assert.equal((await refusedSocket(t, gateway.url))[0], 502);
    }
    assert.equal(origin.callers.length, 2);
  });

  test('that says what it has against our certificate is a TLS failure', async (t) => {
    const authority = await createAuthority(t);
    const url = await startOpenssl(t, authority);
    const own = authority.issue('gateway.internal');
    const mutual = await calls(t, url, { ca: authority.cert, cert: own.cert, key: own.key });
    assert.match(String(await mutual.get()), /s_server/);
    const { gateway, get } = await calls(t, url, { ca: authority.cert });
    assert.deepEqual(await get(), REFUSED);
    assert.deepEqual(await refusedSocket(t, gateway.url), REFUSED);
  });
});

/** The server of OpenSSL, which asks for a certificate and sends an alert when it does not get one. */
async function startOpenssl(t: CleanUp, authority: Authority): Promise<string> {
  const { cert, key } = authority.issue('bank.internal');
  const cwd = await temporaryDirectory(t, { 'ca.pem': authority.cert, 'own.pem': cert, 'own.key': key });
  const port = await closedPort();
  const files = ['-cert', 'own.pem', '-key', 'own.key', '-CAfile', 'ca.pem'];
  const child = spawn(
    'openssl',
    ['s_server', '-accept', `127.0.0.1:${port}`, ...files, '-Verify', '1', '-verify_return_error', '-www'],
    { cwd, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  t.after(async () => {
    child.kill();
    await once(child, 'close');
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await eventually(() => said.includes('ACCEPT'), 'openssl that accepts');
  return `https://127.0.0.1:${port}`;
}
