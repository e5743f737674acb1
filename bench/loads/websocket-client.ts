// The client side of websocket.ts: raw sockets, each with one message under way, and the echo compared byte by byte.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Latencies } from './latencies.ts';
import type { ScriptTerms } from './script.ts';
import type { WebSocketTerms } from './websocket.ts';

const { port, seconds, path, headers, connections, bytes }: ScriptTerms & WebSocketTerms = JSON.parse(
  process.argv[2] ?? '',
);
const OPEN_TIMEOUT_MS = 10_000;
/** Final, binary, and masked (RFC 6455 §5.2). */
const FIRST = 0x82;
const MASKED = 0x80;
/** Longer ones have a longer header. */
const SHORT = 125;

if (bytes > SHORT) throw new RangeError(`a message of ${bytes} bytes needs a longer header than is written here`);
const payload = randomBytes(bytes);
const mask = randomBytes(4);
const question = Buffer.concat([
  Buffer.from([FIRST, MASKED | bytes]),
  mask,
  payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0)),
]);
const echo = Buffer.concat([Buffer.from([FIRST, bytes]), payload]);

const latencies = new Latencies();
let isOver = false;

const sockets = await Promise.all(Array.from({ length: connections }, open));
const startedAt = performance.now();
const ended = Promise.all(sockets.map(converse));
setTimeout(() => {
  isOver = true;
}, seconds * 1000);
await ended;
latencies.report((performance.now() - startedAt) / 1000);

async function open(): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n${fields.join('')}\r\n`,
  );
  let answer = '';
  while (!answer.includes('\r\n\r\n')) {
    const [chunk]: Buffer[] = await once(socket, 'data', { signal: AbortSignal.timeout(OPEN_TIMEOUT_MS) });
    answer += String(chunk);
  }
  if (!answer.startsWith('HTTP/1.1 101 ')) throw new Error(`${path}: no WebSocket but ${answer.slice(0, 200)}`);
  return socket;
}

/** Resolves after the last echo, when the time is over. */
function converse(socket: Socket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let askedAt = performance.now();
  let heard: Buffer = Buffer.alloc(0);
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the WebSocket ended before its load did')));
  socket.on('data', (chunk: Buffer) => {
    heard = heard.length === 0 ? chunk : Buffer.concat([heard, chunk]);
    if (heard.length < echo.length) return;
    if (!heard.equals(echo)) {
      reject(new Error(`not the echo of the message but ${heard.toString('hex', 0, 200)}`));
      return;
    }
    heard = Buffer.alloc(0);
    const now = performance.now();
    latencies.add(now - askedAt);
    askedAt = now;
    if (!isOver) socket.write(question);
    else {
      resolve();
      socket.destroy();
    }
  });
  socket.write(question);
  return promise;
}
