// Middleware that stands between the answer and the socket, as compression does, and takes more only when it says so.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { listenOnLoopback } from '../support/ports.ts';

const BODY = Buffer.alloc(2 * 2 ** 20, 'sluice');
const SENT = BODY.length.toString();

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

test('middleware that takes no more is given no more', async (t) => {
  const origin = createServer((_req, res) => {
    res.writeHead(200, { 'transfer-encoding': 'chunked' }).end(BODY);
  });
  const port = await listenOnLoopback(origin);
  t.after(() => {
    origin.close();
  });
  const gateway = await startGateway(t, {
    files: { 'one-by-one.ts': ONE_BY_ONE },
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      upstreams: { origin: `http://127.0.0.1:${port}` },
      routes: { all: { match: '/**', to: 'origin', use: './one-by-one.ts' } },
    },
  });
  const answer = await fetch(gateway.url);
  assert.equal(await answer.text(), `${SENT} bytes, 0 pressed`);
  await new Observed(gateway).atRest();
});
