// Ports of the loopback interface.
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Listens on a free loopback port and returns its number. */
export async function listenOnLoopback(server: Server, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP server');
  return address.port;
}

/**
 * A port on which nothing listens: connecting to it is refused. Below those that the kernel hands out (Linux: from 32768), and
 * given to no other test for as long as this process lives: somebody may listen there later, and end, and listen again.
 */
export async function closedPort(): Promise<number> {
  for (;;) {
    const port = randomInt(16_384, 32_768);
    if ((await reserve(port)) && (await isFree(port))) return port;
  }
}

/** Takes the UDP port of the same number, which no test needs: the one that has it has the TCP port. False when it is taken. */
async function reserve(port: number): Promise<boolean> {
  const socket = createSocket('udp4').unref();
  try {
    socket.bind({ port, address: '127.0.0.1', exclusive: true });
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await listenOnLoopback(server, port);
  } catch {
    return false; // somebody's, who is no test
  }
  server.close();
  await once(server, 'close');
  return true;
}
