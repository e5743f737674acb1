// An open WebSocket, as the proxy sees it: it stands for the client's socket, so that frame boundaries toward the client are
// known, a close frame can be said between two of them, and silence and life have an end.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Exchange } from '../exchange/exchange.ts';
import { closeFrame, FrameTracker } from './websocket-frames.ts';

/** Longest silence, counting both ways, and longest life; milliseconds, `Infinity` for none. */
export interface TunnelLife {
  readonly idleMs: number;
  readonly maxMs: number;
}

/** Why the gateway itself closes: code and text of the close frame (RFC 6455 §7.4.1), and the reason in the log. */
export interface Goodbye {
  readonly code: number;
  readonly text: string;
  readonly reason: string;
}

const IDLE: Goodbye = { code: 1001, text: 'idle for too long', reason: 'websocket.idle' };
const EXPIRED: Goodbye = { code: 1001, text: 'open for too long', reason: 'websocket.max' };

/** What the client has to answer a close frame; then both sockets are destroyed. */
const GOODBYE_MS = 1_000;
/** What the upstream has to end by itself, once its client has gone and all that came from it is delivered. */
const LEFT_MS = 50;
/** Node's timers overflow beyond it, and fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

const NOTHING = Buffer.alloc(0);

export class Tunnel extends Duplex {
  readonly #x: Exchange;
  readonly #client: Socket;
  readonly #life: TunnelLife;
  readonly #frames = new FrameTracker();
  #upstream: Socket | undefined = undefined;
  #openedAt = 0;
  #movedAt = 0;
  /** The proxy has written its own answer to the handshake, which is not passed on: `Reply` has sent ours. */
  #headWritten = false;
  /** To be said at the next boundary; what the upstream sends after it is dropped. */
  #goodbye: Goodbye | undefined = undefined;
  #said = false;
  /** Continues the upstream's bytes once the client has read what was written. */
  #resume: (() => void) | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;

  constructor(x: Exchange, life: TunnelLife) {
    super({ autoDestroy: false });
    this.#x = x;
    this.#client = x.req.socket;
    this.#life = life;
  }

  /** The upstream has agreed, and the client knows. */
  open(upstream: Socket): void {
    const client = this.#client;
    this.#upstream = upstream;
    this.#openedAt = performance.now();
    this.#movedAt = this.#openedAt;
    this.#sleep();
    upstream.on('finish', () => this.#leaveIfLeft());
    upstream.on('close', () => {
      // After an end in order, what it has sent is still on its way.
      if (!this.writableEnded) this.#broken();
    });
    client.on('drain', () => this.#drained());
    client.on('end', () => this.#clientEnded());
    client.on('data', (chunk: Buffer) => this.#fromClient(chunk));
  }

  /** Closes from the gateway's side: a close frame as soon as one fits, then both sockets. */
  close(goodbye: Goodbye): void {
    if (this.#goodbye !== undefined) return;
    this.#goodbye = goodbye;
    this.#because(goodbye.reason);
    this.#cutAfter(GOODBYE_MS);
    if (this.#frames.atBoundary) this.#say(goodbye);
  }

  // What a proxy sets on a client's socket has been set by the edge.
  setTimeout(): this {
    return this;
  }
  setNoDelay(): this {
    return this;
  }
  setKeepAlive(): this {
    return this;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.#headWritten) {
      this.#headWritten = true;
      return done();
    }
    this.#movedAt = performance.now();
    const goodbye = this.#goodbye;
    const passed = goodbye === undefined ? this.#frames.pass(chunk) : this.#lastFrame(chunk);
    const reads = passed.length === 0 || this.#toClient(passed);
    if (goodbye !== undefined && this.#frames.atBoundary) this.#say(goodbye);
    if (reads) done();
    else this.#resume = done;
  }

  override _final(done: () => void): void {
    done();
    if (!this.#frames.closed && !this.#said) return this.#broken();
    this.#client.end();
    this.#cutAfter(GOODBYE_MS);
  }

  override _read(): void {
    this.#client.resume();
  }

  override _destroy(_error: Error | null, done: () => void): void {
    clearTimeout(this.#timer);
    if (this.#upstream !== undefined) this.#clientLeft();
    this.#upstream?.destroy();
    done();
  }

  #toClient(bytes: Buffer): boolean {
    this.#x.bytesOut += bytes.length;
    return this.#client.write(bytes);
  }

  #fromClient(chunk: Buffer): void {
    this.#movedAt = performance.now();
    this.#x.bytesIn += chunk.length;
    if (!this.push(chunk)) this.#client.pause();
  }

  #drained(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    this.#movedAt = performance.now();
    resume?.();
  }

  /** What of a chunk belongs to the frame that had begun when the gateway decided to close. */
  #lastFrame(chunk: Buffer): Buffer {
    return this.#said ? NOTHING : chunk.subarray(0, this.#frames.passFrame(chunk));
  }

  #say({ code, text }: Goodbye): void {
    if (this.#said) return;
    this.#said = true;
    if (!this.#frames.closed) this.#toClient(closeFrame(code, text));
  }

  #clientEnded(): void {
    this.#clientLeft();
    this.push(null);
    this.#leaveIfLeft();
  }

  /** It may leave once it was told that nothing more comes. */
  #clientLeft(): void {
    if (!this.#frames.closed && !this.#said) this.#because('client_gone');
  }

  /** The client has gone, and the upstream has had its last word. */
  #leaveIfLeft(): void {
    if (this.#client.readableEnded && this.#upstream?.writableFinished) this.#cutAfter(LEFT_MS);
  }

  /** The upstream has gone without a word: what the client has is not to look like an end in order. */
  #broken(): void {
    this.#because('upstream.truncated');
    this.#client.destroySoon();
  }

  #because(reason: string): void {
    if (this.#x.reason === '') this.#x.reason = reason;
  }

  #cutAfter(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(cut, ms, this.#client);
  }

  #sleep(): void {
    const now = performance.now();
    const dueAt = Math.min(this.#movedAt + this.#life.idleMs, this.#openedAt + this.#life.maxMs);
    if (dueAt === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(wake, Math.min(Math.max(1, Math.ceil(dueAt - now)), TIMER_MAX_MS), this);
  }

  /** @internal the timer's turn: re-armed only now, as bytes move far more often than it fires. */
  onTimer(): void {
    const now = performance.now();
    if (now >= this.#openedAt + this.#life.maxMs) this.close(EXPIRED);
    else if (now >= this.#movedAt + this.#life.idleMs) this.close(IDLE);
    else this.#sleep();
  }
}

function wake(tunnel: Tunnel): void {
  tunnel.onTimer();
}

/** The exchange ends with the client's socket, and the tunnel and the upstream's socket with the exchange. */
function cut(client: Socket): void {
  client.destroy();
}
