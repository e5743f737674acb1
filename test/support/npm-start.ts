// `npm start` in a copy of this repository, on ports of its own, and the commands it prints.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CleanUp } from './clean-up.ts';
import { temporaryDirectory } from './files.ts';
import { closedPort } from './ports.ts';
import { spawnBound } from './process.ts';
import { eventually } from './wait.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Of the samples, in examples/start.ts; routes.yaml names all but the last, on which the vendor is told how to behave. */
const PORTS: readonly string[] = ['7001', '7002', '7003', '7004', '7005'];
/** With which the tour ends. */
const LAST_LINE = '{"down":false}';

/** It runs, and has printed its tour. */
export interface NpmStart {
  /** The copy, in which commands are run. */
  readonly directory: string;
  /** Ports of the samples, in the order of examples/start.ts. */
  readonly ports: readonly number[];
  /** All it has printed so far, the gateway's log included. */
  output(): string;
  /** What is to be pasted: the line below a comment (`# 201:`), or the rest of the line behind a word. */
  command(label: string): string;
  /** Runs it; what it writes to standard output. */
  run(command: string): Promise<string>;
  /** Ctrl-C; the exit code. */
  stop(): Promise<number | null>;
}

/** Starts it; it is stopped after the test. */
export async function npmStart(t: CleanUp): Promise<NpmStart> {
  const ports = await Promise.all(PORTS.map(() => closedPort()));
  const directory = await repositoryOnPorts(t, ports);
  const child = spawnBound(process.execPath, [join(directory, 'examples/start.ts')], {
    cwd: directory,
    env: { ...process.env, PORT: String(await closedPort()), ADMIN_PORT: String(await closedPort()) },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null) {
      child.kill('SIGINT');
      await once(child, 'exit');
    }
    return child.exitCode;
  };
  t.after(async () => {
    await stop();
  });
  await eventually(() => {
    assert.equal(child.exitCode, null, output);
    return output.includes(LAST_LINE);
  }, 'tour of npm start');
  return {
    directory,
    ports,
    output: () => output,
    command(label) {
      const start = output.indexOf(`\n  ${label}`);
      assert.ok(start >= 0, `the tour has a line that begins with "${label}"`);
      const [own = '', next = ''] = output.slice(start + 3 + label.length).split('\n');
      return label.startsWith('#') ? next.trim() : own.trim();
    },
    async run(command) {
      const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: directory });
      return stdout;
    },
    stop,
  };
}

/** This repository with its samples on other ports, for somebody may be running them on their own. */
async function repositoryOnPorts(t: CleanUp, ports: readonly number[]): Promise<string> {
  const directory = await temporaryDirectory(t);
  for (const path of ['examples', 'config', 'routes.yaml']) {
    await cp(join(ROOT, path), join(directory, path), { recursive: true });
  }
  for (const path of ['src', 'bin', 'node_modules', 'package.json']) {
    await symlink(join(ROOT, path), join(directory, path));
  }
  for (const [path, named] of [
    ['routes.yaml', PORTS.slice(0, -1)],
    ['examples/start.ts', PORTS],
  ] as const) {
    const text = await readFile(join(directory, path), 'utf8');
    for (const port of named) assert.ok(text.includes(port), `${path} names port ${port}`);
    // All at once: a new port may have an old one within it.
    const moved = text.replace(new RegExp(PORTS.join('|'), 'g'), (port) => String(ports[PORTS.indexOf(port)]));
    // Nobody learns more by waiting longer.
    await writeFile(join(directory, path), moved.replaceAll('open: 10s', 'open: 1s'));
  }
  return directory;
}
