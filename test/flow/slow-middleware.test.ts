// Middleware that stands between the answer and the socket, as compression does, and takes more only when it says so.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { listenOnLoopback } from '../support/ports.ts';

const BODY = Buffer.alloc(2 * 2 ** 20, 'sluice');
const SENT = BODY.length.toString();

/** Has a stream of its own before the socket, and whoever waits for `drain` waits for that; the answer ends with how many still do. */
const STREAMED = `
import { EventEmitter } from 'node:events';
import type { NextFunction, Request, Response } from 'express';
export default (_req: Request, res: Response, next: NextFunction) => {
  const { write, end, on } = res;
  const stream = new EventEmitter();
  let taken = 0;
  res.on = ((type: string, listener: () => void) => {
    if (type !== 'drain') return Reflect.apply(on, res, [type, listener]);
    stream.on(type, listener);
    return res;
  }) as typeof res.on;
  res.write = ((chunk: Buffer) => {
    taken += chunk.length;
    setImmediate(() => stream.emit('drain'));
    return false;
  }) as typeof res.write;
  res.end = ((chunk?: Buffer) => {
    taken += chunk?.length ?? 0;
    Reflect.apply(write, res, [taken + ' bytes, ' + stream.listenerCount('drain') + ' waiting']);
    return Reflect.apply(end, res, []);
  }) as typeof res.end;
  next();
};`;

/** Takes one piece at a time; the answer ends with how many were pressed upon it before. */
const ONE_BY_ONE = `
import type { NextFunction, Request, Response } from 'express';
export default (_req: Request, res: Response, next: NextFunction) => {
  const { write, end } = res;
  let [taken, full, pressed] = [0, false, 0];
  res.write = ((chunk: Buffer) => {
    if (full) pressed++;
    full = true;
    taken += chunk.length;
    setTimeout(() => { full = false; res.emit('drain'); }, 1);
    return false;
  }) as typeof res.write;
  res.end = ((chunk?: Buffer) => {
    taken += chunk?.length ?? 0;
    Reflect.apply(write, res, [taken + ' bytes, ' + pressed + ' pressed']);
    return Reflect.apply(end, res, []);
  }) as typeof res.end;
  next();
};`;

async function askThrough(t: TestContext, middleware: string): Promise<string> {
  const origin = createServer((_req, res) => {
    res.writeHead(200, { 'transfer-encoding': 'chunked' }).end(BODY);
  });
  const port = await listenOnLoopback(origin);
  t.after(() => {
    origin.close();
  });
  const gateway = await startGateway(t, {
    files: { 'middleware.ts': middleware },
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      upstreams: { origin: `http://127.0.0.1:${port}` },
      routes: { all: { match: '/**', to: 'origin', use: './middleware.ts' } },
    },
  });
  const answer = await fetch(gateway.url);
  const text = await answer.text();
  await new Observed(gateway).atRest();
  return text;
}

test('middleware that takes no more is given no more', async (t) => {
  assert.equal(await askThrough(t, ONE_BY_ONE), `${SENT} bytes, 0 pressed`);
});

test('middleware with a stream of its own is waited for by one listener, however often it takes no more', async (t) => {
  assert.equal(await askThrough(t, STREAMED), `${SENT} bytes, 1 waiting`);
});
