// How a connection to a target is made: a connector for undici that keeps its time and never trusts blindly.
import { isIP, type LookupFunction, connect as netConnect, type Socket } from 'node:net';
import { type SecureContext, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { type buildConnector, errors } from 'undici';
import type { Passage } from './passage.ts';
import type { TlsSource } from './tls.ts';

const TCP_KEEP_ALIVE_MS = 60_000;
/** Behind a client that does not read, each connection would hold 64 KiB for nothing. */
const ON_DEMAND = { readableHighWaterMark: 0 };
/** More than is read from a client at a time: an upload waits for what the kernel has not taken, and not after every piece. */
const UNSENT = { writableHighWaterMark: 65_536 + 1 };

export interface ConnectorOptions {
  /** TCP and TLS together. */
  readonly connectTimeoutMs: number;
  readonly lookup: LookupFunction;
  /** Undefined: the public authorities, and no certificate of our own. */
  readonly tls: TlsSource | undefined;
  /** Connections being made: whoever closes down need not wait for them. */
  readonly pending: Set<Socket>;
  /** Whoever reads all that comes at once has it in large pieces. Otherwise nothing is read ahead. */
  readonly readAhead?: boolean;
  /** The certificate a target has presented expires then, in milliseconds since 1970. */
  readonly onPeerExpiry?: (expiresAtMs: number) => void;
}

/** As undici knows it. `passage`: reads what comes over a connection without TLS. */
export type Connector = (to: buildConnector.Options, callback: buildConnector.Callback, passage?: Passage) => void;

/**
 * A connector for undici. undici's own timers have a resolution of half a second (500 ms becomes 1,006); this one is exact.
 * Fails with undici's `ConnectTimeoutError`, or with the error of the socket.
 */
export function createConnector(options: ConnectorOptions): Connector {
  const { connectTimeoutMs, lookup, pending, readAhead = false, onPeerExpiry } = options;
  const connectSecurely = secureConnector(options);
  return ({ hostname, protocol, port }, callback, passage) => {
    const secure = protocol === 'https:';
    const reading = passage === undefined ? !readAhead && ON_DEMAND : passage.options();
    const socket = secure
      ? connectSecurely(hostname, Number(port || 443))
      : netConnect({ host: hostname, port: Number(port || 80), lookup, ...UNSENT, ...reading });
    passage?.serve(socket);
    socket.setNoDelay(true).setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    pending.add(socket);
    let settled = false;
    const timer = setTimeout(() => socket.destroy(connectTimeout(hostname, port, connectTimeoutMs)), connectTimeoutMs);
    const settle = (error: Error | null): void => {
      if (settled) return;
      settled = true;
      pending.delete(socket);
      clearTimeout(timer);
      if (error === null) callback(null, socket);
      else callback(error, null);
    };
    socket.once(secure ? 'secureConnect' : 'connect', () => settle(null));
    // Stays for the life of the socket: an error without a listener would end the process.
    socket.on('error', (error) => {
      if (settled) tellReset(error);
      else settle(error);
    });
    socket.once('close', () => settle(closedEarly(hostname, port)));
    if (secure) destroyOnAlert(socket);
    if (secure && onPeerExpiry !== undefined) reportExpiry(socket, onPeerExpiry);
  };
}

/** Resumes the last TLS session of the same material: one round trip and one signature less per connection. */
function secureConnector({ lookup, tls }: ConnectorOptions): (host: string, port: number) => TLSSocket {
  let session: Buffer | undefined;
  let sessionContext: SecureContext | undefined;
  return (host, port) => {
    const context = tls?.context;
    if (context !== sessionContext) session = undefined;
    sessionContext = context;
    const servername = tls?.servername ?? (isIP(host) === 0 ? host : undefined);
    const socket = tlsConnect({
      host,
      port,
      lookup,
      ALPNProtocols: ['http/1.1'],
      // Said aloud, so that NODE_TLS_REJECT_UNAUTHORIZED cannot take it back.
      rejectUnauthorized: true,
      ...(context !== undefined && { secureContext: context }),
      ...(servername !== undefined && { servername }),
      ...(session !== undefined && { session }),
    });
    socket.on('session', (next: Buffer) => {
      if (context === sessionContext) session = next;
    });
    return socket;
  };
}

/**
 * TLS 1.3 judges our certificate only when we speak already: Node emits the alert and leaves the socket as it is, and undici would
 * report the end that follows instead.
 */
function destroyOnAlert(socket: Socket): void {
  socket.on('error', (error) => socket.destroy(error));
}

function reportExpiry(socket: Socket, report: (expiresAtMs: number) => void): void {
  socket.once('secureConnect', function (this: TLSSocket) {
    const expiresAt = this.getPeerX509Certificate()?.validToDate;
    if (expiresAt !== undefined) report(expiresAt.getTime());
  });
}

/**
 * undici takes a reset for the end of a body that runs to the end of its connection; only an orderly end is one
 * (RFC 9112 §8). And it takes the reset of a connection that rests for the failure of a request that is not yet written, where after
 * an orderly end it makes another connection. It goes by the code, and this listener is the first to see it.
 */
function tellReset(error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') error.code = 'UND_ERR_SOCKET';
}

function connectTimeout(hostname: string, port: string, timeoutMs: number): Error {
  return new errors.ConnectTimeoutError(`no connection to ${hostname}:${port} within ${timeoutMs} ms`);
}

function closedEarly(hostname: string, port: string): Error {
  return Object.assign(new Error(`connection to ${hostname}:${port} was closed while it was made`), {
    code: 'ECONNRESET',
  });
}
