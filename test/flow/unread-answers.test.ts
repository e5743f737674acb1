// What is not taken of an answer stays with the origin, also once some of it has been taken.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { startGateway } from '../support/gateway.ts';
import { startRawOrigin } from '../support/raw-origin.ts';

/** More than the kernels on the way hold, several times. */
const CHUNKS = 6_000;
/** Some of them are read at a time. */
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
    for (let i = 0; i < CHUNKS && !socket.destroyed; i++)
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
