// A server with nothing of the gateway but its reply: for what happens to one answer within a round of the event loop.
import { createServer } from 'node:http';
import { NO_BODY } from '../../src/edge/client-body.ts';
import { ClientReply } from '../../src/edge/client-reply.ts';
import { Exchange } from '../../src/exchange/exchange.ts';
import type { CleanUp } from './clean-up.ts';
import { listenOnLoopback } from './ports.ts';

export interface Answering {
  readonly port: number;
  /** Those that have ended, in order. */
  readonly ended: Exchange[];
  /** What was thrown where nobody else catches it. */
  readonly thrown: unknown[];
}

/** A server whose requests are answered by `answer`, each by a reply of its own. */
export async function answering(t: CleanUp, answer: (x: Exchange) => void): Promise<Answering> {
  const ended: Exchange[] = [];
  const thrown: unknown[] = [];
  const settings = {
    problemBase: 'urn:test:',
    serverTiming: false,
    draining: false,
    incidents: (_x: Exchange, error: unknown) => `incident-${thrown.push(error)}`,
  };
  const server = createServer((req, res) => {
    const x = new Exchange(req, res, NO_BODY);
    x.reply = new ClientReply(x, settings);
    x.status = 200;
    res.on('close', () => {
      x.ended = true;
      ended.push(x);
    });
    answer(x);
  });
  Object.assign(server, { httpAllowHalfOpen: true });
  const port = await listenOnLoopback(server);
  t.after(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return { port, ended, thrown };
}
