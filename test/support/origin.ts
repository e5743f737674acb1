// A real upstream service that remembers what reached it and answers as the test says.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { CleanUp } from './clean-up.ts';
import { closedPort, listenOnLoopback } from './ports.ts';
import { eventually } from './wait.ts';

/** A request as it arrived: nothing decoded, joined or lower-cased. */
export interface Received {
  readonly method: string;
  readonly url: string;
  /** Flat name/value pairs in order. */
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** When its head arrived, by `performance.now()`. */
  readonly atMs: number;
  /** Every value of a header, in order; the name in any case. */
  all(name: string): string[];
  /** The only value of a header; throws when it came more than once. */
  header(name: string): string | undefined;
}

/** Answers one request; the whole body has arrived. `index` counts from 0. */
export type Answer = (request: Received, response: ServerResponse, index: number) => void | Promise<void>;

export interface Origin {
  readonly url: string;
  readonly port: number;
  /** Completely received requests, oldest first. */
  readonly received: readonly Received[];
  /** Requests whose head has arrived, whether or not their body ever did. */
  readonly started: number;
  /** Open client connections. */
  readonly connections: number;
  /** Client connections since it started, whether or not they are open still. */
  readonly accepted: number;
  /** Changes how later requests are answered. */
  answer(next: Answer): void;
  /** Resolves with the request of that index once it is complete. */
  request(index: number): Promise<Received>;
  /** Stops listening and cuts every connection; the port is then refused. */
  stop(): Promise<void>;
}

/** 200 and a small JSON document: what an origin answers unless told otherwise. */
export const answerOk: Answer = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end('{"ok":true}');
};

/** Answers with these statuses in turn, the last one for ever. */
export function answerStatuses(...statuses: readonly [number, ...number[]]): Answer {
  return (_request, response, index) => {
    response.writeHead(statuses[Math.min(index, statuses.length - 1)] ?? 200, { 'content-type': 'application/json' });
    response.end('{}');
  };
}

/** Starts an origin on a free loopback port (or on `port`, to bring one back). Nobody else is given that port when it stops. */
export async function startOrigin(t: CleanUp, answer: Answer = answerOk, port = 0): Promise<Origin> {
  const received: Received[] = [];
  let current = answer;
  let started = 0;
  let connections = 0;
  let accepted = 0;

  const server = createServer((request, response) => {
    const index = started++;
    receive(request, performance.now()).then(
      async (complete) => {
        received.push(complete);
        await current(complete, response, index);
      },
      () => response.destroy(), // the sender went away mid-body
    );
  });
  server.on('connection', (socket) => {
    connections++;
    accepted++;
    socket.on('close', () => connections--);
  });
  // Who calls ends an idle connection: were it this side, a request might be on its way already.
  server.keepAliveTimeout = 0;
  const boundPort = await listenOnLoopback(server, port === 0 ? await closedPort() : port);

  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  t.after(stop);

  return {
    url: `http://127.0.0.1:${boundPort}`,
    port: boundPort,
    received,
    get started() {
      return started;
    },
    get connections() {
      return connections;
    },
    get accepted() {
      return accepted;
    },
    answer(next) {
      current = next;
    },
    request: (index) => eventually(() => received[index], `request ${index} at the origin`),
    stop,
  };
}

async function receive(request: IncomingMessage, atMs: number): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { rawHeaders } = request;
  const all = (name: string): string[] =>
    rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name.toLowerCase());
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    rawHeaders,
    body: Buffer.concat(chunks),
    atMs,
    all,
    header(name) {
      const values = all(name);
      if (values.length > 1) throw new Error(`${name} arrived ${values.length} times: ${values.join(' | ')}`);
      return values[0];
    },
  };
}
