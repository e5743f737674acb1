// What is true of a client's connection for as long as it lives: computed at its first request, not at each.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Exchange } from '../exchange/exchange.ts';
import { isSurplus } from './capacity.ts';
import { askWhetherLeft } from './half-close.ts';

const kConnection: unique symbol = Symbol('sluice connection');

declare module 'node:net' {
  interface Socket {
    [kConnection]?: Connection;
  }
}

export interface Connection {
  /** Address of the peer, IPv4-mapped IPv6 as plain IPv4. */
  readonly peer: string;
  /** The peer is in `trust_proxies`: its `X-Forwarded-*` are believed. */
  readonly trusted: boolean;
  readonly encrypted: boolean;
  /** There were enough connections before it: it is refused. */
  readonly surplus: boolean;
  /** The exchange that last began here: the one a parser error or a lost socket belongs to. */
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

function describe(socket: Socket, isTrusted: (address: string) => boolean): Connection {
  const address = socket.remoteAddress ?? '';
  const peer = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
  const connection: Connection = {
    peer,
    trusted: isTrusted(peer),
    encrypted: 'encrypted' in socket,
    surplus: isSurplus(socket),
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
