// Clients that ask for much and read nothing: what does each of them make the gateway hold?
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { BODY_FILES } from '../body-files.ts';
import type { Fact, Ground } from '../scenario.ts';
import { KEY } from '../sluice-files.ts';
import { GIBIBYTE } from '../zeros.ts';
import { type Probed, probe } from './probed.ts';

const CLIENTS = 2_000;
const AT_ONCE = 100;
/** Until everything on the way is as full as it gets. */
const SETTLE_MS = 3_000;

/** @param ground with the origin of bodies. */
export async function slowClients(ground: Ground): Promise<readonly Fact[]> {
  return probe(BODY_FILES, ground, async (gateway) => {
    const warm = await open(gateway, AT_ONCE);
    for (const socket of warm) socket.destroy();
    await sleep(SETTLE_MS);
    const before = await gateway.held();
    const sockets = await open(gateway, CLIENTS);
    await sleep(SETTLE_MS);
    const after = await gateway.held();
    for (const socket of sockets) socket.destroy();
    const bytes = after.heapUsed + after.external - before.heapUsed - before.external;
    return [
      { name: 'heap and buffers of a slow client, of 2,000', value: bytes / CLIENTS / 1024, unit: 'KiB', atMost: 96 },
    ];
  });
}

async function open({ port }: Probed, clients: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < clients)
    sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => stall(port)))));
  return sockets;
}

/** Sees that the answer has begun, and then looks away. */
async function stall(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(`GET /bodies/${GIBIBYTE} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Api-Key: ${KEY}\r\n\r\n`);
  const [chunk]: Buffer[] = await once(socket, 'data');
  socket.pause();
  if (!String(chunk).startsWith('HTTP/1.1 200 ')) throw new Error(`no body but ${String(chunk).slice(0, 300)}`);
  socket.on('error', () => {}); // its end is ours
  return socket;
}
