// Memory that bodies are read into is used again: whoever takes them how, and whatever passes beside them, each byte is the right one.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { suiteCleanUp } from '../support/clean-up.ts';
import { embedGateway } from '../support/embedded-gateway.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { within } from '../support/wait.ts';

/** Around what is read at a time, and far beyond it. */
const SIZES = [0, 500, 16_000, 16_384, 20_000, 65_400, 65_536, 100_000, 300_000, 2_000_000];
/** More than the kernels on the way hold. */
const UNREAD_BYTES = 16_000_000;
/** As text, what the gateway looks at. */
const JSON_BYTES = 400_000;
/** Several of them in what is read at a time. */
const CHUNK_BYTES = 20_011;
/** Less than Node lets wait to be sent, and enough to be read into memory that is used again. */
const PIECE_BYTES = 40_000;
/** An origin that cannot write for so long has filled them. */
const STUCK_MS = 200;
const FRAMINGS = ['length', 'chunked', 'close'] as const;
type Framing = (typeof FRAMINGS)[number];

/** Sends three pieces when the next one comes, as what packs or looks ahead does. */
const LATE = `
import type { NextFunction, Request, Response } from 'express';
export default (_req: Request, res: Response, next: NextFunction) => {
  const { write, end } = res;
  let pieces: Buffer[] = [];
  const pass = (): boolean => {
    const earlier = pieces;
    pieces = [];
    return earlier.map((piece) => Reflect.apply(write, res, [piece])).at(-1) ?? true;
  };
  res.write = ((piece: Buffer) => {
    const more = pieces.length < 3 || pass();
    pieces.push(piece);
    return more;
  }) as typeof res.write;
  res.end = ((...rest: []) => {
    pass();
    return Reflect.apply(end, res, rest);
  }) as typeof res.end;
  next();
};`;

/** As {@link LATE}, for all responses of the process, as what watches over them may do; also keeps what comes with requests, and tells its sum. */
const LATE_FOR_ALL = `
import { createHash } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { NextFunction, Request, Response } from 'express';
const { write, end } = ServerResponse.prototype;
const earlier = new WeakMap<ServerResponse, Buffer>();
ServerResponse.prototype.write = function (piece: Buffer) {
  const held = earlier.get(this);
  earlier.set(this, piece);
  return held === undefined || Reflect.apply(write, this, [held]);
} as typeof write;
ServerResponse.prototype.end = function (...rest: []) {
  const held = earlier.get(this);
  if (held !== undefined) Reflect.apply(write, this, [held]);
  return Reflect.apply(end, this, rest);
} as typeof end;
const { emit } = IncomingMessage.prototype;
const kept: Buffer[] = [];
IncomingMessage.prototype.emit = function (...all) {
  if (all[0] === 'data') kept.push(all[1]);
  return Reflect.apply(emit, this, all);
} as typeof emit;
export default (_req: Request, res: Response, _next: NextFunction) =>
  res.end(createHash('sha256').update(Buffer.concat(kept)).digest('hex'));`;

/** No two stretches of it are alike, nor those of two seeds. */
function bytesOf(seed: number, length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(seed * 1_000_003 + i, 0x9e3779b1);
  return Buffer.from(words.buffer, 0, length);
}

function isJson(prefix: string | undefined): boolean {
  return prefix === 'json' || prefix === 'watched';
}

/** `/PREFIX/SEED/LENGTH/FRAMING`; JSON has the bytes as text. */
function answer(path: string, res: ServerResponse): void {
  const [, prefix, seed, length, framing] = path.split('/');
  const bytes = bytesOf(Number(seed), Number(length));
  const body = isJson(prefix) ? Buffer.from(JSON.stringify({ text: bytes.toString('hex') })) : bytes;
  const type = isJson(prefix) ? 'application/json' : 'application/octet-stream';
  if (framing === 'length') res.writeHead(200, { 'content-type': type, 'content-length': body.length });
  else res.writeHead(200, { 'content-type': type, ...(framing === 'close' && { connection: 'close' }) });
  if (framing === 'close') res.useChunkedEncodingByDefault = false;
  if (framing === 'chunked')
    for (let i = 0; i < body.length; i += CHUNK_BYTES) res.write(body.subarray(i, i + CHUNK_BYTES));
  res.end(framing === 'chunked' ? undefined : body);
}

