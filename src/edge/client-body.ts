// The client's request body: flows on as it comes, is remembered up to the replay limit for a retry, or is collected whole
// for a policy. Whatever happens to an attempt, the client's own stream is never destroyed by it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { ByteList } from '../exchange/byte-list.ts';
import type { BodyFailure, BodyLimits, BodyListener, Outlet, RequestBody } from '../exchange/request-body.ts';
import { SMALL_BYTES, SmallPieces } from './small-pieces.ts';

/**
 * An upload that comes more slowly is no upload: it holds a connection to a target that others wait for. 500 bytes a second, the
 * least of Apache's mod_reqtimeout, is far below what any telephone sends.
 */
const LEAST_BYTES_PER_MS = 0.5;

const FRAMING_FIELDS = new Set(['content-length', 'transfer-encoding']);

/** Of a request without a body: shared by all of them. */
export const NO_BODY: RequestBody = {
  present: false,
  length: undefined,
  bytes: undefined,
  replayable: true,
  complete: true,
  completedAt: 0,
  movedAt: 0,
  overdueAt: Number.POSITIVE_INFINITY,
  received: 0,
  heldBack: false,
  failure: undefined,
  limit() {},
  follow() {},
  collect: () => Promise.resolve(EMPTY),
  open: () => null,
  release() {},
};
const EMPTY = Buffer.alloc(0);

