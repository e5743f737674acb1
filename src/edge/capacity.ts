// How many client connections there may be. One beyond them is told so at its first request; a connection is only closed
// unheard when too many of those come at once.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { defineProblem } from '../exchange/problem.ts';

export const TOO_MANY_CONNECTIONS = defineProblem(
  'gateway.connections',
  503,
  'The gateway has all the connections it may have',
  'destination_unavailable',
  { closes: true },
);
export const RETRY_ELSEWHERE_S = 1;

/** Connections, beyond the limit, that wait to be told so. */
const TOLD_AT_ONCE = 100;

const surplus = new WeakSet<Socket>();

/** Counts the connections of a server that does not listen yet. */
export function limitConnections(server: Server, most: number): void {
  let open = 0;
  server.maxConnections = most + TOLD_AT_ONCE;
  server.on('setSecureContext' in server ? 'secureConnection' : 'connection', (socket: Socket) => {
    open += 1;
    if (open > most) surplus.add(socket);
    socket.once('close', () => {
      open -= 1;
    });
  });
}

/** Whether a connection came when there were enough: its one request is refused, and it is closed. */
export function isSurplus(socket: Socket): boolean {
  return surplus.has(socket);
}
