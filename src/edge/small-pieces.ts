// Joins small pieces of a body that come at once: a client that sends chunks of one byte has the parser hand over thousands of
// them in a row, and each would be a write of its own on the far side.

/** Smaller ones are joined. */
export const SMALL_BYTES = 1_024;
const SLAB_BYTES = 8_192;

/**
 * The small pieces of one body. The first in a round of the event loop goes on at once, as it is; those behind it are handed over
 * together before the round ends. Not at the end of a tick: Node ends one after each chunk that it parses.
 */
export class SmallPieces {
  readonly #handOver: (piece: Buffer) => void;
  /** Filled from round to round, so that what is handed over holds no more memory than it has bytes. */
  #slab: Buffer | undefined = undefined;
  /** What of the slab waits. */
  #from = 0;
  #to = 0;
  /** One has gone on in this round. */
  #gathering = false;

  constructor(handOver: (piece: Buffer) => void) {
    this.#handOver = handOver;
  }

  /** @param piece shorter than `SMALL_BYTES`. */
  push(piece: Buffer): void {
    if (this.#gathering) return this.#join(piece);
    this.#gathering = true;
    setImmediate(endRound, this);
    this.#handOver(piece);
  }

  /** Hands over what waits: to be called before anything that comes after it. */
  flush(): void {
    if (this.#slab === undefined || this.#to === this.#from) return;
    const joined = this.#slab.subarray(this.#from, this.#to);
    this.#from = this.#to;
    this.#handOver(joined);
  }

  endRound(): void {
    this.#gathering = false;
    this.flush();
  }

  #join(piece: Buffer): void {
    if (this.#slab === undefined || this.#to + piece.length > SLAB_BYTES) {
      this.flush();
      this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.#from = 0;
      this.#to = 0;
    }
    this.#slab.set(piece, this.#to);
    this.#to += piece.length;
  }
}

function endRound(pieces: SmallPieces): void {
  pieces.endRound();
}
