// Lines that wait to be written, as bytes. As strings they would be thousands of small objects, which every collection of garbage
// copies; as bytes they are one that it leaves alone.

const FIRST_BYTES = 64 * 1024;
/** A UTF-16 unit is at most this many bytes of UTF-8 (RFC 3629). */
const BYTES_PER_UNIT = 3;

export class LogBatch {
  readonly #most: number;
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #used = 0;
  lines = 0;

  /** @param most bytes it holds at most. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes a line; false when it has no room for it. */
  add(line: string): boolean {
    const needed = this.#used + line.length * BYTES_PER_UNIT;
    if (needed > this.#bytes.length && !this.#grow(needed)) return false;
    this.#used += this.#bytes.write(line, this.#used);
    this.lines++;
    return true;
  }

  /** What it holds: a view, good until it is emptied. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#used);
  }

  empty(): void {
    this.#used = 0;
    this.lines = 0;
  }

  #grow(needed: number): boolean {
    if (needed > this.#most) return false;
    const bytes = Buffer.allocUnsafeSlow(Math.min(this.#most, Math.max(needed, this.#bytes.length * 2)));
    this.#bytes.copy(bytes, 0, 0, this.#used);
    this.#bytes = bytes;
    return true;
  }
}
