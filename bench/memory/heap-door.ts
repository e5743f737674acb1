// Imported into a gateway that is probed (`--expose-gc --import heap-door.ts?PORT`): collects what is garbage, and says on
// that port what is left.
import { createServer } from 'node:http';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** What the door says, in bytes. */
export interface Held {
  readonly heapUsed: number;
  /** Buffers and the like, beside the heap. */
  readonly external: number;
  readonly rss: number;
}

createServer((_request, response) => {
  void collect().then(() => {
    const { heapUsed, external, rss } = process.memoryUsage();
    response.end(JSON.stringify({ heapUsed, external, rss } satisfies Held));
  });
})
  .listen(Number(new URL(import.meta.url).search.slice(1)), '127.0.0.1')
  .unref();

async function collect(): Promise<void> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('the heap door needs --expose-gc');
  // What the first one sets free may be what holds something else.
  for (let round = 0; round < 2; round++) {
    gc();
    await nextTurn();
  }
}