/** Sees each piece that the gateway has begun to take, and sums them up when all have come. */
const TAP = `
import { createHash } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
export default (req: Request, res: Response, next: NextFunction) => {
  const pieces: Buffer[] = [];
  req.once('resume', () => req.on('data', (piece: Buffer) => pieces.push(piece)));
  req.on('end', () => res.setHeader('x-tapped', createHash('sha256').update(Buffer.concat(pieces)).digest('hex')));
  next();
};`;

/** Takes part in an upload that waits to be asked for, in the way that its path says. Tells how much it has had, and its sum. */
const SHARE = `
import { createHash } from 'node:crypto';
import type { NextFunction, Request, Response } from 'express';
type Keep = (piece: Buffer) => void;
const WAYS: Record<string, (req: Request, keep: Keep) => void> = {
  once: (req, keep) => void req.once('data', keep),
  iterated: async (req, keep) => { for await (const piece of req) keep(piece); },
  read: (req, keep) => {
    req.on('readable', () => { for (let piece = req.read(); piece !== null; piece = req.read()) keep(piece); });
  },
  emitted: (req, keep) => {
    const { emit } = req;
    req.emit = (...all) => {
      if (all[0] === 'data') keep(all[1]);
      return Reflect.apply(emit, req, all);
    };
  },
  pushed: (req, keep) => {
    const { push } = req;
    req.push = (...all) => {
      if (all[0] !== null) keep(all[0]);
      return Reflect.apply(push, req, all);
    };
  },
};
export default (req: Request, res: Response, next: NextFunction) => {
  const pieces: Buffer[] = [];
  WAYS[req.path.split('/').at(-1) ?? '']?.(req, (piece) => pieces.push(piece));
  req.on('end', () => {
    const sum = createHash('sha256');
    for (const piece of pieces) sum.update(piece);
    res.setHeader('x-shared', pieces.reduce((bytes, piece) => bytes + piece.length, 0) + ' ' + sum.digest('hex'));
  });
  next();
};`;

function sumOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

