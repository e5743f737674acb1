// Where log lines go: collected for a moment, written at once, bounded, and never waited for.
import { closeSync, openSync, write, writeSync } from 'node:fs';
import type { Counter } from './instruments.ts';
import { LogBatch } from './log-batch.ts';

/** Bytes that may wait for a slow destination; lines beyond are dropped and counted. */
const MAX_WAITING_BYTES = 4 * 1024 * 1024;
/** Lines are collected this long: a write costs as much as three requests. */
const BATCH_MS = 20;
/** A full pipe is tried again soon, a full disk later. */
const BUSY_RETRY_MS = 10;
const FAILED_RETRY_MS = 1_000;
/** How long a destination that takes nothing may hold up the shutdown, and a process that is exiting. */
const CLOSE_TIMEOUT_MS = 2_000;
const EXIT_TIMEOUT_MS = 250;

export interface LogSinkSettings {
  /** A file descriptor (1 is standard output) or a file to append to. */
  readonly destination: number | string;
  /** Counts the lines given up: `metrics.logLinesDropped`. */
  readonly dropped: Counter;
  /** Counts the writes that the destination refused: `metrics.logWriteErrors`. */
  readonly writeErrors: Counter;
  /** Told once when the destination begins to refuse, and once when it takes lines again: a log cannot say so itself. */
  readonly onOutage: (outage: LogOutage) => void;
}

export interface LogOutage {
  /** Undefined: it is over. */
  readonly error: Error | undefined;
  /** Lines given up since it began. */
  readonly droppedLines: number;
}

/**
 * Access log and events share one sink, so that their lines keep their order. One write is under way at a time; what comes
 * meanwhile is the next one. It is not pino's destination, whose synchronous flush never ends on a full disk and which forgets
 * without counting what a broken pipe cost.
 */
export class LogSink {
  readonly #fd: number;
  readonly #ownsFd: boolean;
  readonly #dropped: Counter;
  readonly #writeErrors: Counter;
  readonly #onOutage: LogSinkSettings['onOutage'];
  readonly #startTurn = (): void => this.#startWrite();
  readonly #flushAtExit = (): void => this.flushSync();
  #waiting = new LogBatch(MAX_WAITING_BYTES);
  /** Being written; empty otherwise. */
  #writing = new LogBatch(MAX_WAITING_BYTES);
  /** What the current write has not had yet; undefined when none is under way. */
  #rest: Buffer | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  /** Lines that had been dropped when the outage under way began; undefined when there is none. */
  #droppedBefore: number | undefined;
  #drained = Promise.withResolvers<void>();

  /** Throws when the file cannot be opened. */
  constructor({ destination, dropped, writeErrors, onOutage }: LogSinkSettings) {
    this.#ownsFd = typeof destination === 'string';
    this.#fd = typeof destination === 'string' ? openSync(destination, 'a') : destination;
    this.#dropped = dropped;
    this.#writeErrors = writeErrors;
    this.#onOutage = onOutage;
    process.once('exit', this.#flushAtExit);
  }

  /** Takes one line, its newline included. Never blocks, never throws. */
  write(line: string): void {
    if (this.#closed || !this.#waiting.add(line)) this.#dropped.value++;
    else if (this.#waiting.lines === 1 && this.#rest === undefined) setTimeout(this.#startTurn, BATCH_MS);
  }

  /** Writes what is waiting before it returns, if the destination takes it: for a process about to end. */
  flushSync(): void {
    // A write that a worker thread is at is left to it: its bytes would come twice.
    const resumed = this.#retry === undefined ? undefined : this.#rest;
    const bytes = Buffer.concat([resumed ?? EMPTY, this.#waiting.bytes]);
    this.#waiting.empty();
    if (resumed !== undefined) this.#finishWrite();
    writeNow(this.#fd, bytes);
  }

  /** Resolves once everything is written, or the destination has taken nothing for too long. Later lines are dropped. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#startWrite();
    if (this.#rest !== undefined) {
      const giveUp = setTimeout(() => this.#giveUp(), CLOSE_TIMEOUT_MS);
      await this.#drained.promise;
      clearTimeout(giveUp);
    }
    process.off('exit', this.#flushAtExit);
    if (this.#ownsFd && this.#rest === undefined) closeSync(this.#fd);
  }

  #startWrite(): void {
    if (this.#rest !== undefined || this.#waiting.lines === 0) return;
    [this.#writing, this.#waiting] = [this.#waiting, this.#writing];
    this.#rest = this.#writing.bytes;
    this.#continueWrite(this.#rest);
  }

  #continueWrite(bytes: Buffer): void {
    this.#retry = undefined;
    write(this.#fd, bytes, (error, writtenBytes) => {
      if (error !== null) this.#writeFailed(error, bytes);
      else if (writtenBytes < bytes.length) {
        this.#rest = bytes.subarray(writtenBytes);
        this.#continueWrite(this.#rest);
      } else this.#finishWrite();
    });
  }

  #finishWrite(): void {
    this.#outageEnds();
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#rest = undefined;
    this.#writing.empty();
    if (this.#waiting.lines > 0 && this.#closed) this.#startWrite();
    else if (this.#waiting.lines > 0) setTimeout(this.#startTurn, BATCH_MS);
    else if (this.#closed) this.#drained.resolve();
  }

  #writeFailed(error: NodeJS.ErrnoException, bytes: Buffer): void {
    const { code } = error;
    // A full pipe is slow, not broken.
    if (code !== 'EAGAIN') this.#outageBegins(error);
    if (code === 'EPIPE' || code === 'EBADF') {
      // Whoever read the log has gone for good.
      this.#closed = true;
      process.off('exit', this.#flushAtExit);
      this.#giveUp();
      return;
    }
    const retryMs = code === 'EAGAIN' ? BUSY_RETRY_MS : FAILED_RETRY_MS;
    this.#retry = setTimeout(() => this.#continueWrite(bytes), retryMs).unref();
  }

  #outageBegins(error: Error): void {
    this.#writeErrors.value++;
    if (this.#droppedBefore !== undefined) return;
    this.#droppedBefore = this.#dropped.value;
    this.#onOutage({ error, droppedLines: 0 });
  }

  #outageEnds(): void {
    if (this.#droppedBefore === undefined) return;
    const droppedLines = this.#dropped.value - this.#droppedBefore;
    this.#droppedBefore = undefined;
    this.#onOutage({ error: undefined, droppedLines });
  }

  #giveUp(): void {
    clearTimeout(this.#retry);
    this.#dropped.value += this.#writing.lines + this.#waiting.lines;
    this.#waiting.empty();
    this.#writing.empty();
    this.#drained.resolve();
  }
}

const EMPTY = Buffer.alloc(0);
const clock = new Int32Array(new SharedArrayBuffer(4));

function writeNow(fd: number, bytes: Buffer): void {
  const deadline = performance.now() + EXIT_TIMEOUT_MS;
  let rest = bytes;
  while (rest.length > 0 && performance.now() < deadline) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      // Nobody is left to be told of a log that cannot be written.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
      Atomics.wait(clock, 0, 0, BUSY_RETRY_MS);
    }
  }
}
