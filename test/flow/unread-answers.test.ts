// What is not taken of an answer stays with the origin, also once some of it has been taken, and goes on when it is.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startGateway } from '../support/gateway.ts';
import { startRawOrigin } from '../support/raw-origin.ts';
import { within } from '../support/wait.ts';

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