suite('bytes of bodies', () => {
  let gateway: RunningGateway;
  /** Uploads to `/late` are read from here on. */
  const read = Promise.withResolvers<void>();
  const summed = new Set<string>();
  const t = suiteCleanUp(after);

  async function take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (req.url === '/late') await read.promise;
    const sum = sumOf(await buffer(req));
    // Of those that may be sent again the first attempt fails.
    if (req.method === 'PUT' && !summed.has(sum)) res.statusCode = 503;
    summed.add(sum);
    res.end(sum);
  }

  before(async () => {
    const origin = createServer((req, res) => {
      if (req.method === 'GET') answer(req.url ?? '', res);
      else void take(req, res);
    });
    const port = await listenOnLoopback(origin);
    t.after(() => {
      origin.closeAllConnections();
      origin.close();
    });
    gateway = await startGateway(t, {
      files: {
        'late.ts': LATE,
        'tap.ts': TAP,
        'share.ts': SHARE,
        'text.json': '{ "type": "object", "required": ["text"] }',
      },
      routes: {
        version: 1,
        defaults: { auth: 'none', body_max: 'none' },
        upstreams: { origin: `http://127.0.0.1:${port}` },
        routes: {
          upload: { match: 'POST /**', to: 'origin' },
          again: { match: 'PUT /**', to: 'origin' },
          tapped: { match: 'POST /tapped', to: 'origin', use: './tap.ts' },
          shared: { match: 'POST /shared/{way}', to: 'origin', use: './share.ts', retry: 0 },
          plain: { match: 'GET /plain/**', to: 'origin' },
          late: { match: 'GET /late/**', to: 'origin', use: './late.ts' },
          watched: { match: 'GET /watched/**', to: 'origin', response: { schema: './text.json', sample: '100%' } },
          json: {
            match: 'GET /json/**',
            to: 'origin',
            response: { schema: './text.json', on_fail: 'reject' },
          },
        },
      },
    });
    t.after(() => new Observed(gateway).atRest());
  });

  async function ask(path: string, agent: Agent): Promise<IncomingMessage> {
    const [answered]: IncomingMessage[] = await once(get(`${gateway.url}${path}`, { agent }), 'response');
    assert.equal(answered?.statusCode, 200, path);
    return answered;
  }

  /** One after the other, over one connection, each framing and size in an order of its own. */
  async function askAll(prefix: string, first: number): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < SIZES.length * FRAMINGS.length; i++) {
      const seed = first * 1_000 + i;
      const length = Math.min(
        SIZES[(i * 7 + first) % SIZES.length] ?? 0,
        isJson(prefix) ? JSON_BYTES : Number.POSITIVE_INFINITY,
      );
      const framing: Framing = FRAMINGS[(i + first) % FRAMINGS.length] ?? 'length';
      const path = `/${prefix}/${seed}/${length}/${framing}`;
      const body = await buffer(await ask(path, agent));
      const expected = bytesOf(seed, length);
      const right = isJson(prefix) ? JSON.stringify({ text: expected.toString('hex') }) : expected;
      assert.ok(body.equals(Buffer.from(right)), path);
    }
    agent.destroy();
  }

  /** Gives the head of the answer, and the sum that it has as its body. */
  async function upload(
    path: string,
    body: Buffer,
    framing: Framing,
    method = 'POST',
  ): Promise<[IncomingMessage, string]> {
    const headers = framing === 'length' ? { 'content-length': body.length } : {};
    const outgoing = request(`${gateway.url}${path}`, { method, headers });
    for (let i = 0; i < body.length; i += CHUNK_BYTES) outgoing.write(body.subarray(i, i + CHUNK_BYTES));
    outgoing.end();
    const [answered]: IncomingMessage[] = await once(outgoing, 'response');
    assert.ok(answered);
    return [answered, String(await buffer(answered))];
  }

  async function uploadAll(path: string, first: number): Promise<void> {
    for (let i = 0; i < SIZES.length * 2; i++) {
      const body = bytesOf(first * 1_000 + i, SIZES[(i * 7 + first) % SIZES.length] ?? 0);
      const [answered, sum] = await upload(path, body, FRAMINGS[i % 2] ?? 'length');
      assert.equal(sum, sumOf(body), `${path} ${first} ${i}`);
      if (path === '/tapped' && body.length > 0) assert.equal(answered.headers['x-tapped'], sum);
    }
  }

  test('of uploads, read at once, by many, and some of them by two', async () => {
    await Promise.all(
      Array.from({ length: 12 }, (_, index) => uploadAll(index % 3 === 0 ? '/tapped' : '/', 400 + index)),
    );
  });

  for (const way of ['once', 'iterated', 'read', 'emitted', 'pushed']) {
    test(`of an upload that middleware shares (${way})`, async () => {
      const body = bytesOf(800, 2_000_000);
      const headers = { 'content-length': body.length, expect: '100-continue' };
      const outgoing = request(`${gateway.url}/shared/${way}`, { method: 'POST', headers });
      await once(outgoing, 'continue');
      const [answered]: IncomingMessage[] = await once(outgoing.end(body), 'response');
      const told = String(answered?.headers['x-shared']);
      const [bytes] = told.split(' ');
      if (way === 'once') assert.ok(Number(bytes) > 0);
      else assert.equal(Number(bytes), body.length);
      assert.equal(told, `${bytes} ${sumOf(body.subarray(0, Number(bytes)))}`);
    });
  }

  test('of uploads of which some are read only when others have passed', async () => {
    const bodies = Array.from({ length: 6 }, (_, index) => bytesOf(500 + index, UNREAD_BYTES));
    const late = bodies.map((body, index) => upload('/late', body, FRAMINGS[index % 2] ?? 'length'));
    await Promise.all(Array.from({ length: 4 }, (_, index) => uploadAll('/', 600 + index)));
    read.resolve();
    for (const [index, [, sum]] of (await Promise.all(late)).entries())
      assert.equal(sum, sumOf(bodies[index] ?? Buffer.alloc(0)));
  });

  test('of uploads that are sent again', async () => {
    for (let seed = 700; seed < 704; seed++) {
      const body = bytesOf(seed, 60_000);
      const [answered, sum] = await upload('/again', body, FRAMINGS[seed % 2] ?? 'length', 'PUT');
      assert.deepEqual([answered.statusCode, sum], [200, sumOf(body)]);
    }
  });

  test('of answers, read at once, by many', async () => {
    await Promise.all(Array.from({ length: 12 }, (_, index) => askAll('plain', index)));
  });

  test('of answers that the gateway holds back, or its middleware sends late, while others pass', async () => {
    await Promise.all(
      Array.from({ length: 12 }, (_, index) => askAll(['plain', 'late', 'json'][index % 3] ?? '', 100 + index)),
    );
  });

  test('of answers that the gateway looks at while they pass', async () => {
    await Promise.all(Array.from({ length: 4 }, (_, index) => askAll('watched', 900 + index)));
    assert.equal(await new Observed(gateway).metric('sluice_drift_total'), 0);
  });

  test('of answers of which some are read only when others have passed', async () => {
    const agent = new Agent();
    const unread = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        ask(`/plain/${200 + index}/${UNREAD_BYTES}/${FRAMINGS[index % FRAMINGS.length] ?? ''}`, agent),
      ),
    );
    await Promise.all(Array.from({ length: 4 }, (_, index) => askAll('plain', 300 + index)));
    const bodies = await Promise.all(unread.map((answered) => buffer(answered)));
    for (const [index, body] of bodies.entries()) {
      assert.ok(body.equals(bytesOf(200 + index, UNREAD_BYTES)), `answer ${index}`);
    }
  });
});

