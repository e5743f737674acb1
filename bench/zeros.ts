// Large bodies that take no space: the same block of zeros, again and again.
import { Readable } from 'node:stream';

export const GIBIBYTE = 2 ** 30;

const BLOCK = Buffer.alloc(64 * 1024);

export function zeros(bytes: number): Readable {
  let left = bytes;
  return new Readable({
    read() {
      if (left === 0) {
        this.push(null);
        return;
      }
      const chunk = left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK;
      left -= chunk.length;
      this.push(chunk);
    },
  });
}
