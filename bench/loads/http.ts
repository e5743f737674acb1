// HTTP load: wrk on its own core, the same request over and over on kept-alive connections.
import { writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { output } from '../process.ts';
import type { Load } from '../scenario.ts';

export interface Request {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What every answer must have; 200 when left out. */
  readonly status?: number;
}

interface Connections {
  readonly connections: number;
  readonly scheme?: 'http' | 'https';
  /** How long one answer may take before it counts as none. */
  readonly timeoutSeconds?: number;
}

/** Sends `request` for the given time; throws when an answer was not of the wanted kind. */
export function http(request: Request, { connections, scheme = 'http', timeoutSeconds = 5 }: Connections): Load {
  return async (port, { seconds, directory }) => {
    const { status = 200 } = request;
    const url = `${scheme}://127.0.0.1:${port}${request.path}`;
    const bodyBytes = await assertAnswer(url, request, status);
    const script = join(directory, `load-${port}.lua`);
    await writeFile(script, lua(request));
    const limits = [`-c${connections}`, `-d${seconds}s`, '--timeout', `${timeoutSeconds}s`];
    const printed = await output('load', ['wrk', '-t1', ...limits, '-s', script, url]);
    const [, units = 0, micros = 0, bytes = 0, p50 = 0, p99 = 0, refusals = 0, broken = 0] =
      /RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)/.exec(printed)?.map(Number) ?? [];
    const short = bytes < units * bodyBytes;
    if (units === 0 || broken > 0 || short || refusals !== (status >= 400 ? units : 0)) {
      throw new Error(
        `${url}: of ${units} answers (${bytes} bytes) ${refusals} had a status of 400 or more; ${broken} socket errors\n${printed}`,
      );
    }
    return { units, unitsPerSecond: (units * 1e6) / micros, p50Ms: p50 / 1000, p99Ms: p99 / 1000 };
  };
}

/** wrk tells good answers from refusals, not one good answer from another: so one is looked at. Gives the bytes of its body. */
async function assertAnswer(url: string, request: Request, status: number): Promise<number> {
  let answer = await ask(url, request);
  // The first request over a limit is the second one.
  if (status === 429 && answer.status !== status) answer = await ask(url, request);
  if (answer.status === status) return answer.body.length;
  throw new Error(
    `${request.method ?? 'GET'} ${url}: ${answer.status} instead of ${status}\n${answer.body.toString('utf8', 0, 1000)}`,
  );
}

async function ask(
  url: string,
  { method = 'GET', headers = {}, body }: Request,
): Promise<{ status: number; body: Buffer }> {
  const options = { method, headers: { ...headers, connection: 'close' }, rejectUnauthorized: false };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = url.startsWith('https:') ? httpsRequest(url, options) : httpRequest(url, options);
    outgoing.on('response', resolve).on('error', reject).end(body);
  });
  return { status: response.statusCode ?? 0, body: await buffer(response) };
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
      io.write(string.format("RESULT %d %d %d %d %d %d %d\\n", summary.requests, summary.duration, summary.bytes,
        latency:percentile(50), latency:percentile(99), e.status, e.connect + e.read + e.write + e.timeout))
    end`,
  ].join('\n');
}
