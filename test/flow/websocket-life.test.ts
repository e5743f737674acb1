// The life of an open WebSocket through the gateway process: how bytes flow, and every way it ends.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import type { CleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { rawConnect } from '../support/raw.ts';
import { startRawOrigin } from '../support/raw-origin.ts';
import { eventually, within } from '../support/wait.ts';
import { frame, handshake, openSocket, SWITCHED, startSocketOrigin } from '../support/websocket.ts';

const ACME = 'acme-secret-one-aaaaaaaa';
const NEXT = 'acme-secret-two-bbbbbbbb';
const TEXT = 0x1;
const CONTINUATION = 0x0;
const CLOSE = 0x8;

const routes = (upstream: string, websocket: unknown = true, route: Record<string, unknown> = {}) => ({
  version: 1,
  upstreams: { live: upstream },
  routes: { events: { match: 'GET /events', to: 'live', auth: 'none', websocket, ...route } },
});

const ended = ({ log }: RunningGateway) => log.until(({ route }) => route === 'events');

/** A raw client and a raw upstream with an open WebSocket between them. */
async function openRaw(t: CleanUp, websocket?: unknown) {
  const origin = await startRawOrigin(t, async (connection) => {
    if (await connection.heads()) connection.write(SWITCHED);
  });
  const gateway = await startGateway(t, { routes: routes(origin.url, websocket) });
  const client = await rawConnect(t, gateway.port);
  assert.equal((await client.send(handshake('/events')).response()).status, 101);
  return { gateway, client, upstream: await origin.connection(0) };
}

const received = (bytes: () => Buffer, what: Buffer | string) =>
  eventually(() => bytes().includes(what), `arrival of ${JSON.stringify(String(what)).slice(0, 40)}`);

suite('bytes on a WebSocket', () => {
  test('are messages of any size, whole and in order', async (t) => {
    const origin = await startSocketOrigin(t);
    const { url } = await startGateway(t, { routes: routes(origin.url) });
    const client = await openSocket(t, `${url}/events`, { perMessageDeflate: false });
    const sizes = [0, 1, 125, 126, 65_535, 65_536, 5_000_000, 3];
    const messages = sizes.map((size, i) => Buffer.alloc(size, i));
    for (const message of messages) client.send(message);
    for (const message of messages) assert.ok(message.equals(await client.message()), `${message.length} bytes`);
  });

  test('wait where nobody reads: the gateway holds only so many', async (t) => {
    const { client, upstream } = await openRaw(t);
    let arrived = 0;
    client.socket.removeAllListeners('data').pause();
    const megabyte = frame(2, Buffer.alloc(1_000_000, 7));
    const frames = 40;
    for (let i = 0; i < frames; i++) upstream.write(megabyte);
    const waiting = await settled(() => upstream.socket.writableLength);
    assert.ok(waiting > 20_000_000, `only ${waiting} bytes are held back`);
    client.socket.on('data', (chunk: Buffer) => {
      arrived += chunk.length;
    });
    client.socket.resume();
    await eventually(() => arrived === frames * megabyte.length, 'arrival of every byte');
  });

  test('sent before the 101 are not lost', async (t) => {
    const origin = await startRawOrigin(t, async (connection) => {
      if (await connection.heads()) connection.write(SWITCHED + frame(TEXT, 'early too').toString('latin1'));
    });
    const { port } = await startGateway(t, { routes: routes(origin.url) });
    const client = await rawConnect(t, port);
    client.send(`${handshake('/events')}early`);
    assert.equal((await client.response()).status, 101);
    await received(() => client.unread, 'early too');
    const upstream = await origin.connection(0);
    await received(() => upstream.received, '\r\n\r\nearly');
  });
});

/** A number once it stays the same for a while. */
async function settled(probe: () => number): Promise<number> {
  let last = -1;
  let same = 0;
  return eventually(() => {
    const now = probe();
    same = now === last ? same + 1 : 0;
    last = now;
    return same > 40 ? now : undefined;
  }, 'standstill');
}

