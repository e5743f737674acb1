// A large body that takes no space: the same block of zeros, again and again.
import { Readable } from 'node:stream';

export const GIBIBYTE = 2 ** 30;

const BLOCK = Buffer.alloc(64 * 1024);

export function zeros(): Readable {
  let left = GIBIBYTE / BLOCK.length;
  return new Readable({
    read() {
      this.push(left-- > 0 ? BLOCK : null);
    },
  });
}
