// Reads a configuration file on a thread of its own: the YAML of a thousand routes is tens of milliseconds in one piece, which a
// process that serves does not have.
import { Worker } from 'node:worker_threads';
import { READING_WORKER } from '../../places.ts';
import type { Turns } from '../load/turns.ts';
import { unpackTree } from './packed-tree.ts';
import type { Environment, Source } from './read-source.ts';
import type { Order, PackedSource } from './reading-worker.ts';

/** To start a thread takes longer than to read most files, and who edits one saves it again. Then its 20 MB are given back. */
const KEPT_MS = 30_000;

/** The thread that read last. */
let kept: Worker | undefined;
let ending: NodeJS.Timeout | undefined;

/** As `readSource`, in turns. Rejects when the thread fails, such as for want of memory. */
export async function readOnThread(file: string, env: Environment, turns: Turns): Promise<Source> {
  // The environment of a process is an object of its own kind: what it holds is copied.
  const { tree, ...source } = await ordered({ file, env: { ...env } });
  return { ...source, root: tree && (await unpackTree(tree, turns)) };
}

async function ordered(order: Order): Promise<PackedSource> {
  const worker = takeKept() ?? new Worker(READING_WORKER, { env: {}, argv: [] });
  const { promise, resolve, reject } = Promise.withResolvers<PackedSource>();
  const ended = (): void => reject(new Error(`the thread that reads ${order.file} ended without an answer`));
  worker.on('message', resolve).on('error', reject).on('exit', ended);
  worker.postMessage(order);
  const source = await promise;
  worker.off('message', resolve).off('error', reject).off('exit', ended);
  keep(worker);
  return source;
}

function takeKept(): Worker | undefined {
  clearTimeout(ending);
  const worker = kept;
  kept = undefined;
  worker?.off('error', forget).off('exit', forget).ref();
  return worker;
}

/** Another may have been kept meanwhile: one is enough. */
function keep(worker: Worker): void {
  void takeKept()?.terminate();
  // Should it fail, nobody waits for it: another is started when one is needed.
  worker.on('error', forget).on('exit', forget);
  worker.unref();
  kept = worker;
  ending = setTimeout(() => void takeKept()?.terminate(), KEPT_MS).unref();
}

function forget(this: Worker): void {
  if (kept === this) kept = undefined;
}
