// The load: wrk on its own core, the same request over and over on kept-alive connections.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onCore } from './process.ts';

export interface Request {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Answers of 400 and above are what is wanted: all of them must be. */
  readonly refused?: boolean;
}

export interface LoadResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Sends `request` for `seconds`; throws when an answer was not of the wanted kind, for then nothing was measured. */
export async function load(
  port: number,
  request: Request,
  options: { readonly connections: number; readonly seconds: number; readonly directory: string },
): Promise<LoadResult> {
  const script = join(options.directory, 'load.lua');
  await writeFile(script, lua(request));
  const [program, args] = onCore('load', [
    'wrk',
    '-t1',
    `-c${options.connections}`,
    `-d${options.seconds}s`,
    '-s',
    script,
    `http://127.0.0.1:${port}${request.path}`,
  ]);
  const { stdout } = await promisify(execFile)(program, args);
  const [, requests = 0, micros = 0, p50 = 0, p99 = 0, refusals = 0, broken = 0] =
    /RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(stdout)?.map(Number) ?? [];
  if (requests === 0 || broken > 0 || refusals !== (request.refused ? requests : 0)) {
    throw new Error(
      `${request.path}: of ${requests} answers ${refusals} were refusals; ${broken} socket errors\n${stdout}`,
    );
  }
  return { requests, requestsPerSecond: (requests * 1e6) / micros, p50Ms: p50 / 1000, p99Ms: p99 / 1000 };
}

function lua({ method = 'GET', headers = {}, body }: Request): string {
  return [
    `wrk.method = ${JSON.stringify(method)}`,
    ...Object.entries(headers).map(
      ([name, value]) => `wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`,
    ),
    ...(body === undefined ? [] : [`wrk.body = [==[${body}]==]`]),
    `done = function(summary, latency)
      local e = summary.errors
      io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,
        latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
    end`,
  ].join('\n');
}
