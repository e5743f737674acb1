// The client side of open-loop.ts. It spins rather than sleeps: Node's timers are too coarse for tens of microseconds.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Latencies } from './latencies.ts';
import type { OpenLoopTerms } from './open-loop.ts';
import type { ScriptTerms } from './script.ts';

const { port, seconds, path, headers, connections, rate }: ScriptTerms & OpenLoopTerms = JSON.parse(
  process.argv[2] ?? '',
);
/** After the last request was due. */
const LAST_ANSWER_MS = 10_000;

const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${fields.join('')}\r\n`);
const latencies = new Latencies();

class Connection {
  readonly #socket: Socket;
  #dueAt = 0;
  #heard: Buffer = Buffer.alloc(0);

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('a connection ended before its load did')));
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  ask(dueAt: number): void {
    this.#dueAt = dueAt;
    this.#socket.write(request);
  }

  #read(chunk: Buffer): void {
    this.#heard = this.#heard.length === 0 ? chunk : Buffer.concat([this.#heard, chunk]);
    const length = lengthOf(this.#heard);
    if (length === undefined || this.#heard.length < length) return;
    if (this.#heard.length > length) fail(new Error('more bytes than the answer has'));
    this.#heard = Buffer.alloc(0);
    latencies.add(performance.now() - this.#dueAt);
    const waiting = overdue[nextOverdue];
    if (waiting === undefined) idle.push(this);
    else {
      nextOverdue++;
      this.ask(waiting);
    }
  }
}

/** Of the whole message; undefined while its header is not complete. */
function lengthOf(message: Buffer): number | undefined {
  const end = message.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = message.toString('latin1', 0, end);
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
  if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) fail(new Error(`${path}: ${head.slice(0, 300)}`));
  return end + 4 + Number(length);
}

function fail(error: Error): void {
  console.error(error);
  process.exit(1);
}

async function open(): Promise<Connection> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return new Connection(socket);
}

/** When requests were due that no connection was free for, and the first of them that still waits. */
const overdue: number[] = [];
let nextOverdue = 0;
const idle = await Promise.all(Array.from({ length: connections }, open));

/** Milliseconds to the next one: what a Poisson process has. */
const gap = (): number => (-Math.log(1 - Math.random()) * 1000) / rate;

const startedAt = performance.now();
const endsAt = startedAt + seconds * 1000;
let asked = 0;
let dueAt = startedAt + gap();
turn();

function turn(): void {
  const now = performance.now();
  for (; dueAt <= now && dueAt < endsAt; dueAt += gap(), asked++) {
    const connection = idle.pop();
    if (connection === undefined) overdue.push(dueAt);
    else connection.ask(dueAt);
  }
  if (dueAt < endsAt || latencies.count < asked) {
    if (now > endsAt + LAST_ANSWER_MS) fail(new Error(`${asked - latencies.count} requests were never answered`));
    setImmediate(turn);
    return;
  }
  latencies.report(seconds);
  process.exit(0);
}
