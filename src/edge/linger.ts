// Closing a connection whose client is still sending: without reading on for a moment, the kernel resets it, and the reset
// takes the answer with it (RFC 9112 §9.6).
import type { Socket } from 'node:net';
import { knownConnection } from './connection.ts';

const LINGER_MS = 1_000;
const LINGER_BYTES = 4 * 1024 * 1024;

/**
 * Makes the answer at hand this connection's last: no further request is served, and the close is a lingering one: half-close,
 * discard for a while, destroy.
 */
export function lingerOnClose(socket: Socket): void {
  const connection = knownConnection(socket);
  if (connection !== undefined) connection.closing = true;
  socket.destroySoon = () => {
    socket.end();
    const bytesBefore = socket.bytesRead;
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    timer.unref();
    socket.on('close', () => clearTimeout(timer));
    socket.on('end', () => socket.destroy());
    socket.on('data', () => {
      if (socket.bytesRead - bytesBefore > LINGER_BYTES) socket.destroy();
    });
  };
}
