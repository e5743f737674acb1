// Connections to one third party: kept for the next call, made within their time, and to allowed addresses only.
import { Agent, type ClientRequestArgs } from 'node:http';
import { isIP, type LookupFunction, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { buildConnector } from 'undici';
import { createConnector } from '../../upstream/connector.ts';
import type { TlsSource } from '../../upstream/tls.ts';
import { type Egress, EgressError } from './egress.ts';

/** Below the 5 s after which many servers close an idle connection; a server's own `Keep-Alive: timeout` is heeded. */
const KEEP_ALIVE_MS = 4_000;

export interface VendorAgentOptions {
  /** `https://api.example.com:8443` */
  readonly origin: URL;
  /** TCP and TLS together. */
  readonly connectMs: number;
  readonly lookup: LookupFunction;
  readonly egress: Egress;
  readonly tls: TlsSource | undefined;
  /** The certificate that the third party has presented expires then, in milliseconds since 1970. */
  readonly onPeerExpiry: (expiresAtMs: number) => void;
}

type Created = (error: Error | null, socket: Duplex) => void;

/** Beside an error nobody looks at it, but the type asks for one. */
const NO_SOCKET = new Socket();

/** Whatever a request says, this connects to its one origin. */
export class VendorAgent extends Agent {
  readonly #connect: buildConnector.connector;
  readonly #to: buildConnector.Options;
  /** The host is an address, and no third party's. */
  readonly #refused: EgressError | undefined;
  readonly #pending = new Set<Socket>();
  /** Connections made under the certificates in use, by an agent that is not retired. */
  #current = new WeakSet<Duplex>();
  #retired = false;

  constructor({ origin, connectMs, lookup, egress, tls, onPeerExpiry }: VendorAgentOptions) {
    const { protocol, port } = origin;
    super({ keepAlive: true, timeout: KEEP_ALIVE_MS, protocol, defaultPort: protocol === 'https:' ? 443 : 80 });
    const hostname = origin.hostname.replace(/^\[(.*)\]$/, '$1');
    this.#to = { hostname, protocol, port };
    this.#refused = isIP(hostname) !== 0 && !egress.allows(hostname) ? new EgressError(hostname) : undefined;
    this.#connect = createConnector({
      connectTimeoutMs: connectMs,
      lookup: egress.guard(lookup),
      tls,
      pending: this.#pending,
      // Node's HTTP client would otherwise stop and start the connection for every chunk.
      readAhead: true,
      onPeerExpiry,
    });
  }

  override createConnection(_options: ClientRequestArgs, created?: Created): undefined {
    const refused = this.#refused;
    if (refused !== undefined) {
      process.nextTick(() => created?.(refused, NO_SOCKET));
      return;
    }
    const current = this.#current;
    this.#connect(this.#to, (error, socket) => {
      if (error !== null) return created?.(error, NO_SOCKET);
      current.add(socket);
      created?.(null, socket);
    });
  }

  override keepSocketAlive(socket: Duplex): boolean {
    const kept: unknown = super.keepSocketAlive(socket);
    return kept === true && !this.#retired && this.#current.has(socket);
  }

  /** Calls from here on use new connections; those under way keep theirs to their end. */
  renew(): void {
    this.#current = new WeakSet();
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }

  /** Keeps no connection any more; those of calls under way close behind them. */
  retire(): void {
    this.#retired = true;
    this.renew();
  }

  override destroy(): void {
    for (const socket of this.#pending) socket.destroy();
    super.destroy();
  }
}
