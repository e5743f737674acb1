// Where WebSocket frames begin and end (RFC 6455 §5.2), read off bytes that pass by: nothing is copied, unmasked or decoded.

const OPCODE = 0x0f;
const CLOSE = 0x8;
const FIN = 0x80;
const MASKED = 0x80;
const LENGTH = 0x7f;
const LENGTH_16 = 126;
const MASK_BYTES = 4;
const HEADER_MAX_BYTES = 14;
/** A control frame holds 125 bytes, of which the code takes two. */
const REASON_MAX_BYTES = 123;

/** Follows one direction of a connection. */
export class FrameTracker {
  /** A close frame has passed, whole: nothing may follow it. */
  closed = false;
  /** Bytes of the frame under way that are still to come, its header known. */
  #remaining = 0;
  /** The header of the frame under way, as far as it has come. */
  readonly #header = Buffer.alloc(HEADER_MAX_BYTES);
  #headerBytes = 0;
  #isClose = false;

  /** Between two frames: a frame of one's own fits here. */
  get atBoundary(): boolean {
    return this.#remaining === 0 && this.#headerBytes === 0;
  }

  /** Follows a whole chunk; returns it. */
  pass(chunk: Buffer): Buffer {
    let at = 0;
    while (at < chunk.length) at = this.#step(chunk, at);
    return chunk;
  }

  /** Follows a chunk up to the end of the frame under way; returns how many of its bytes that took. */
  passFrame(chunk: Buffer): number {
    let at = 0;
    while (at < chunk.length && !this.atBoundary) at = this.#step(chunk, at);
    return at;
  }

  /** Goes on by one byte of a header, or by as much of a payload as there is; returns where it stands then. */
  #step(chunk: Buffer, at: number): number {
    if (this.#remaining > 0) {
      const taken = Math.min(this.#remaining, chunk.length - at);
      this.#remaining -= taken;
      this.#ended();
      return at + taken;
    }
    this.#header[this.#headerBytes++] = chunk[at] ?? 0;
    if (this.#headerBytes >= headerBytes(this.#header, this.#headerBytes)) {
      this.#remaining = payloadBytes(this.#header);
      this.#headerBytes = 0;
      this.#isClose = (this.#byte(0) & OPCODE) === CLOSE;
      this.#ended();
    }
    return at + 1;
  }

  #ended(): void {
    if (this.#remaining === 0 && this.#isClose) this.closed = true;
  }

  #byte(index: number): number {
    return this.#header[index] ?? 0;
  }
}

/** How long this header is, as far as its first `known` bytes tell. */
function headerBytes(header: Buffer, known: number): number {
  if (known < 2) return 2;
  const second = header[1] ?? 0;
  const mask = (second & MASKED) === 0 ? 0 : MASK_BYTES;
  const length = second & LENGTH;
  if (length < LENGTH_16) return 2 + mask;
  return (length === LENGTH_16 ? 4 : 10) + mask;
}

/** A length beyond 2^53 loses its last bits, which nobody lives to see. */
function payloadBytes(header: Buffer): number {
  const length = (header[1] ?? 0) & LENGTH;
  if (length < LENGTH_16) return length;
  return length === LENGTH_16 ? header.readUInt16BE(2) : header.readUInt32BE(2) * 2 ** 32 + header.readUInt32BE(6);
}

/** A close frame as a server sends it, unmasked (RFC 6455 §5.5.1, §7.4). */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason).subarray(0, REASON_MAX_BYTES);
  const frame = Buffer.alloc(4 + text.length);
  frame[0] = FIN | CLOSE;
  frame[1] = 2 + text.length;
  frame.writeUInt16BE(code, 2);
  text.copy(frame, 4);
  return frame;
}
