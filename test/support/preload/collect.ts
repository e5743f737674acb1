// Loaded into a gateway process before it (`NODE_OPTIONS=--import=…`): each SIGUSR2 collects its garbage and says on standard error
// how many bytes are left, on the heap and beside it.
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

async function report(): Promise<void> {
  // What the first one frees is not all accounted for at once; the second one also ends what the first has left to finalizers.
  for (let round = 0; round < 3; round++) {
    collect();
    await setImmediate();
  }
  const { heapUsed, external } = process.memoryUsage();
  process.stderr.write(`held: ${heapUsed + external}\n`);
}

process.on('SIGUSR2', () => void report());