test('bytes that what watches over all of the process keeps or sends late are the right ones', async (t) => {
  const origin = createServer((req, res) => {
    if (req.method === 'GET') answer(req.url ?? '', res);
    else req.resume().on('end', () => res.end());
  });
  const port = await listenOnLoopback(origin);
  t.after(() => {
    origin.closeAllConnections();
    origin.close();
  });
  const gateway = await startGateway(t, {
    files: { 'late-for-all.ts': LATE_FOR_ALL },
    routes: {
      version: 1,
      upstreams: { origin: `http://127.0.0.1:${port}` },
      // Loaded with the one route, it is before the responses of the other.
      routes: {
        watching: { match: '/watching', to: 'origin', auth: 'none', use: './late-for-all.ts' },
        all: { match: '/**', to: 'origin', auth: 'none', body_max: 'none', retry: 0 },
      },
    },
  });
  for (const framing of FRAMINGS) {
    const answered = await fetch(`${gateway.url}/plain/1/2000000/${framing}`);
    assert.equal(sumOf(Buffer.from(await answered.arrayBuffer())), sumOf(bytesOf(1, 2_000_000)), framing);
  }
  const body = bytesOf(2, 2_000_000);
  assert.equal((await fetch(`${gateway.url}/upload`, { method: 'POST', body: new Uint8Array(body) })).status, 200);
  assert.equal(await (await fetch(`${gateway.url}/watching`)).text(), sumOf(body));
});

test('bytes that come in pieces which the server of an embedder lets wait, as the client stops to read', async (t) => {
  const body = bytesOf(1_000, UNREAD_BYTES);
  const stuck = Promise.withResolvers<void>();
  async function send(res: ServerResponse): Promise<void> {
    res.writeHead(200, { 'content-length': body.length });
    for (let i = 0; i < body.length && !res.destroyed; i += PIECE_BYTES) {
      if (!res.write(body.subarray(i, i + PIECE_BYTES))) {
        const drained = Promise.race([once(res, 'drain'), once(res, 'close')]);
        if ((await Promise.race([drained, setTimeout(STUCK_MS)])) === undefined) stuck.resolve();
        await drained;
      }
      await setTimeout(1);
    }
    res.end();
  }
  const origin = createServer((_req, res) => void send(res));
  const port = await listenOnLoopback(origin);
  t.after(() => {
    origin.closeAllConnections();
    origin.close();
  });
  const { url } = await embedGateway(t, {
    version: 1,
    upstreams: { origin: `http://127.0.0.1:${port}` },
    routes: { all: { match: '/**', to: 'origin', auth: 'none' } },
  });
  const [answered]: IncomingMessage[] = await once(get(url), 'response');
  await within(stuck.promise, 'end of what the kernels hold');
  assert.ok(answered);
  assert.ok((await buffer(answered)).equals(body));
});
