// Worker threads that map: started when first needed, one job each at a time, ended when a job takes too long.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { MappingError } from './expression.ts';
import type { MappingJob, MappingReply } from './worker.ts';

/** Time for one job, once it has a thread. */
const JOB_TIMEOUT_MS = 2_000;
/** Memory of one thread, beyond which the job is lost and not the process. */
const MAX_HEAP_MIB = 256;
/** Jobs that wait for a thread. */
const MAX_WAITING = 200;

interface Job {
  readonly message: MappingJob;
  resolve(text: string): void;
  reject(error: MappingError): void;
}

/** The source runs as it is; what was built beside it is JavaScript. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

class Thread {
  readonly #worker: Worker;
  #job: Job | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  readonly #free: (thread: Thread) => void;
  readonly #gone: (thread: Thread) => void;

  /** @param free told after each job; @param gone told when it can take no more. */
  constructor(free: (thread: Thread) => void, gone: (thread: Thread) => void) {
    this.#free = free;
    this.#gone = gone;
    this.#worker = new Worker(WORKER, { resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB }, env: {}, argv: [] });
    // An idle thread keeps no process alive.
    this.#worker.unref();
    this.#worker.on('message', (reply: MappingReply) => this.#finish(reply));
    this.#worker.on('error', () => this.#end('the mapping used more memory than it may, or its thread failed'));
    this.#worker.on('exit', () => this.#end('the thread of the mapping ended'));
  }

  run(job: Job): void {
    this.#job = job;
    this.#worker.ref();
    this.#timer = setTimeout(() => {
      this.#end(`the mapping took longer than ${JOB_TIMEOUT_MS} ms`);
      void this.#worker.terminate();
    }, JOB_TIMEOUT_MS);
    this.#worker.postMessage(job.message);
  }

  #take(): Job | undefined {
    const job = this.#job;
    this.#job = undefined;
    clearTimeout(this.#timer);
    this.#worker.unref();
    return job;
  }

  #finish(reply: MappingReply): void {
    const job = this.#take();
    if ('text' in reply) job?.resolve(reply.text);
    else job?.reject(new MappingError(reply.code, reply.message));
    this.#free(this);
  }

  #end(why: string): void {
    this.#take()?.reject(new MappingError('limit', why));
    this.#gone(this);
  }
}

/** The threads of this process. */
class OffLoop {
  readonly #idle: Thread[] = [];
  readonly #threads = new Set<Thread>();
  readonly #waiting: Job[] = [];
  readonly #most = Math.max(1, availableParallelism() - 1);

  /** The result as JSON text; rejects with a {@link MappingError}. */
  run(message: MappingJob): Promise<string> {
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(new MappingError('busy', `${MAX_WAITING} large mappings wait already`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.push({ message, resolve, reject });
    this.#next();
    return promise;
  }

  #next(): void {
    if (this.#waiting.length === 0) return;
    const thread = this.#idle.pop() ?? this.#start();
    if (thread === undefined) return;
    const job = this.#waiting.shift();
    if (job !== undefined) thread.run(job);
  }

  #start(): Thread | undefined {
    if (this.#threads.size >= this.#most) return undefined;
    const thread = new Thread(
      (free) => {
        this.#idle.push(free);
        this.#next();
      },
      (gone) => {
        if (!this.#threads.delete(gone)) return;
        const index = this.#idle.indexOf(gone);
        if (index >= 0) this.#idle.splice(index, 1);
        this.#next();
      },
    );
    this.#threads.add(thread);
    return thread;
  }
}

export const offLoop = new OffLoop();
