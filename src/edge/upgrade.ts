// Requests that ask for a WebSocket: which of them are one, and how they are answered on a socket that Node has let go of.
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Exchange } from '../exchange/exchange.ts';
import type { Snapshot } from '../route/snapshot.ts';
import { admit, type EdgeSettings } from './admission.ts';
import { NO_BODY } from './client-body.ts';
import { connectionOf } from './connection.ts';
import { lingerOnClose } from './linger.ts';
import { isBusy } from './pipelining.ts';

// 16 bytes in base64 (RFC 6455 §4.1).
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/**
 * Whether a request opens a WebSocket: it asks for one, in one way only, on a route that has them. Any other upgrade is served
 * as the plain request that it also is (RFC 9110 §7.8), faults included.
 */
export function opensWebSocket(req: IncomingMessage, edge: EdgeSettings, snapshot: Snapshot): boolean {
  if (!asksForWebSocket(req)) return false;
  const connection = connectionOf(req, edge.isTrusted);
  // A pipelined upgrade would take the socket away from under the answer before it.
  if (connection.closing || isBusy(connection)) return false;
  const x = new Exchange(req, new ServerResponse(req), NO_BODY);
  if (admit(x, connection, edge, snapshot.kinds) !== undefined) return false;
  const found = snapshot.table.find(x);
  return found !== undefined && 'value' in found && found.value.websocket;
}

function asksForWebSocket({ method, httpVersionMinor, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    httpVersionMinor > 0 &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined &&
    KEY.test(headers['sec-websocket-key'] ?? '')
  );
}

/**
 * A response on the bare socket of an upgrade. Any answer but a 101 is the last on its connection.
 *
 * @param head what came after the request's own bytes; it goes back to the socket.
 * @returns undefined when an earlier request on the socket, not one of ours, still waits for its answer: the socket is destroyed.
 */
export function upgradeResponse(req: IncomingMessage, socket: Socket, head: Buffer): ServerResponse | undefined {
  // `close` follows; an error without a listener would end the process.
  socket.on('error', () => {});
  const res = new ServerResponse(req);
  try {
    res.assignSocket(socket);
  } catch {
    socket.destroy();
    return undefined;
  }
  res.shouldKeepAlive = false;
  socket.on('drain', () => res.emit('drain'));
  socket.setTimeout(0).setNoDelay(true);
  if (head.length > 0) socket.unshift(head);
  res.on('finish', () => {
    if (res.statusCode === 101) return;
    lingerOnClose(socket);
    socket.destroySoon();
  });
  return res;
}
