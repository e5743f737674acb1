// The gateway as an operator runs it: a process of its own, on free ports, with its log at hand.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CleanUp } from './clean-up.ts';
import { temporaryDirectory } from './files.ts';
import { LogLines } from './log-lines.ts';
import { spawnBound } from './process.ts';

const SOURCES = join(import.meta.dirname, '../../src/main.ts');
const EXIT_TIMEOUT_MS = 60_000;

/** YAML text, or a value written as JSON (which is YAML). */
export type Document = string | Readonly<Record<string, unknown>>;

export interface GatewayOptions {
  /** routes.yaml. */
  readonly routes: Document;
  /** config/gateway.yaml; built-in settings without it. */
  readonly gateway?: Document;
  /** Other files beside routes.yaml: relative path → text. */
  readonly files?: Readonly<Record<string, string>>;
  /** Added to an environment that holds PATH only, so a developer's own variables change nothing. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is run, such as what was built; the sources unless given. */
  readonly main?: string;
}

/** How a process ended: `code` when it exited, `signal` when it was killed. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A gateway process, whether or not it came up. */
export class GatewayProcess {
  readonly directory: string;
  readonly log: LogLines;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  #stderr = '';

  constructor(directory: string, child: ChildProcess, log: LogLines) {
    this.directory = directory;
    this.#child = child;
    this.log = log;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
    this.exited = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode }));
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error('the gateway process did not start');
    return pid;
  }

  /** What it said on standard error: findings of a bad file, crashes. */
  get stderr(): string {
    return this.#stderr;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Puts another routes.yaml in place, whole, so that nobody reads half of it; the gateway reloads by itself. */
  async writeRoutes(routes: Document): Promise<void> {
    const file = join(this.directory, 'routes.yaml');
    await writeFile(`${file}.next`, yaml(routes));
    await rename(`${file}.next`, file);
  }

  /** SIGTERM, then the exit; SIGKILL and a failure when it takes too long. */
  async stop(): Promise<Exit> {
    this.kill('SIGTERM');
    const timer = setTimeout(() => this.kill('SIGKILL'), EXIT_TIMEOUT_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    if (exit.signal === 'SIGKILL') throw new Error(`the gateway did not stop within ${EXIT_TIMEOUT_MS} ms of SIGTERM`);
    return exit;
  }
}

/** A gateway that accepts requests. */
export interface RunningGateway {
  readonly process: GatewayProcess;
  readonly log: LogLines;
  readonly url: string;
  readonly port: number;
  readonly adminUrl: string;
  readonly adminPort: number;
}

/** Starts the process and returns at once: for files it should refuse. It is stopped after the test. */
export async function spawnGateway(t: CleanUp, options: GatewayOptions): Promise<GatewayProcess> {
  const directory = await temporaryDirectory(t, {
    ...options.files,
    'routes.yaml': yaml(options.routes),
    'gateway.yaml': yaml(options.gateway ?? {}),
  });
  const child = spawnBound(
    process.execPath,
    [
      options.main ?? SOURCES,
      'serve',
      '--routes',
      join(directory, 'routes.yaml'),
      '--config',
      join(directory, 'gateway.yaml'),
    ],
    { cwd: directory, env: { PATH: process.env['PATH'], PORT: '0', ADMIN_PORT: '0', ...options.env } },
  );
  const gateway = new GatewayProcess(directory, child, new LogLines(child.stdout));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) await gateway.stop();
  });
  return gateway;
}

/** Starts the process and waits until it listens. */
export async function startGateway(t: CleanUp, options: GatewayOptions): Promise<RunningGateway> {
  const gateway = await spawnGateway(t, options);
  const died = gateway.exited.then(({ code }) => {
    throw new Error(`the gateway exited with ${code} before it listened:\n${gateway.stderr}`);
  });
  const listening = gateway.log.until((line) => line.event === 'listening');
  const line = await Promise.race([listening, died]);
  died.catch(() => {}); // from here on its end is the test's business

  const url = new URL(String(line.listen));
  const adminUrl = new URL(String(line.admin));
  return {
    process: gateway,
    log: gateway.log,
    url: url.origin,
    port: Number(url.port),
    adminUrl: adminUrl.origin,
    adminPort: Number(adminUrl.port),
  };
}

function yaml(document: Document): string {
  return typeof document === 'string' ? document : JSON.stringify(document, null, 2);
}
