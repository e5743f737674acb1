// The thread of reading-thread.ts: reads one file, hands it over, and ends.
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

const { file, env }: Order = workerData;
const { root, ...source } = await readSource(file, env);
const tree = root && packTree(root);
parentPort?.postMessage({ ...source, tree } satisfies PackedSource, tree === undefined ? [] : [tree.numbers.buffer]);
