// The thread of reading-thread.ts: reads files, one after the other, and hands them over.
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { type PackedTree, packTree } from './packed-tree.ts';
import { type Environment, readSource, type Source } from './read-source.ts';

/** What the thread is told. */
export interface Order {
  readonly file: string;
  readonly env: Environment;
}

/** What it answers: a source, its tree packed. */
export interface PackedSource extends Omit<Source, 'root'> {
  readonly tree: PackedTree | undefined;
}

/** On a core that is never idle, a quarter of it: a revoked key waits for this thread. */
const NICENESS = 5;

// Where there is one core for both threads, that of the requests goes first. Only Linux has a priority for each thread
// (setpriority(2)); elsewhere this would be that of the process.
if (process.platform === 'linux') setPriority(NICENESS);

parentPort?.on('message', (order: Order) => void read(order));

async function read({ file, env }: Order): Promise<void> {
  const { root, ...source } = await readSource(file, env);
  const tree = root && packTree(root);
  parentPort?.postMessage({ ...source, tree } satisfies PackedSource, tree === undefined ? [] : [tree.numbers.buffer]);
}
