// What a request handler cannot see: parser errors, expectations, upgrades, CONNECT and the limits of the header section.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { limitConnections } from './capacity.ts';

/** Of `config/gateway.yaml`, in bytes and milliseconds. */
export interface ServerLimits {
  readonly headerBytes: number;
  readonly urlBytes: number;
  readonly headerTimeoutMs: number;
  readonly connections: number;
}

export interface ServerHooks {
  readonly onClientError: (error: Error, socket: Socket) => void;
  readonly onConnect: (req: IncomingMessage, socket: Socket) => void;
  /** Whether an upgrade is a WebSocket of ours; otherwise the request is served as a plain one. */
  readonly upgrades: (req: IncomingMessage) => boolean;
  readonly onUpgrade: (req: IncomingMessage, socket: Socket, head: Buffer) => void;
}

/** How often Node looks for slow headers: its default of 30 s would let them take three times their timeout. */
const CHECK_MS = 500;
/** Above the idle time of common load balancers (60 s), so that it is they who close. */
const KEEP_ALIVE_MS = 65_000;

/** Wires a server that does not listen yet. */
export function attachServer(server: Server, limits: ServerLimits, hooks: ServerHooks): void {
  Object.assign(server, {
    // The request line counts into it.
    maxHeaderSize: limits.headerBytes + limits.urlBytes,
    // Fields are counted by the edge, which answers with a problem.
    maxHeadersCount: 0,
    // Node's own answer to a missing Host would not be a problem document.
    requireHostHeader: false,
    headersTimeout: limits.headerTimeoutMs,
    // A body may take as long as it moves; see `timeout.idle`.
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(CHECK_MS, limits.headerTimeoutMs),
    // Who has sent its request may end its half; see `half-close.ts`.
    httpAllowHalfOpen: true,
    shouldUpgradeCallback: hooks.upgrades,
  });
  limitConnections(server, limits.connections);
  // Whoever serves the server's requests serves those with an expectation, too; the edge decides what to make of it.
  const serve = (req: IncomingMessage, res: ServerResponse): void => {
    server.emit('request', req, res);
  };
  server.on('checkContinue', serve);
  server.on('checkExpectation', serve);
  server.on('clientError', (error: Error, socket: Duplex) => hooks.onClientError(error, asSocket(socket)));
  server.on('connect', (req: IncomingMessage, socket: Duplex) => hooks.onConnect(req, asSocket(socket)));
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) =>
    hooks.onUpgrade(req, asSocket(socket), head),
  );
}

/** Node types these as Duplex, as a user may emit `connection` with one; a listening server only ever has sockets. */
function asSocket(stream: Duplex): Socket {
  return stream as Socket;
}