suite('a WebSocket ends', () => {
  test('with 1001 when nothing moves for as long as `idle`; pings are movement', async (t) => {
    const origin = await startSocketOrigin(t);
    const gateway = await startGateway(t, { routes: routes(origin.url, { idle: '2s' }) });
    const client = await openSocket(t, `${gateway.url}/events`);
    const openedAt = performance.now();
    const timer = setInterval(() => client.socket.ping(), 50);
    t.after(() => clearInterval(timer));
    while (performance.now() - openedAt < 1.5 * 2_000) await within(once(client.socket, 'pong'), 'pong');
    clearInterval(timer);
    assert.deepEqual(await within(client.closed, 'close'), { code: 1001, reason: 'idle for too long' });
    const line = await ended(gateway);
    assert.deepEqual([line.status, line.reason], [101, 'websocket.idle']);
  });

  test('with 1001 after `max`, however busy', async (t) => {
    const origin = await startSocketOrigin(t, (socket) => {
      const timer = setInterval(() => socket.send('tick'), 5);
      socket.on('close', () => clearInterval(timer));
    });
    const gateway = await startGateway(t, { routes: routes(origin.url, { max: '200ms' }) });
    const client = await openSocket(t, `${gateway.url}/events`);
    assert.deepEqual(await within(client.closed, 'close'), { code: 1001, reason: 'open for too long' });
    assert.equal((await ended(gateway)).reason, 'websocket.max');
    // The client's answer to the close frame reaches the upstream, which so learns why.
    const [socket] = origin.sockets;
    if (socket !== undefined && socket.readyState !== socket.CLOSED) {
      await within(once(socket, 'close'), 'close of the connection to the upstream');
    }
  });

  test('with 1001 when the gateway shuts down, which waits for no more than that', async (t) => {
    const codes: number[] = [];
    const origin = await startSocketOrigin(t, (socket) => socket.on('close', (code) => codes.push(code)));
    const gateway = await startGateway(t, { routes: routes(origin.url) });
    const clients = [];
    for (let i = 0; i < 20; i++) clients.push(await openSocket(t, `${gateway.url}/events`));
    const exit = gateway.process.stop();
    for (const { closed } of clients) {
      assert.deepEqual(await within(closed, 'close'), { code: 1001, reason: 'the gateway is going away' });
    }
    assert.equal((await exit).code, 0);
    assert.deepEqual([...new Set(gateway.log.access.map(({ reason }) => reason))], ['websocket.drained']);
    assert.equal(gateway.log.access.length, clients.length);
    await eventually(() => codes.length === clients.length, 'close of every connection to the upstream');
    assert.deepEqual([...new Set(codes)], [1001]);
  });

  test('with 1008 when its key is revoked, its tenant disabled or its route removed', async (t) => {
    const origin = await startSocketOrigin(t);
    const file = (keys: readonly string[], disabled: boolean, others: Record<string, unknown>) => ({
      version: 1,
      tenants: { acme: { keys }, shop: { keys: ['shop-secret-one-cccccccc'], disabled } },
      upstreams: { live: origin.url },
      routes: { events: { match: 'GET /events', to: 'live', auth: 'key', websocket: true }, ...others },
    });
    const open = { match: 'GET /open', to: 'live', auth: 'none', websocket: true };
    const gateway = await startGateway(t, {
      routes: file([ACME, NEXT], false, { open, stays: { ...open, match: '/stays' } }),
    });
    const socket = (path: string, key: string) => openSocket(t, gateway.url + path, { headers: { 'x-api-key': key } });
    const revoked = await socket('/events', ACME);
    const disabled = await socket('/events', 'shop-secret-one-cccccccc');
    const removed = await openSocket(t, `${gateway.url}/open`);
    const kept = [await socket('/events', NEXT), await openSocket(t, `${gateway.url}/stays`)];
    await gateway.process.writeRoutes(file([NEXT], true, { stays: { ...open, match: '/stays' } }));
    for (const { closed } of [revoked, disabled, removed]) {
      assert.deepEqual(await within(closed, 'close'), { code: 1008, reason: 'no longer allowed' });
    }
    await eventually(() => gateway.log.access.length === 3, 'three log lines');
    assert.deepEqual(gateway.log.access.map(({ reason }) => String(reason)).toSorted(), [
      'key_revoked',
      'route_removed',
      'tenant_disabled',
    ]);
    for (const each of kept) assert.equal(String(await each.send('still here').message()), 'still here');
  });

  test('between two frames: one under way is delivered whole, and nothing after it', async (t) => {
    const { gateway, client, upstream } = await openRaw(t);
    const first = frame(TEXT, 'first part', { final: false });
    const second = frame(CONTINUATION, 'second part');
    upstream.write(first).write(second.subarray(0, 5));
    await eventually(() => client.unread.length === first.length + 5, 'arrival of half a frame');
    gateway.process.kill('SIGTERM');
    await gateway.log.until(({ event }) => event === 'draining');
    upstream.write(Buffer.concat([second.subarray(5), frame(TEXT, 'too late')]));
    const said = Buffer.concat([Buffer.from([0x03, 0xe9]), Buffer.from('the gateway is going away')]);
    const { bytes } = await client.rest();
    assert.deepEqual(bytes, Buffer.concat([first, second, frame(CLOSE, said)]));
  });

  test('soon, also when neither side answers the close frame', async (t) => {
    const { gateway, client, upstream } = await openRaw(t, { max: '100ms' });
    await received(() => client.unread, 'open for too long');
    await within(Promise.all([client.ended, upstream.closed]), 'end of both connections');
    assert.equal((await ended(gateway)).reason, 'websocket.max');
  });

  test('when the upstream closes, with its code', async (t) => {
    const origin = await startSocketOrigin(t, (socket) => socket.close(4321, 'enough'));
    const gateway = await startGateway(t, { routes: routes(origin.url) });
    const client = await openSocket(t, `${gateway.url}/events`);
    assert.deepEqual(await within(client.closed, 'close'), { code: 4321, reason: 'enough' });
    assert.equal((await ended(gateway)).reason, undefined);
  });

  for (const [how, end] of [
    ['ends', 'end'],
    ['is reset', 'reset'],
  ] as const) {
    test(`when the upstream's connection ${how}: what it sent before is delivered, and no close frame`, async (t) => {
      const { gateway, client, upstream } = await openRaw(t);
      upstream.write(frame(TEXT, 'last words'));
      await received(() => client.unread, 'last words');
      upstream[end]();
      assert.deepEqual((await client.rest()).bytes, frame(TEXT, 'last words'));
      assert.equal((await ended(gateway)).reason, 'upstream.truncated');
    });

    test(`when the client's connection ${how}: the upstream's is closed, though it goes on sending`, async (t) => {
      const { gateway, client, upstream } = await openRaw(t);
      // It never ends by itself, and finds out by writing.
      upstream.socket.allowHalfOpen = true;
      const timer = setInterval(() => upstream.write(frame(TEXT, 'tick')), 5);
      t.after(() => clearInterval(timer));
      await received(() => client.unread, 'tick');
      if (end === 'end') client.halfClose();
      else client.reset();
      await within(upstream.closed, 'end of the connection to the upstream');
      assert.equal((await ended(gateway)).reason, 'client_gone');
    });
  }

  test('and gives back what it held: concurrency of the route and of the upstream', async (t) => {
    const origin = await startSocketOrigin(t);
    const gateway = await startGateway(t, {
      routes: {
        ...routes(origin.url, true, { concurrency: 1 }),
        upstreams: { live: { targets: [origin.url], concurrency: 1 } },
      },
    });
    for (let i = 0; i < 3; i++) {
      const lines = gateway.log.access.length;
      const client = await openSocket(t, `${gateway.url}/events`);
      await assert.rejects(openSocket(t, `${gateway.url}/events`), /429/);
      client.socket.terminate();
      await eventually(() => gateway.log.access.length === lines + 2, 'two more log lines');
    }
  });
});
