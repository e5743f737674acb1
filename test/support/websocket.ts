// Real WebSocket servers and clients (`ws`), and the frames that raw sockets write.
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type ClientOptions, type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import type { CleanUp } from './clean-up.ts';
import { listenOnLoopback } from './ports.ts';
import { within } from './wait.ts';

/** An upstream with WebSockets; other requests get 426. */
export interface SocketOrigin {
  readonly url: string;
  readonly port: number;
  /** Handshakes as they arrived, oldest first. */
  readonly handshakes: readonly IncomingMessage[];
  /** Its ends of the connections, oldest first. */
  readonly sockets: readonly WebSocket[];
}

/** Starts one; without `onSocket` it echoes. */
export async function startSocketOrigin(
  t: CleanUp,
  onSocket: (socket: WebSocket, request: IncomingMessage) => void = echo,
  options: ServerOptions = {},
): Promise<SocketOrigin> {
  const handshakes: IncomingMessage[] = [];
  const sockets: WebSocket[] = [];
  const server = createServer((_req, res) => {
    res.writeHead(426, { 'content-type': 'text/plain', upgrade: 'websocket' }).end('a WebSocket, please');
  });
  const webSockets = new WebSocketServer({ server, ...options });
  webSockets.on('connection', (socket, request) => {
    handshakes.push(request);
    sockets.push(socket);
    socket.on('error', () => {}); // 'close' follows
    onSocket(socket, request);
  });
  const port = await listenOnLoopback(server);
  t.after(async () => {
    const closed = once(server, 'close');
    for (const socket of webSockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return { url: `http://127.0.0.1:${port}`, port, handshakes, sockets };
}

function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

/** How a WebSocket ended. 1006: without a close frame. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export class SocketClient {
  readonly socket: WebSocket;
  /** Headers of the 101. */
  readonly answer: IncomingMessage;
  readonly closed: Promise<Closed>;
  readonly #messages: Buffer[] = [];
  #wake: () => void = () => {};

  constructor(socket: WebSocket, answer: IncomingMessage) {
    this.socket = socket;
    this.answer = answer;
    const { promise, resolve } = Promise.withResolvers<Closed>();
    this.closed = promise;
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    socket.on('message', (data) => {
      if (!Buffer.isBuffer(data)) throw new Error('ws gives a message as one buffer unless told otherwise');
      this.#messages.push(data);
      this.#wake();
    });
  }

  send(data: string | Buffer): this {
    this.socket.send(data);
    return this;
  }

  /** The next message that nobody has taken. */
  async message(timeoutMs?: number): Promise<Buffer> {
    for (;;) {
      const message = this.#messages.shift();
      if (message !== undefined) return message;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await within(promise, 'message', timeoutMs);
    }
  }

  close(): Promise<Closed> {
    this.socket.close(1000);
    return within(this.closed, 'close');
  }
}

export interface OpenOptions extends ClientOptions {
  readonly protocols?: readonly string[];
}

/** Opens a WebSocket to `url` (http or ws); rejects when it is refused. */
export async function openSocket(t: CleanUp, url: string, options: OpenOptions = {}): Promise<SocketClient> {
  const { protocols = [], ...rest } = options;
  const socket = new WebSocket(url.replace(/^http/, 'ws'), [...protocols], rest);
  t.after(() => socket.terminate());
  const { promise, resolve, reject } = Promise.withResolvers<SocketClient>();
  socket.on('error', reject);
  // Messages may come with the answer: somebody has to listen before it is open.
  socket.on('upgrade', (answer) => {
    const client = new SocketClient(socket, answer);
    socket.on('open', () => resolve(client));
  });
  return within(promise, 'open WebSocket');
}

/** An answer other than 101. */
export interface Declined {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Asks for a WebSocket that is to be refused. */
export async function declinedSocket(t: CleanUp, url: string, options: OpenOptions = {}): Promise<Declined> {
  const { protocols = [], ...rest } = options;
  const socket = new WebSocket(url.replace(/^http/, 'ws'), [...protocols], rest);
  t.after(() => socket.terminate());
  socket.on('error', () => {});
  const [, response]: IncomingMessage[] = await within(once(socket, 'unexpected-response'), 'refusal of the handshake');
  if (response === undefined) throw new Error('refused without an answer');
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** The key and the answer to it of RFC 6455 §1.3. */
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

/** A handshake as bytes; `headers` are lines of their own, without the last line end. */
export function handshake(path: string, ...headers: readonly string[]): string {
  const fields = ['Host: gateway.example', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
  return `${[`GET ${path} HTTP/1.1`, ...fields, `Sec-WebSocket-Key: ${KEY}`, ...headers].join('\r\n')}\r\n\r\n`;
}

/** The 101 to {@link handshake}. */
export const SWITCHED = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

/** A frame as a server writes it: final unless told otherwise, unmasked. */
export function frame(opcode: number, payload: string | Buffer, { final = true } = {}): Buffer {
  const bytes = Buffer.from(payload);
  const first = (final ? 0x80 : 0) | opcode;
  if (bytes.length < 126) return Buffer.concat([Buffer.from([first, bytes.length]), bytes]);
  const header = Buffer.alloc(bytes.length < 65_536 ? 4 : 10);
  header[0] = first;
  header[1] = bytes.length < 65_536 ? 126 : 127;
  if (bytes.length < 65_536) header.writeUInt16BE(bytes.length, 2);
  else header.writeBigUInt64BE(BigInt(bytes.length), 2);
  return Buffer.concat([header, bytes]);
}
