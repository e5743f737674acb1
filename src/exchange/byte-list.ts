// Bytes that come in pieces, collected in order. Small pieces are packed: a buffer object costs hundreds of bytes, and a client
// chooses how small its chunks are.

/** Pieces of this size are kept as they are. */
const LARGE_BYTES = 4_096;
const PACK_BYTES = 16_384;

export class ByteList {
  readonly #pieces: Buffer[] = [];
  /** The last piece is a pack of which this much is used; undefined: it is somebody's own. */
  #packed: number | undefined = undefined;

  push(piece: Buffer): void {
    if (this.#pieces.length === 0 || piece.length >= LARGE_BYTES) {
      this.#seal();
      this.#pieces.push(piece);
      return;
    }
    let rest = piece;
    while (rest.length > 0) rest = rest.subarray(this.#pack(rest));
  }

  /** The pieces so far; at most a few per kilobyte. */
  get pieces(): readonly Buffer[] {
    this.#seal();
    return this.#pieces;
  }

  /** All of it; without a copy when it came in one piece. */
  toBuffer(): Buffer {
    const [only, ...more] = this.pieces;
    return only !== undefined && more.length === 0 ? only : Buffer.concat(this.#pieces);
  }

  #pack(bytes: Buffer): number {
    let pack = this.#packed === undefined ? undefined : this.#pieces.at(-1);
    if (pack === undefined || this.#packed === pack.length) {
      pack = Buffer.allocUnsafeSlow(PACK_BYTES);
      this.#pieces.push(pack);
      this.#packed = 0;
    }
    const copied = bytes.copy(pack, this.#packed ?? 0);
    this.#packed = (this.#packed ?? 0) + copied;
    return copied;
  }

  /** Cuts the pack to what is used of it. */
  #seal(): void {
    const pack = this.#pieces.at(-1);
    if (this.#packed === undefined || pack === undefined) return;
    this.#pieces[this.#pieces.length - 1] = pack.subarray(0, this.#packed);
    this.#packed = undefined;
  }
}
