// The answer of a third party as it arrives: bounded while it streams, decoded, and whole or not at all.
import type { IncomingMessage } from 'node:http';
import { pipeline, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw, createZstdDecompress } from 'node:zlib';
import { CODING, TOO_LARGE } from '../../resilience/outcome.ts';
import { ClientError } from './client-error.ts';
import { protocolError } from './wire.ts';

export interface VendorAnswer {
  readonly status: number;
  /** Lower-case names; repeated ones joined by ", " (set-cookie never), and none that speak of the connection. */
  readonly headers: ReadonlyMap<string, string>;
  /** Decoded of any content coding. */
  readonly body: Buffer;
}

/** What {@link readAnswer} can decode. */
export const ACCEPT_ENCODING = 'gzip, deflate, br, zstd';

const FIRST_BYTES = 16 * 1024;
const EMPTY = Buffer.alloc(0);

/** They describe the message as it was on the wire (RFC 9110 §7.6.1, §8.4, §8.6), and cookies are for a browser. */
const LEFT_OUT = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A decoder for a body that begins with this chunk. */
type CreateDecoder = (first: Buffer) => Transform;

const DECODERS: ReadonlyMap<string, CreateDecoder> = new Map<string, CreateDecoder>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  // What is called deflate has a zlib header (RFC 9110 §8.4.1.2), but for those servers that leave it out.
  ['deflate', ([head = 0]) => ((head & 0x0f) === 8 ? createInflate() : createInflateRaw())],
  ['br', () => createBrotliDecompress()],
  ['zstd', () => createZstdDecompress()],
]);

/**
 * Reads an answer to its end. What is too large is cut off as soon as that shows; nothing after that is read.
 *
 * @param maxBytes most bytes of the body, on the wire and decoded.
 * @throws ClientError when it is too large or cannot be decoded, else the error of the connection.
 */
export async function readAnswer(response: IncomingMessage, method: string, maxBytes: number): Promise<VendorAnswer> {
  try {
    const status = response.statusCode ?? 0;
    if (status < 200) throw protocolError(`${status} is not the status of an answer`);
    const transferCoding = response.headers['transfer-encoding'];
    if (transferCoding !== undefined && transferCoding.toLowerCase() !== 'chunked') {
      throw protocolError('its transfer coding is not chunked');
    }
    const bodiless = method === 'HEAD' || status === 204 || status === 304;
    if (!bodiless && Number(response.headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
    const source = new Source(response, maxBytes);
    const decoder = bodiless ? undefined : decoderOf(response.headers['content-encoding']);
    const body = decoder === undefined ? await collect(source, maxBytes) : await decode(source, decoder, maxBytes);
    if (!bodiless) assertEndedInOrder(response);
    return { status, headers: headersOf(response.rawHeaders), body };
  } catch (error) {
    response.destroy();
    throw error;
  }
}

/** A body without framing is whole only when its connection has ended in order (RFC 9112 §8); Node takes a reset for that, too. */
function assertEndedInOrder({ headers, socket }: IncomingMessage): void {
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return;
  if (socket.errored !== null) throw socket.errored;
}

/** The bytes as they come, counted. */
class Source {
  /** It was the connection, not what was made of its bytes. */
  failed = false;
  readonly #response: IncomingMessage;
  readonly #maxBytes: number;

  constructor(response: IncomingMessage, maxBytes: number) {
    this.#response = response;
    this.#maxBytes = maxBytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    let size = 0;
    try {
      for await (const chunk of this.#response) {
        if (!Buffer.isBuffer(chunk)) throw new TypeError('the answer is text already');
        size += chunk.length;
        if (size > this.#maxBytes) throw tooLarge(this.#maxBytes);
        yield chunk;
      }
    } catch (error) {
      this.failed = true;
      throw error;
    }
  }
}

async function decode(source: Source, createDecoder: CreateDecoder, maxBytes: number): Promise<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done === true) return EMPTY;
  const decoder = createDecoder(first.value);
  // Its errors come out of the iteration below.
  pipeline(prepend(first.value, chunks), decoder, () => {});
  try {
    return await collect(decoder, maxBytes);
  } catch (error) {
    if (source.failed || error instanceof ClientError) throw error;
    throw new ClientError(CODING, 'its body is not what its content-encoding says, or not whole');
  }
}

async function* prepend(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, undefined> {
  yield first;
  yield* rest;
}

/** Into one buffer that grows: a million chunks of one byte cost no more than their bytes. */
async function collect(chunks: AsyncIterable<Buffer>, maxBytes: number): Promise<Buffer> {
  let bytes = EMPTY;
  let size = 0;
  for await (const chunk of chunks) {
    const end = size + chunk.length;
    if (end > maxBytes) throw tooLarge(maxBytes);
    if (end > bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, Math.min(2 * bytes.length, maxBytes), FIRST_BYTES));
      bytes.copy(larger, 0, 0, size);
      bytes = larger;
    }
    chunk.copy(bytes, size);
    size = end;
  }
  return bytes.subarray(0, size);
}

/** @throws ClientError for a coding that is not known, and for several: nobody sends them but to hide what is inside. */
function decoderOf(encoding: string | undefined): CreateDecoder | undefined {
  const coding = encoding?.trim().toLowerCase() ?? '';
  if (coding === '' || coding === 'identity') return undefined;
  const create = DECODERS.get(coding);
  if (create === undefined) throw new ClientError(CODING, `its content-encoding is none of ${ACCEPT_ENCODING}`);
  return create;
}

/** From the raw ones: Node's own joining keeps only the first of many that come twice. */
function headersOf(raw: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]?.toLowerCase() ?? '';
    const value = raw[i + 1] ?? '';
    if (LEFT_OUT.has(name)) continue;
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

function tooLarge(maxBytes: number): ClientError {
  return new ClientError(TOO_LARGE, `the answer has more than ${maxBytes} bytes`);
}
