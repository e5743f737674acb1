// Loaded into a gateway process before it (`NODE_OPTIONS=--max-old-space-size=256 --import=…`): SIGUSR2 fills its heap to just
// below the limit, another one empties it.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const FULL_BYTES = 240 * 2 ** 20;
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
let ballast: number[][] = [];

process.on('SIGUSR2', () => {
  if (ballast.length > 0) {
    ballast = [];
    collect();
    return;
  }
  while (getHeapStatistics().used_heap_size < FULL_BYTES) ballast.push(Array.from({ length: 500 }, (_, i) => i + 0.5));
});
