// A port on which connects neither succeed nor fail: its accept queue is full and nobody takes from it.
import { once } from 'node:events';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';
import type { CleanUp } from '../support/clean-up.ts';

const BLOCKED_LISTENER = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });
`;
const FILL = 4;

export async function startBlackHole(t: CleanUp): Promise<number> {
  const worker = new Worker(BLOCKED_LISTENER, { eval: true });
  const [port]: unknown[] = await once(worker, 'message');
  if (typeof port !== 'number') throw new Error('the listener said no port');
  const fill = Array.from({ length: FILL }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}));
  await Promise.race(fill.map((socket) => once(socket, 'connect')));
  t.after(async () => {
    for (const socket of fill) socket.destroy();
    await worker.terminate();
  });
  return port;
}
