// Processes under measurement: pinned to a core, with their CPU time and memory read from /proc (Linux only).
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';

/** The proxy has this core to itself; the load and the origin share the other. */
const PROXY_CORE = '0';
const LOAD_CORE = '1';
const START_TIMEOUT_MS = 60_000;
/** USER_HZ of Linux: the unit of CPU time in /proc/PID/stat, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

export type Role = 'proxy' | 'load';

export function isInstalled(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

const pinned = availableParallelism() > 1 && isInstalled('taskset');

/** The command line that runs a program on the core of its role. */
export function onCore(role: Role, command: readonly string[]): [string, string[]] {
  const core = role === 'proxy' ? PROXY_CORE : LOAD_CORE;
  const [program = '', ...rest] = pinned ? ['taskset', '-c', core, ...command] : command;
  return [program, rest];
}

export class Measured {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  /** Starts a server and waits until its port accepts; its output goes nowhere, its errors to ours. */
  static async start(
    role: Role,
    port: number,
    command: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Measured> {
    const [program, rest] = onCore(role, command);
    const child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
    const measured = new Measured(port, child);
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!(await accepts(port))) {
      if (child.exitCode !== null || performance.now() > deadline) {
        await measured.stop();
        throw new Error(`${command.join(' ')} does not listen on ${port}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return measured;
  }

  /** CPU time so far, user and system, of the process, its threads and its children, in µs. */
  cpuMicros(): number {
    return sum(this.#tree(), (pid) => {
      const fields = afterName(readFileSync(`/proc/${pid}/stat`, 'utf8'));
      const ticks = Number(fields[11]) + Number(fields[12]);
      return (ticks * 1e6) / TICKS_PER_SECOND;
    });
  }

  /** Resident memory now, in bytes. */
  rssBytes(): number {
    return sum(this.#tree(), (pid) => {
      const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
      return Number(kibibytes ?? 0) * 1024;
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await once(this.#child, 'exit');
    clearTimeout(timer);
  }

  #tree(): number[] {
    const { pid } = this.#child;
    if (pid === undefined) return [];
    return [pid, ...childrenOf(pid)];
  }
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return Number(afterName(readFileSync(`/proc/${pid}/stat`, 'utf8'))[1]) === parent;
      } catch {
        return false; // it ended between the listing and the reading
      }
    });
}

/** Fields of /proc/PID/stat from `state` on; the name before them may hold spaces and parentheses (proc(5)). */
function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function sum(pids: readonly number[], value: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + value(pid), 0);
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
