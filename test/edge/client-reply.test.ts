// Whole answers, which wait for the end of the round: what else happens in it.
import assert from 'node:assert/strict';
import { createServer, type ServerOptions } from 'node:http';
import { test } from 'node:test';
import { NO_BODY } from '../../src/edge/client-body.ts';
import { ClientReply } from '../../src/edge/client-reply.ts';
import { askWhetherLeft } from '../../src/edge/half-close.ts';
import { Exchange } from '../../src/exchange/exchange.ts';
import { defineProblem } from '../../src/exchange/problem.ts';
import type { CleanUp } from '../support/clean-up.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { rawConnect } from '../support/raw.ts';

const REFUSED = defineProblem('refused', 403, 'Refused', 'http_request_denied');

interface Answering {
  readonly port: number;
  /** Those that have ended, in order. */
  readonly ended: Exchange[];
  /** What was thrown where nobody else catches it. */
  readonly thrown: unknown[];
}

/** A server whose requests are answered by `answer`, each by a reply of its own. */
async function answering(t: CleanUp, answer: (x: Exchange) => void, options: ServerOptions = {}): Promise<Answering> {
  const ended: Exchange[] = [];
  const thrown: unknown[] = [];
  const settings = {
    problemBase: 'urn:test:',
    serverTiming: false,
    draining: false,
    incidents: (_x: Exchange, error: unknown) => `incident-${thrown.push(error)}`,
  };
  const server = createServer(options, (req, res) => {
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

for (const version of ['1.0', '1.1']) {
  test(`what ends an exchange of HTTP/${version} that is answered cuts nothing, and leaves its line as it is`, async (t) => {
    const { port, ended } = await answering(t, (x) => {
      x.reply.complete('whole');
      x.reply.abort('drain_timeout');
    });
    const client = await rawConnect(t, port);
    client.send(`GET / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.equal((await client.response()).body.toString(), 'whole');
    assert.equal((await client.rest()).ending, 'fin');
    const [x] = ended;
    assert.deepEqual([x?.cut, x?.reason], [false, '']);
  });

  test(`an HTTP/${version} client that has ended its half gets an answer made just before it is asked whether it left`, async (t) => {
    const { port } = await answering(t, (x) => {
      // As long as until the first time that it is asked.
      setTimeout(() => x.reply.complete('whole'), 40);
      askWhetherLeft(x.req.socket, x);
      // Both are due when the event loop gets round to them.
      for (const begun = performance.now(); performance.now() < begun + 60; );
    });
    const client = await rawConnect(t, port);
    client.send(`GET / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`).halfClose();
    assert.equal((await client.response()).body.toString(), 'whole');
  });
}

test('an answer to HEAD has no body, also where the server does not let one be given', async (t) => {
  const { port, ended, thrown } = await answering(t, (x) => x.reply.refuse(REFUSED), {
    rejectNonStandardBodyWrites: true,
  });
  const client = await rawConnect(t, port);
  client.send('HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const answer = await client.response({ method: 'HEAD' });
  assert.equal(answer.status, 403);
  assert.notEqual(answer.header('content-length') ?? '0', '0');
  assert.deepEqual(await client.rest(), { bytes: Buffer.alloc(0), ending: 'fin' });
  assert.deepEqual([ended[0]?.bytesOut, thrown], [0, []]);
});

test('an answer that throws on its way out is an incident, and those behind it go out', async (t) => {
  const failure = new Error('a listener');
  const waiting: Exchange[] = [];
  const { port, ended, thrown } = await answering(t, (x) => {
    if (x.req.url === '/fails')
      x.res.once('prefinish', () => {
        throw failure;
      });
    if (waiting.push(x) === 2) for (const one of waiting) one.reply.complete(String(one.req.url));
  });
  const [first, second] = [await rawConnect(t, port), await rawConnect(t, port)];
  first.send('GET /fails HTTP/1.1\r\nHost: a\r\n\r\n');
  second.send('GET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.equal((await second.response()).body.toString(), '/fine');
  await Promise.all([first.ended, second.ended]);
  assert.deepEqual(thrown, [failure]);
  assert.deepEqual(ended.find((x) => x.req.url === '/fails')?.reason, 'internal');
});
