// Requests that come before the answer to the one before them (RFC 9112 §9.3.2): served one after another, so that none
// overtakes a write, and none is served after an answer that closes the connection.
import type { Socket } from 'node:net';
import type { Connection } from './connection.ts';

/** With more than these in line nothing further is read. */
const READ_AHEAD = 16;

/** Whether an earlier exchange of the connection is still under way: what comes then must {@link waitInLine}. */
export function isBusy({ exchange }: Connection): boolean {
  return exchange !== undefined && !exchange.ended;
}

/** Runs `turn` once everything before it on the connection has been answered. */
export function waitInLine(connection: Connection, socket: Socket, turn: () => void): void {
  connection.line ??= [];
  const length = connection.line.push(turn);
  if (length === 1) connection.exchange?.res.once('close', () => advance(connection, socket));
  if (length === READ_AHEAD) socket.pause();
}

function advance(connection: Connection, socket: Socket): void {
  for (let turn = nextTurn(connection); turn !== undefined; turn = nextTurn(connection)) turn();
  if (isBusy(connection)) connection.exchange?.res.once('close', () => advance(connection, socket));
  else if (socket.isPaused()) socket.resume();
}

function nextTurn(connection: Connection): (() => void) | undefined {
  return isBusy(connection) ? undefined : connection.line?.shift();
}
