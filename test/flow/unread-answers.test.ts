// What is not taken of an answer stays with the origin, also once some of it has been taken, and goes on when it is.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { createGateway } from '../../src/index.ts';
import { temporaryDirectory } from '../support/files.ts';
import { startGateway } from '../support/gateway.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { rawConnect } from '../support/raw.ts';
import { replying, startRawOrigin } from '../support/raw-origin.ts';
import { eventually, within } from '../support/wait.ts';

/** More than the kernels on the way hold, several times. */
const UNREAD_CHUNKS = 6_000;
/** Of one that is read, in all more than the kernels hold. */
const READ_CHUNKS = 2_000;
/** Some of them are read at a time, and each is less than what may wait to be sent. */
const CHUNK = `2710\r\n${'sluice'.padEnd(0x2710, '.')}\r\n`;
/** An origin that cannot write for so long is held back. */
const STUCK_MS = 1_000;

/** Takes one piece at a time, and after some no more. */
const STOPS = `
import type { NextFunction, Request, Response } from 'express';
export default (_req: Request, res: Response, next: NextFunction) => {
  const { write } = res;
  let pieces = 0;
  res.write = ((...given: []) => {
    Reflect.apply(write, res, given);
    if (++pieces < 50) setImmediate(() => res.emit('drain'));
    return false;
  }) as typeof res.write;
  next();
};`;

test('what middleware leaves that has taken some of an answer stays with the origin', async (t) => {
  const sent = Promise.withResolvers<'sent'>();
  const origin = await startRawOrigin(t, async (connection) => {
    const { socket } = connection;
    await connection.heads();
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let i = 0; i < UNREAD_CHUNKS && !socket.destroyed; i++)
      if (!socket.write(CHUNK)) await Promise.race([once(socket, 'drain'), connection.closed]);
    sent.resolve('sent');
  });
  const gateway = await startGateway(t, {
    files: { 'stops.ts': STOPS },
    routes: {
      version: 1,
      upstreams: { origin: origin.url },
      routes: { all: { match: '/**', to: 'origin', auth: 'none', use: './stops.ts' } },
    },
  });
  const asked = get(gateway.url);
  const [answered]: IncomingMessage[] = await once(asked, 'response');
  answered?.resume();
  const became = await Promise.race([sent.promise, setTimeout(STUCK_MS, 'held back')]);
  asked.destroy();
  assert.equal(became, 'held back');
});

test('answers in chunks go on, wherever their clients stop to read', async (t) => {
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (let i = 0; i < READ_CHUNKS; i++) connection.write(CHUNK);
    connection.write('0\r\n\r\n');
  });
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      upstreams: { origin: origin.url },
      routes: { all: { match: '/**', to: 'origin' } },
    },
  });
  async function takeSlowly(): Promise<number> {
    const [answered]: IncomingMessage[] = await once(get(gateway.url), 'response');
    let bytes = 0;
    for await (const piece of answered ?? []) {
      bytes += piece.length;
      await setTimeout(1);
    }
    return bytes;
  }
  const taken = within(Promise.all(Array.from({ length: 4 }, takeSlowly)), 'end of the answers');
  assert.deepEqual(await taken, Array(4).fill(READ_CHUNKS * 0x2710));
});

test('what a slow client has not read yet is not cut by a server that closes', async (t) => {
  const body = JSON.stringify('s'.repeat(1_000_000));
  const origin = await startRawOrigin(
    t,
    replying(`HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
  );
  const directory = await temporaryDirectory(t, {
    'text.json': '{ "type": "string" }',
    'routes.yaml': JSON.stringify({
      version: 1,
      upstreams: { origin: origin.url },
      // Held until it was checked, each answer is given to Node in one piece.
      routes: {
        all: { match: '/**', to: 'origin', auth: 'none', response: { schema: 'text.json', on_fail: 'reject' } },
      },
    }),
  });
  const gateway = await createGateway({ routes: join(directory, 'routes.yaml'), env: {}, log: '/dev/null' });
  const answers: ServerResponse[] = [];
  const server = createServer((request, response) => {
    answers.push(response);
    gateway.app(request, response);
  });
  gateway.attach(server);
  t.after(async () => {
    server.closeAllConnections();
    await gateway.close();
  });
  const client = await rawConnect(t, await listenOnLoopback(server));
  client.socket.pause();
  let unsent: ServerResponse | undefined;
  while (unsent === undefined) {
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const asked = answers.length + 1;
    await eventually(() => answers[asked - 1]?.writableEnded, 'an answer');
    unsent = answers.find((answer) => !answer.writableFinished && (answer.socket?.writableLength ?? 0) > 0);
  }
  server.close();
  client.socket.resume();
  for (const _ of answers) assert.equal((await client.response()).body.length, body.length);
});
