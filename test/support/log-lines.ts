// What a process logs: JSON lines, kept in order, with a way to wait for one.
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { within } from './wait.ts';

/** One log line: an event (`event` is set) or an access-log line (`route` and `status` are). */
export interface LogLine {
  readonly event?: string;
  readonly route?: string;
  readonly status?: number;
  readonly reason?: string;
  readonly request_id?: string;
  readonly listen?: string;
  readonly admin?: string;
  readonly [field: string]: unknown;
}

export class LogLines {
  readonly lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();

  /** A line that is not JSON is a bug of the process: it becomes `{ event: 'not-json', text }`. */
  constructor(stream: Readable | null) {
    if (stream === null) throw new Error('the process has no standard output');
    createInterface({ input: stream }).on('line', (text) => {
      this.lines.push(parse(text));
      for (const wake of this.#waiting) wake();
    });
  }

  /** The first line from index `from` on that matches, waiting for it when it is not there yet. */
  async until(matches: (line: LogLine) => boolean, from = 0, timeoutMs?: number): Promise<LogLine> {
    const { promise, resolve } = Promise.withResolvers<LogLine>();
    let next = from;
    const look = (): void => {
      for (; next < this.lines.length; next++) {
        const line = this.lines[next];
        if (line === undefined || !matches(line)) continue;
        resolve(line);
        return;
      }
    };
    this.#waiting.add(look);
    look();
    try {
      return await within(promise, `log line for which ${String(matches)}`, timeoutMs);
    } finally {
      this.#waiting.delete(look);
    }
  }

  /** Access-log lines so far. */
  get access(): readonly LogLine[] {
    return this.lines.filter((line) => line.event === undefined);
  }
}

function parse(text: string): LogLine {
  try {
    return JSON.parse(text);
  } catch {
    return { event: 'not-json', text };
  }
}
