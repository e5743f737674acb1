// Worker threads: started when first needed, one job each at a time, ended when a job takes too long.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { JOB_WORKER } from '../../places.ts';
import type { Job, JobReply } from './worker.ts';

/** Time for one job, once it has a thread. */
const JOB_TIMEOUT_MS = 2_000;
/** Memory of one thread, beyond which the job is lost and not the process. */
const MAX_HEAP_MIB = 256;
/** Jobs that wait for a thread. */
const MAX_WAITING = 200;

/** Why a job came to nothing; the message quotes no data. */
export class JobError extends Error {
  /** `limit` and `busy` are of the threads; the others are the job's own. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'JobError';
    this.code = code;
  }
}

interface Order {
  readonly job: Job;
  readonly isWanted: () => boolean;
  resolve(text: string): void;
  reject(error: JobError): void;
}

class Thread {
  readonly #worker: Worker;
  #order: Order | undefined = undefined;
  #timer: NodeJS.Timeout | undefined = undefined;
  readonly #free: (thread: Thread) => void;
  readonly #gone: (thread: Thread) => void;

  /** @param free told after each job; @param gone told when it can take no more. */
  constructor(free: (thread: Thread) => void, gone: (thread: Thread) => void) {
    this.#free = free;
    this.#gone = gone;
    this.#worker = new Worker(JOB_WORKER, {
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
      env: {},
      argv: [],
    });
    // An idle thread keeps no process alive.
    this.#worker.unref();
    this.#worker.on('message', (reply: JobReply) => this.#finish(reply));
    this.#worker.on('error', () => this.#end('the job used more memory than it may, or its thread failed'));
    this.#worker.on('exit', () => this.#end('the thread of the job ended'));
  }

  run(order: Order): void {
    this.#order = order;
    this.#worker.ref();
    this.#timer = setTimeout(() => {
      this.#end(`the job took longer than ${JOB_TIMEOUT_MS} ms`);
      void this.#worker.terminate();
    }, JOB_TIMEOUT_MS);
    this.#worker.postMessage(order.job);
  }

  #take(): Order | undefined {
    const order = this.#order;
    this.#order = undefined;
    clearTimeout(this.#timer);
    this.#worker.unref();
    return order;
  }

  #finish(reply: JobReply): void {
    const order = this.#take();
    if ('text' in reply) order?.resolve(reply.text);
    else order?.reject(new JobError(reply.code, reply.message));
    this.#free(this);
  }

  #end(why: string): void {
    this.#take()?.reject(new JobError('limit', why));
    this.#gone(this);
  }
}

/** The threads of this process. */
class Threads {
  readonly #idle: Thread[] = [];
  readonly #threads = new Set<Thread>();
  readonly #waiting: Order[] = [];
  readonly #most = Math.max(1, availableParallelism() - 1);

  /**
   * The job's JSON text; rejects with a {@link JobError}.
   *
   * @param isWanted asked when its turn has come: what nobody waits for any more is not done.
   */
  run(job: Job, isWanted: () => boolean): Promise<string> {
    if (this.#waiting.length >= MAX_WAITING) this.#dropUnwanted();
    if (this.#waiting.length >= MAX_WAITING) {
      return Promise.reject(new JobError('busy', `${MAX_WAITING} large jobs wait already`));
    }
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    this.#waiting.push({ job, isWanted, resolve, reject });
    this.#next();
    return promise;
  }

  #next(): void {
    while (this.#waiting[0]?.isWanted() === false) this.#waiting.shift()?.reject(unwanted());
    if (this.#waiting.length === 0) return;
    const thread = this.#idle.pop() ?? this.#start();
    if (thread === undefined) return;
    const order = this.#waiting.shift();
    if (order !== undefined) thread.run(order);
  }

  #dropUnwanted(): void {
    for (const order of this.#waiting.splice(0)) {
      if (order.isWanted()) this.#waiting.push(order);
      else order.reject(unwanted());
    }
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

function unwanted(): JobError {
  return new JobError('gone', 'nobody waits for the job any more');
}

export const threads = new Threads();
