// Much more than fits in memory, either way and at any pace: every byte arrives, and the gateway does not grow.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { rawConnect } from '../support/raw.ts';
import { eventually } from '../support/wait.ts';

const GIGABYTE = 2 ** 30;
const WARM_UP = 64 * 2 ** 20;
const CHUNK = Buffer.alloc(65_536, 'sluice');
const MIB = 2 ** 20;
/** Of resident memory, garbage that is not collected yet included: a quarter of what passes, and several times what is usual. */
const GROWTH_BYTES = 256 * MIB;
const SLOW_CLIENTS = 100;
/** On the heap and beside it. */
const SLOW_CLIENT_BYTES = 96 * 1024;
const COLLECT = join(import.meta.dirname, '../support/preload/collect.ts');

suite('volume', () => {
  let gateway: RunningGateway;
  let uploaded = 0;
  const t = suiteCleanUp(after);

  before(async () => {
    const server = createServer((req, res) => {
      if (req.method === 'GET') bytesOf(Number(req.headers['x-bytes'])).pipe(res);
      else {
        uploaded = 0;
        req.on('data', (chunk: Buffer) => {
          uploaded += chunk.length;
        });
        req.on('end', () => res.end('{}'));
      }
    });
    const port = await listenOnLoopback(server);
    t.after(() => {
      server.close();
    });
    gateway = await startGateway(t, { routes: routesTo(port) });
    t.after(() => new Observed(gateway).atRest());
  });

  /** Of the gateway's process, in bytes. */
  async function resident(): Promise<number> {
    const status = await readFile(`/proc/${gateway.process.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
  }

  /** The most that the gateway grew by while `act` ran. */
  async function growth(act: () => Promise<void>): Promise<number> {
    const earlier = await resident();
    let most = earlier;
    const timer = setInterval(() => {
      void resident().then((bytes) => {
        most = Math.max(most, bytes);
      });
    }, 50);
    await act();
    clearInterval(timer);
    return most - earlier;
  }

  async function download(bytes: number): Promise<void> {
    const outgoing = request(gateway.url, { headers: { 'x-bytes': bytes } }).end();
    const [answer]: IncomingMessage[] = await once(outgoing, 'response');
    assert.ok(answer);
    let received = 0;
    answer.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    await once(answer, 'end');
    assert.equal(received, bytes);
  }

  async function upload(bytes: number, headers: Record<string, string | number>): Promise<void> {
    const outgoing = request(gateway.url, { method: 'PUT', headers });
    const answered = once(outgoing, 'response');
    bytesOf(bytes).pipe(outgoing);
    const [answer]: IncomingMessage[] = await answered;
    assert.ok(answer);
    answer.resume();
    assert.deepEqual([answer.statusCode, uploaded], [200, bytes]);
  }

  test('a gigabyte down', async () => {
    await download(WARM_UP);
    const grown = await growth(() => download(GIGABYTE));
    assert.ok(grown < GROWTH_BYTES, `grew by ${(grown / MIB).toFixed()} MiB`);
  });

  for (const [how, headers] of [
    ['with its length', { 'content-length': GIGABYTE }],
    ['in chunks', { 'transfer-encoding': 'chunked' }],
  ] as const) {
    test(`a gigabyte up, ${how}`, async () => {
      await upload(WARM_UP, { 'transfer-encoding': 'chunked' });
      const grown = await growth(() => upload(GIGABYTE, headers));
      assert.ok(grown < GROWTH_BYTES, `grew by ${(grown / MIB).toFixed()} MiB`);
    });
  }
});

test(`${SLOW_CLIENTS} clients that stop reading in the middle of a large answer`, async (t) => {
  const sockets = new Set<Socket>();
  const server = createServer((req, res) => bytesOf(Number(req.headers['x-bytes'])).pipe(res));
  server.on('connection', (socket: Socket) => sockets.add(socket));
  const gateway = await startGateway(t, {
    routes: routesTo(await listenOnLoopback(server)),
    env: { NODE_OPTIONS: `--import=${COLLECT}` },
  });
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const clients = await Promise.all(Array.from({ length: SLOW_CLIENTS }, () => rawConnect(t, gateway.port)));
  const ask = (bytes: number): void => {
    for (const client of clients) client.send(`GET / HTTP/1.1\r\nHost: gw\r\nX-Bytes: ${bytes}\r\n\r\n`);
  };
  ask(CHUNK.length);
  for (const answer of await Promise.all(clients.map((client) => client.response()))) assert.equal(answer.status, 200);
  const earlier = await held(gateway);

  for (const { socket } of clients) socket.once('data', () => socket.pause());
  ask(GIGABYTE);
  await eventually(() => clients.every((client) => client.unread.length > 0), 'beginning of all answers', 300_000);
  // Until the buffers of the kernel are full, too.
  await standstill(() => [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, 0));

  const each = ((await held(gateway)) - earlier) / SLOW_CLIENTS;
  for (const client of clients) client.reset();
  assert.ok(each <= SLOW_CLIENT_BYTES, `${(each / 1024).toFixed()} KiB for each`);
  await new Observed(gateway).atRest();
});

/** Bytes on and beside the heap of a gateway with the preload that collects garbage. */
async function held({ process }: RunningGateway): Promise<number> {
  const said = process.stderr.length;
  process.kill('SIGUSR2');
  return eventually(() => {
    const [, bytes] = /held: (\d+)\n/.exec(process.stderr.slice(said)) ?? [];
    return bytes !== undefined && Number(bytes);
  }, 'count of what is held');
}

/** Resolves once a number has been the same for a second; gigabytes go into the buffers of the kernel before. */
async function standstill(read: () => number): Promise<void> {
  let last = read();
  let since = performance.now();
  await eventually(
    () => {
      const now = read();
      if (now !== last) since = performance.now();
      last = now;
      return performance.now() - since > 1_000;
    },
    'standstill',
    300_000,
  );
}

function routesTo(port: number): Record<string, unknown> {
  return {
    version: 1,
    defaults: { auth: 'none', body_max: 'none', timeout: { idle: '10m' } },
    upstreams: { origin: { targets: `http://127.0.0.1:${port}`, connections: 256 } },
    routes: { all: { match: '/**', to: 'origin' } },
  };
}

/** So many bytes, when they are asked for. */
function bytesOf(count: number): Readable {
  let left = count;
  return new Readable({
    read() {
      const chunk = left >= CHUNK.length ? CHUNK : CHUNK.subarray(0, left);
      left -= chunk.length;
      this.push(chunk.length === 0 ? null : chunk);
    },
  });
}
