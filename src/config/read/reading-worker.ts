// The thread of reading-thread.ts: reads one file, hands it over, and ends.
import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { type PackedTree, packTree } from './packed-tree.ts';
import { type Environment, readSource, type Source } from './read-source.ts';

/** What the thread is started with. */
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

const { file, env }: Order = workerData;
const { root, ...source } = await readSource(file, env);
const tree = root && packTree(root);
parentPort?.postMessage({ ...source, tree } satisfies PackedSource, tree === undefined ? [] : [tree.numbers.buffer]);
