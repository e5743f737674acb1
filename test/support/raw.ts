// A client that writes bytes, not requests: for framing attacks, half-closed sockets, resets and keep-alive.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { CleanUp } from './clean-up.ts';
import { within } from './wait.ts';

/** One response, as it stood on the wire. */
export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  /** Flat name/value pairs in order and case. */
  readonly rawHeaders: readonly string[];
  /** With chunk framing taken off. */
  readonly body: Buffer;
  /** Trailer section, flat pairs. */
  readonly trailers: readonly string[];
  /** The first value of a header; the name in any case. */
  header(name: string): string | undefined;
}

/** How the other side ended the connection: an orderly end, or a reset. */
export type Ending = 'fin' | 'rst';

export class RawClient {
  readonly socket: Socket;
  /** Settles once, when the other side has ended or reset the connection. */
  readonly ended: Promise<Ending>;
  #buffer: Buffer = Buffer.alloc(0);
  #wake: () => void = () => {};
  #ending: Ending | undefined = undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<Ending>();
    this.ended = promise;
    const end = (ending: Ending): void => {
      this.#ending ??= ending;
      resolve(this.#ending);
      this.#wake();
    };
    socket.on('data', (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      this.#wake();
    });
    socket.on('end', () => end('fin'));
    socket.on('error', () => end('rst'));
    socket.on('close', () => end('fin'));
  }

  /** Bytes that have arrived and no response has taken yet. */
  get unread(): Buffer {
    return this.#buffer;
  }

  /** Writes as given; lines are not ended for you. */
  send(bytes: string | Uint8Array): this {
    this.socket.write(bytes);
    return this;
  }

  /** Ends our half; what the other side still sends is read. */
  halfClose(): this {
    this.socket.end();
    return this;
  }

  /** Sends a reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** The next final response. Interim ones (1xx) are passed over unless `interim`. HEAD has no body: say so with `method`. */
  async response(options: { method?: string; interim?: boolean; timeoutMs?: number } = {}): Promise<RawResponse> {
    for (;;) {
      const response = await this.#take(
        () => parseResponse(this.#buffer, options.method ?? 'GET', this.#ending),
        options.timeoutMs,
      );
      if (response.status >= 200 || response.status === 101 || options.interim) return response;
    }
  }

  /** Everything that arrives until the other side ends the connection, and how it did. */
  async rest(timeoutMs?: number): Promise<{ bytes: Buffer; ending: Ending }> {
    const ending = await within(this.ended, 'end of the connection', timeoutMs);
    const bytes = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    return { bytes, ending };
  }

  async #take<T>(parse: () => { value: T; size: number } | undefined, timeoutMs?: number): Promise<T> {
    for (;;) {
      const parsed = parse();
      if (parsed !== undefined) {
        this.#buffer = this.#buffer.subarray(parsed.size);
        return parsed.value;
      }
      if (this.#ending !== undefined) {
        throw new Error(
          `connection ended (${this.#ending}) inside a response: ${JSON.stringify(this.#buffer.toString('latin1').slice(0, 500))}`,
        );
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await within(promise, 'complete response', timeoutMs);
    }
  }
}

/** Connects to a loopback port; the socket is destroyed after the test. */
export async function rawConnect(t: CleanUp, port: number): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  t.after(() => {
    socket.destroy();
  });
  await once(socket, 'connect');
  return new RawClient(socket);
}

/** One request on a connection of its own: bytes in, the response out. */
export async function rawRequest(t: CleanUp, port: number, bytes: string | Uint8Array): Promise<RawResponse> {
  const client = await rawConnect(t, port);
  const response = await client.send(bytes).response();
  client.socket.destroy();
  return response;
}

const CRLF2 = '\r\n\r\n';

function parseResponse(
  bytes: Buffer,
  method: string,
  ending: Ending | undefined,
): { value: RawResponse; size: number } | undefined {
  const headEnd = bytes.indexOf(CRLF2);
  if (headEnd < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n');
  const [, status, reason] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(statusLine) ?? [];
  if (status === undefined) throw new Error(`not a status line: ${JSON.stringify(statusLine)}`);
  const rawHeaders = lines.flatMap(fieldPair);
  const header = (name: string): string | undefined => firstValue(rawHeaders, name);

  const content = parseContent(bytes, headEnd + CRLF2.length, Number(status), method, header, ending);
  if (content === undefined) return undefined;
  const { body, trailers, end } = content;
  return { value: { status: Number(status), reason: reason ?? '', rawHeaders, body, trailers, header }, size: end };
}

interface Content {
  readonly body: Buffer;
  readonly trailers: readonly string[];
  readonly end: number;
}

function parseContent(
  bytes: Buffer,
  start: number,
  status: number,
  method: string,
  header: (name: string) => string | undefined,
  ending: Ending | undefined,
): Content | undefined {
  const none: Content = { body: Buffer.alloc(0), trailers: [], end: start };
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return none;
  if (header('transfer-encoding')?.toLowerCase() === 'chunked') return parseChunked(bytes, start);
  const length = header('content-length');
  if (length !== undefined) {
    const end = start + Number(length);
    return bytes.length < end ? undefined : { body: bytes.subarray(start, end), trailers: [], end };
  }
  // Without framing the body runs to the end of the connection, and only an orderly one proves that it is whole.
  return ending === 'fin' ? { body: bytes.subarray(start), trailers: [], end: bytes.length } : undefined;
}

function parseChunked(bytes: Buffer, start: number): Content | undefined {
  const chunks: Buffer[] = [];
  let at = start;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16);
    if (Number.isNaN(size))
      throw new Error(`not a chunk size: ${JSON.stringify(bytes.toString('latin1', at, lineEnd))}`);
    at = lineEnd + 2;
    if (size === 0) break;
    if (bytes.length < at + size + 2) return undefined;
    chunks.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
  const trailers: string[] = [];
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const line = bytes.toString('latin1', at, lineEnd);
    at = lineEnd + 2;
    if (line === '') return { body: Buffer.concat(chunks), trailers, end: at };
    trailers.push(...fieldPair(line));
  }
}

function fieldPair(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon < 1) throw new Error(`not a header field: ${JSON.stringify(line)}`);
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

function firstValue(pairs: readonly string[], name: string): string | undefined {
  for (let i = 0; i < pairs.length; i += 2) {
    if (pairs[i]?.toLowerCase() === name.toLowerCase()) return pairs[i + 1];
  }
  return undefined;
}
