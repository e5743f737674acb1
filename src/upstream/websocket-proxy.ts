// http-proxy-middleware, in the one thing it does here: asking a target for a WebSocket and joining the two sockets. Headers,
// times, target and answers are decided before and after it, as it cleans, bounds and answers nothing by itself.
import { Agent, type ClientRequest, type ClientRequestArgs, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createProxyMiddleware, type Plugin, type RequestHandler } from 'http-proxy-middleware';
import type { Connector } from './connector.ts';

/** Learns what becomes of a handshake. */
export interface HandshakeListener {
  /** Before anything is sent: whatever it adds to the request hears of each event before the proxy does. */
  onRequest(request: ClientRequest): void;
  /** Also told after `onRequest`, of what the request says itself. */
  onFailed(error: Error): void;
}

const NO_HEAD = Buffer.alloc(0);

/** The proxy of one target. */
export class WebSocketProxy {
  readonly #proxy: RequestHandler;
  readonly #listeners = new WeakMap<object, HandshakeListener>();

  /** @param origin of the target. @param connect makes its connections. */
  constructor(origin: string, connect: Connector) {
    const { host } = new URL(origin);
    const listen: Plugin = (proxy) => {
      proxy.on('proxyReqWs', (request, _req, client) => this.#listeners.get(client)?.onRequest(request));
      proxy.on('error', (error, _req, client) => {
        if (client !== undefined) this.#listeners.get(client)?.onFailed(error);
      });
    };
    this.#proxy = createProxyMiddleware({
      // Plain HTTP to the proxy; whether there is TLS below is the connection's own affair.
      target: `http://${host}`,
      agent: new TargetAgent(new URL(origin), connect),
      // The default plugins log, and answer errors in their own words.
      ejectPlugins: true,
      plugins: [listen],
    });
  }

  /**
   * Sends a handshake.
   *
   * @param req whose `headers` and `url` are sent as they are.
   * @param client stands for the client's socket: the first that is written to it is a head of the proxy's own making.
   */
  upgrade(req: IncomingMessage, client: Duplex, listener: HandshakeListener): void {
    this.#listeners.set(client, listener);
    // The proxy calls nothing of a socket that the stand-in does not have.
    this.#proxy.upgrade(req, client as Socket, NO_HEAD);
  }
}

/** Connections to one target, made like those of its other calls; none is kept: each becomes a tunnel or is closed. */
class TargetAgent extends Agent {
  readonly #url: URL;
  readonly #connect: Connector;

  constructor(url: URL, connect: Connector) {
    super({ keepAlive: false });
    this.#url = url;
    this.#connect = connect;
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const { hostname, protocol, port } = this.#url;
    this.#connect({ hostname: hostname.replace(/^\[|\]$/g, ''), protocol, port }, (error, socket) => {
      // Node reads either the error or the stream; its type asks for both.
      callback?.(error, socket as Duplex);
    });
  }
}
