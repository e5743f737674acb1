// What is true of a client's connection for as long as it lives: computed at its first request, not at each.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Exchange } from '../exchange/exchange.ts';
import { canonicalAddress } from '../tenant/address.ts';
import { type Seat, seatOf } from './capacity.ts';
import { askWhetherLeft } from './half-close.ts';

const kConnection: unique symbol = Symbol('sluice connection');

declare module 'node:net' {
  interface Socket {
    [kConnection]?: Connection;
  }
}

export interface Connection {
  /** Address of the peer, in its one spelling. */
  readonly peer: string;
  /** The peer is in `trust_proxies`: its `X-Forwarded-*` are believed. */
  readonly trusted: boolean;
  readonly encrypted: boolean;
  /** Among the connections of its server; undefined when those are not counted. */
  readonly seat: Seat | undefined;
  /** The exchange under way, and afterwards until its request is complete: the one that a parser error belongs to. */
  exchange: Exchange | undefined;
  /** An answer has said `Connection: close`: what still comes is no request any more (RFC 9112 §9.6). */
  closing: boolean;
  /** The parser has given up on what the client sends. */
  broken: boolean;
  /** What waits for the exchange under way to end; see `pipelining.ts`. */
  line: (() => void)[] | undefined;
}

/** The connection a request came on; `isTrusted` is asked once for each connection. */
export function connectionOf(req: IncomingMessage, isTrusted: (address: string) => boolean): Connection {
  const socket = req.socket;
  socket[kConnection] ??= describe(socket, isTrusted);
  return socket[kConnection];
}

/** The connection behind a socket, if a request has come on it. */
export function knownConnection(socket: Socket): Connection | undefined {
  return socket[kConnection];
}

/** Address of the other end; '' when it has gone already. */
export function peerOf({ remoteAddress = '' }: Socket): string {
  return canonicalAddress(remoteAddress) ?? remoteAddress;
}

/** An exchange begins on the connection. */
export function occupy(connection: Connection, x: Exchange): void {
  connection.exchange = x;
  connection.seat?.take();
}

/** Its exchange has ended: a connection that waits for the next request keeps nothing of the last one. */
export function vacate(connection: Connection): void {
  if (connection.exchange?.req.complete === false) return;
  connection.exchange = undefined;
  connection.seat?.free();
}

function describe(socket: Socket, isTrusted: (address: string) => boolean): Connection {
  const peer = peerOf(socket);
  const connection: Connection = {
    peer,
    trusted: isTrusted(peer),
    encrypted: 'encrypted' in socket,
    seat: seatOf(socket),
    exchange: undefined,
    closing: false,
    broken: false,
    line: undefined,
  };
  socket.on('end', () => {
    if (connection.exchange !== undefined) askWhetherLeft(socket, connection.exchange);
  });
  return connection;
}
