// Ports of the loopback interface.
import { randomInt } from 'node:crypto';
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
 * A port on which nothing listens: connecting to it is refused. Below those that the kernel hands out (Linux: from 32768), so that
 * no test running beside this one is given it.
 */
export async function closedPort(): Promise<number> {
  for (;;) {
    const port = randomInt(16_384, 32_768);
    const server = createServer();
    try {
      await listenOnLoopback(server, port);
    } catch {
      continue; // somebody's
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
