// Reads a configuration file on a thread of its own: the YAML of a thousand routes is tens of milliseconds in one piece, which a
// process that serves does not have. The thread ends with its file.
import { Worker } from 'node:worker_threads';
import { READING_WORKER } from '../../places.ts';
import type { Turns } from '../load/turns.ts';
import { unpackTree } from './packed-tree.ts';
import type { Environment, Source } from './read-source.ts';
import type { Order, PackedSource } from './reading-worker.ts';

/** As `readSource`, in turns. Rejects when the thread fails, such as for want of memory. */
export async function readOnThread(file: string, env: Environment, turns: Turns): Promise<Source> {
  // The environment of a process is an object of its own kind: what it holds is copied.
  const { tree, ...source } = await ordered({ file, env: { ...env } });
  return { ...source, root: tree && (await unpackTree(tree, turns)) };
}

function ordered(order: Order): Promise<PackedSource> {
  return new Promise((resolve, reject) => {
    new Worker(READING_WORKER, { workerData: order, env: {}, argv: [] })
      .on('message', resolve)
      .on('error', reject)
      .on('exit', () => reject(new Error(`the thread that reads ${order.file} ended without an answer`)));
  });
}