/** Whether the client announced a body (RFC 9112 §6.3). */
export function hasBody(req: IncomingMessage): boolean {
  const { headers } = req;
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

const UNLIMITED: BodyLimits = {
  maxBytes: Number.POSITIVE_INFINITY,
  replayBytes: 0,
  stallMs: Number.POSITIVE_INFINITY,
  totalMs: Number.POSITIVE_INFINITY,
};

export class ClientBody implements RequestBody {
  readonly present = true;
  readonly length: number | undefined;
  bytes: Buffer | undefined = undefined;
  complete = false;
  completedAt = 0;
  movedAt: number;
  received = 0;
  failure: BodyFailure | undefined = undefined;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #awaitsContinue: boolean;
  readonly #begunAt = performance.now();
  #limits = UNLIMITED;
  #maxBytes = Number.POSITIVE_INFINITY;
  #stallTimer: NodeJS.Timeout | undefined = undefined;
  /** Chunks since the first byte, while there are not too many to be kept; undefined once there are. */
  #kept: ByteList | undefined = new ByteList();
  /** Of a body in chunks, which are as small as its client likes. */
  #small: SmallPieces | undefined = undefined;
  #stream: AttemptBody | undefined = undefined;
  #collector: ((result: Buffer | BodyFailure) => void) | undefined = undefined;
  #listener: BodyListener | undefined = undefined;
  #started = false;
  /** Somebody wanted to be told of pieces before we did. One who wants only the first is off the list when we are told of it. */
  #shared = false;
  #startedAt = Number.POSITIVE_INFINITY;
  /** Since when nobody takes the client's bytes; 0 while somebody does. */
  #heldAt = 0;
  /** How long that was so before. */
  #heldMs = 0;

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.#req = req;
    this.#res = res;
    const length = req.headers['content-length'];
    this.length = length === undefined ? undefined : Number(length);
    // RFC 9110 §10.1.1: a 100-continue expectation of HTTP/1.0 is ignored.
    this.#awaitsContinue = req.headers.expect !== undefined && req.httpVersionMinor > 0;
    this.movedAt = this.#begunAt;
  }

  get replayable(): boolean {
    return this.bytes !== undefined || this.#kept !== undefined;
  }

  get heldBack(): boolean {
    return !this.#started || this.#req.isPaused();
  }

  get overdueAt(): number {
    const heldMs = this.#heldMs + (this.#heldAt === 0 ? 0 : performance.now() - this.#heldAt);
    return this.#startedAt + heldMs + this.#limits.stallMs + this.received / LEAST_BYTES_PER_MS;
  }

  limit(limits: BodyLimits): void {
    this.#limits = limits;
    this.#maxBytes = limits.maxBytes;
  }

  follow(listener: BodyListener): void {
    this.#listener = listener;
  }

  collect(maxBytes: number): Promise<Buffer | BodyFailure> {
    if (this.bytes !== undefined) return Promise.resolve(this.bytes);
    if (this.failure !== undefined) return Promise.resolve(this.failure);
    if (this.length !== undefined && this.length > maxBytes) return Promise.resolve('too_large');
    this.#maxBytes = Math.min(this.#maxBytes, maxBytes);
    return new Promise((resolve) => {
      this.#collector = resolve;
      this.movedAt = performance.now();
      this.#watch();
      this.#start();
    });
  }

  open(outlet: Outlet): Readable | Buffer | null {
    if (this.bytes !== undefined) return this.bytes;
    this.#stream?.detach();
    const stream = new AttemptBody(this.#flow, outlet);
    this.#stream = stream;
    for (const chunk of this.#kept?.pieces ?? []) stream.push(chunk);
    if (this.complete) stream.push(null);
    return stream;
  }

  release(): void {
    this.#stream?.detach();
    this.#stream = undefined;
    if (this.#started && !this.complete) this.#hold(performance.now());
  }

  /** The attempt wants bytes: not before it has a connection. */
  readonly #flow = (): void => {
    if (this.complete || this.failure !== undefined) return;
    if (!this.#started) return this.#start();
    if (this.#heldAt !== 0) this.#heldMs += performance.now() - this.#heldAt;
    this.#heldAt = 0;
    this.#req.resume();
  };

  #hold(now: number): void {
    if (this.#heldAt === 0) this.#heldAt = now;
    this.#req.pause();
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#startedAt = performance.now();
    const req = this.#req;
    if (req.readableEnded || req.readableDidRead) return this.#fail('already_read');
    // RFC 9110 §10.1.1: the client waits for this; it is only said once somebody wants the body.
    if (this.#awaitsContinue) this.#res.writeContinue();
    this.#shared = isShared(req, 0);
    req.on('data', this.#onData);
    req.on('end', this.#onEnd);
    req.on('close', this.#onClose);
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.failure !== undefined) return;
    this.movedAt = performance.now();
    this.received += chunk.length;
    if (this.received > this.#maxBytes) return this.#fail('too_large');
    if (this.length === undefined) {
      if (chunk.length < SMALL_BYTES) {
        this.#small ??= new SmallPieces((joined) => this.#take(joined));
        return this.#small.push(chunk);
      }
      this.#small?.flush();
    }
    this.#take(chunk);
  };

  #take(piece: Buffer): void {
    if (this.failure !== undefined) return;
    if (this.#kept !== undefined) {
      if (this.received <= this.#limits.replayBytes || this.#collector !== undefined) this.#kept.push(piece);
      else this.#kept = undefined;
    }
    const stream = this.#stream;
    if (stream === undefined) return;
    if (!stream.push(piece)) this.#hold(this.movedAt);
    if (this.#kept === undefined && stream.sent && !this.#shared && !isShared(this.#req, 1)) free(piece);
  }

  readonly #onEnd = (): void => {
    if (this.failure !== undefined) return;
    this.#small?.flush();
    if (framingTrailer(this.#req.rawTrailers)) return this.#fail('framing_trailer');
    clearTimeout(this.#stallTimer);
    this.complete = true;
    this.completedAt = performance.now();
    if (this.#collector !== undefined) {
      this.bytes = this.#kept?.toBuffer() ?? EMPTY;
      this.#kept = undefined;
      this.#collector(this.bytes);
    }
    this.#stream?.push(null);
    this.#listener?.bodyComplete();
  };

  readonly #onClose = (): void => {
    if (!this.complete) this.#fail('aborted');
  };

  /** While the body is collected, no attempt's clock runs: its time is bounded here. Re-armed lazily. */
  #watch(): void {
    const { stallMs, totalMs } = this.#limits;
    const dueMs = Math.min(this.movedAt + stallMs, this.overdueAt, this.#begunAt + totalMs) - performance.now();
    if (dueMs === Number.POSITIVE_INFINITY) return;
    if (dueMs <= 0) return this.#fail('stalled');
    this.#stallTimer = setTimeout(() => this.#watch(), Math.ceil(dueMs));
  }

  #fail(failure: BodyFailure): void {
    if (this.failure !== undefined) return;
    clearTimeout(this.#stallTimer);
    this.failure = failure;
    this.#kept = undefined;
    this.#collector?.(failure);
    this.#listener?.bodyFailed(failure);
  }
}

/** One attempt's view of the body. Destroying it, as a failed attempt does, leaves the client's stream alone. */
class AttemptBody extends Readable {
  #flow: (() => void) | undefined;
  readonly #outlet: Outlet;

  constructor(flow: () => void, outlet: Outlet) {
    super({ highWaterMark: 16_384 });
    this.#flow = flow;
    this.#outlet = outlet;
  }

  /** All that was pushed is out. */
  get sent(): boolean {
    return this.readableLength === 0 && this.#outlet.sent;
  }

  override _read(): void {
    this.#flow?.();
  }

  detach(): void {
    this.#flow = undefined;
    this.destroy();
  }
}

/** Smaller ones are not worth it. */
const FREED_BYTES = 16_384;

/**
 * Gives the memory of a piece back. Node's parser has copied it into memory of its own; the next one then gets the same, while caches know
 * it, and not one in a thousand is left for the garbage collector, which would mark the whole heap for them.
 */
function free({ buffer, byteLength }: Buffer): void {
  if (byteLength < FREED_BYTES || byteLength !== buffer.byteLength) return;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Whether anybody, such as middleware or what watches over all requests, may see pieces of the body besides so many listeners of ours. */
function isShared(req: IncomingMessage, ours: number): boolean {
  return (
    req.listenerCount('data') > ours ||
    req.listenerCount('readable') > 0 ||
    req.on !== Readable.prototype.on ||
    req.emit !== Readable.prototype.emit ||
    req.push !== Readable.prototype.push
  );
}

function framingTrailer(trailers: readonly string[]): boolean {
  for (let i = 0; i < trailers.length; i += 2) {
    if (FRAMING_FIELDS.has((trailers[i] ?? '').toLowerCase())) return true;
  }
  return false;
}
