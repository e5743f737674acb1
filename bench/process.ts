// Processes under measurement: pinned to a core, with their CPU time and memory read from /proc (Linux only).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** The proxy has this core to itself; the load and the origin share the other. */
const PROXY_CORE = '0';
const LOAD_CORE = '1';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 20;
/** Of what a server wrote to its standard error. */
const SAID_CHARACTERS = 2_000;

export type Role = 'proxy' | 'load';

export function isInstalled(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

export const pinned = availableParallelism() > 1 && isInstalled('taskset');

/** All that this process has started and that has not ended. */
const running = new Set<ChildProcess>();
let interrupted = false;

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Ends everything that runs, and lets nothing start any more: what waits for it fails, and cleans up. */
export function interrupt(): void {
  interrupted = true;
  for (const child of running) child.kill('SIGTERM');
}

export function isInterrupted(): boolean {
  return interrupted;
}

function assertNotInterrupted(): void {
  if (interrupted) throw new Error('interrupted');
}

/** The command line that runs a program on the core of its role. */
function onCore(role: Role, command: readonly string[]): [string, string[]] {
  const core = role === 'proxy' ? PROXY_CORE : LOAD_CORE;
  const [program = '', ...rest] = pinned ? ['taskset', '-c', core, ...command] : command;
  return [program, rest];
}

function spawnOnCore(
  role: Role,
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  stdout: 'pipe' | 'ignore',
): ChildProcess {
  assertNotInterrupted();
  const [program, rest] = onCore(role, command);
  // Nothing of the caller's own settings: a proxy variable or a list of certificates would be measured, too.
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(program, rest, { env: { PATH, HOME, ...env }, stdio: ['ignore', stdout, 'pipe'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/** Runs a program to its end on the core of its role and gives what it printed; throws when it failed. */
export async function output(role: Role, command: readonly string[]): Promise<string> {
  const child = spawnOnCore(role, command, {}, 'pipe');
  const ended = once(child, 'exit');
  const [printed, said, [code]] = await Promise.all([readAll(child.stdout), readAll(child.stderr), ended]);
  assertNotInterrupted();
  if (code !== 0) throw new Error(`${command.join(' ')} failed (exit code ${code}): ${said}${printed}`);
  return printed;
}

async function readAll(stream: Readable | null): Promise<string> {
  return stream === null ? '' : text(stream);
}

/** A server under measurement. */
export class Measured {
  readonly port: number;
  readonly #child: ChildProcess;
  #said = '';

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said = (this.#said + chunk).slice(-SAID_CHARACTERS);
    });
  }

  /** Starts a server and waits until its port accepts; its output goes nowhere. */
  static async start(
    role: Role,
    port: number,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Measured> {
    const child = spawnOnCore(role, command, env, 'ignore');
    const measured = new Measured(port, child);
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await accepts(port))) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
        await measured.stop();
        assertNotInterrupted();
        throw new Error(`${command.join(' ')} does not listen on ${port}: ${measured.said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    return measured;
  }

  /** Of the process itself; 0 when it could not be spawned. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The end of what it wrote to its standard error: shown when something failed. */
  get said(): string {
    return this.#said;
  }

  /** CPU time so far, user and system, of the process, its threads and its children, in µs. */
  cpuMicros(): number {
    return this.#scheduled(0);
  }

  /** Time so far that it could have run and something else had its core, in µs. */
  waitMicros(): number {
    return this.#scheduled(1);
  }

  /** Resident memory now, in bytes. */
  rssBytes(): number {
    return sum(this.#tree(), (pid) => {
      const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readIfThere(`/proc/${pid}/status`)) ?? [];
      return Number(kibibytes ?? 0) * 1024;
    });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
  }

  #scheduled(field: 0 | 1): number {
    return sum(this.#tree(), (pid) => sum(numbered(`/proc/${pid}/task`), (tid) => scheduled(pid, tid, field)));
  }

  #tree(): number[] {
    const { pid } = this.#child;
    return pid === undefined ? [] : withDescendants(pid);
  }
}

function withDescendants(root: number): number[] {
  const parents = numbered('/proc').map((pid) => [pid, parentOf(pid)] as const);
  const tree = [root];
  // It grows while it is walked: children are followed by their own.
  for (const each of tree) tree.push(...parents.filter(([, parent]) => parent === each).map(([pid]) => pid));
  return tree;
}

/** From /proc/PID/stat; the name before the fields may hold spaces and parentheses (proc(5)). */
function parentOf(pid: number): number {
  const stat = readIfThere(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0);
}

/** Time of a thread on a CPU (0) or in line for one (1), which the scheduler keeps in ns: the ticks of /proc/PID/stat are 10 ms. */
function scheduled(pid: number, tid: number, field: 0 | 1): number {
  return Number(readIfThere(`/proc/${pid}/task/${tid}/schedstat`).split(' ')[field] ?? 0) / 1000;
}

function numbered(directory: string): number[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return []; // the process has ended
  }
}

/** '' when the process ended between the listing and the reading. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function sum(ids: readonly number[], value: (id: number) => number): number {
  return ids.reduce((total, id) => total + value(id), 0);
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
