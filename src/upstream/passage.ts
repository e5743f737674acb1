// The memory of what passes through the connection to a target. By itself Node takes 64 KiB of fresh memory for each read, which no cache
// knows, and gives it back when the garbage collector comes.
import type { Socket, SocketConstructorOpts } from 'node:net';
import type { DuplexOptions } from 'node:stream';
import type { Outlet } from '../exchange/request-body.ts';

/** As much as Node reads at a time. */
const OWN_BYTES = 65_536;
/**
 * What is read of fewer bytes is copied: whoever holds a piece of it does not hold all 64 KiB. A server for clients lets fewer bytes than
 * this wait (`cli/listen.ts`): otherwise a piece would seldom be gone at once.
 */
const COPIED_BYTES = 16_384;
/** Heads and small bodies are read into this, on all connections, and copied out at once. */
const SHARED = Buffer.allocUnsafeSlow(COPIED_BYTES);

/** What connections had of their own and need no more. */
const spare: Buffer[] = [];
const SPARE_MAX = 4;

/**
 * A large body is read into the same memory again and again, as long as each piece of it is gone when the next one is read; what somebody
 * keeps is theirs, and the connection gets other memory.
 */
export class Passage implements Outlet {
  #socket: Socket | undefined = undefined;
  /** What is read into; undefined: {@link SHARED}. */
  #own: Buffer | undefined = undefined;
  /** Bytes of it that whoever was told of them may still hold. */
  #lent = 0;
  /** More of a large body is to be expected. */
  #flows = false;
  #paused = false;

  /** For `net.connect`, which asks for the first memory at once, and whose result goes to {@link serve}. */
  options(): Pick<SocketConstructorOpts, 'onread'> & DuplexOptions {
    this.#own = undefined;
    this.#flows = false;
    return {
      onread: {
        buffer: () => this.#next(),
        callback: (bytes, memory) => this.#read(bytes, memory),
      },
      // Before a reader that has paused, one read at most is made ahead.
      readableHighWaterMark: COPIED_BYTES,
    };
  }

  serve(socket: Socket): void {
    this.#socket = socket;
  }

  get sent(): boolean {
    return this.#socket?.writableLength === 0;
  }

  /** A piece of so many bytes is needed no more. Memory is used again only when it was all that had been read. */
  gone(bytes: number): void {
    if (bytes === this.#lent) this.#lent = 0;
  }

  /** Whoever was told of a piece takes no more until it reads again by itself. */
  pause(): void {
    this.#paused = true;
  }

  /** Nothing more is to be expected: what comes next is small. */
  rest(): void {
    this.#flows = false;
  }

  /** False: nothing more is read until undici reads from the socket. */
  #read(bytes: number, memory: Uint8Array): boolean {
    const socket = this.#socket;
    if (socket === undefined) return false;
    this.#flows = bytes >= COPIED_BYTES;
    this.#paused = false;
    if (this.#flows && this.#own === memory) {
      this.#lent = bytes;
      socket.push(this.#own.subarray(0, bytes));
    } else {
      socket.push(copy(memory, bytes));
    }
    // Its reader would be told at the end of the turn: too late to know what is needed for the next read.
    socket.emit('readable');
    const more = !this.#paused && socket.readableLength === 0;
    if (this.#lent > 0) this.#own = undefined;
    if (this.#lent > 0 || !more) this.#flows = false;
    this.#lent = 0;
    return more;
  }

  /** Where the next read goes. Asked after each; it is the last one it gave that is read into. */
  #next(): Buffer {
    if (this.#flows) {
      this.#own ??= spare.pop() ?? Buffer.allocUnsafeSlow(OWN_BYTES);
      return this.#own;
    }
    if (this.#own !== undefined && spare.length < SPARE_MAX) spare.push(this.#own);
    this.#own = undefined;
    return SHARED;
  }
}

/** Small ones share Node's pool, as all small buffers do, which makes them cheap; a larger one has memory of its own. */
const POOLED_BYTES = 4_096;

function copy(from: Uint8Array, bytes: number): Buffer {
  const piece = bytes <= POOLED_BYTES ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes);
  piece.set(from.subarray(0, bytes));
  return piece;
}
