// Own policies and Express middleware through a gateway: what works, what goes wrong, and what each leaves behind.
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { answerOk, startOrigin } from '../support/origin.ts';
import { rawRequest } from '../support/raw.ts';
import { eventually } from '../support/wait.ts';

const SLUICE = pathToFileURL(resolve('src/index.ts')).href;
const OFFICE_HOURS = resolve('examples/policies/office-hours.ts');

/** Express middleware in TypeScript; the body of `(req, res, next) => { … }`. */
const middleware = (body: string): string => `
import type { Request, Response, NextFunction } from 'express';
export default (req: Request, res: Response, next: NextFunction) => { ${body} };`;

/** A policy; the members of what \`create\` returns. */
const policy = (members: string): string => `
import { definePolicy, defineProblem, slot, s, type Exchange } from '${SLUICE}';
const REFUSED = defineProblem('audit.refused', 403, 'Not today', 'http_request_denied');
const began = slot<number>();
const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
export default definePolicy({
  name: 'audit',
  summary: 'Marks what passes',
  schema: s.object({ header: s.string({ doc: 'Header to set', default: 'x-audit' }) }, { doc: 'Audit' }),
  problems: [REFUSED],
  create: ({ header }, env) => ({ ${members} }),
});`;

const FILES = {
  'use/audit.ts': policy(`
    onRequest(x: Exchange) { began.set(x, 1); x.setRequestHeader(header, x.param('id') ?? '-'); return undefined; },
    onResponse(x: Exchange) { x.responseHeaders.push(header, 'status ' + x.status); },
    onEnd(x: Exchange) { env.log('info', 'audited', { status: x.status, began: began.get(x), bytes: x.bytesOut }); },`),
  'use/refuses.ts': policy(`onRequest: (x: Exchange) => x.refuse(REFUSED, 'the shop is closed', 7),`),
  'use/waits.ts': policy(`onRequest: async () => { await sleep(10); return undefined; },`),
  'use/answers.ts': policy(`onRequest(x: Exchange) {
    x.status = 203; x.responseHeaders.push('content-type', 'text/plain'); x.reply.complete('mine'); return 'answered' as const;
  },`),
  'use/rejects.ts': policy(`onRequest: async () => { await sleep(1); throw new Error('rejected in vain'); },`),
  'use/throws-late.ts': policy(`onResponse() { throw new Error('thrown on the way out'); },`),
  'use/throws-last.ts': policy(`onEnd() { throw new Error('thrown at the end'); },`),
  'use/never.ts': middleware(''),
  'use/nexts.ts': middleware(`res.set('x-from', String(req.get('x-to'))); next();`),
  'use/bakes.ts': middleware(`res.cookie('own', '1'); next();`),
  'use/sends.ts': middleware(`res.status(418).send('tea');`),
  'use/sends-later.ts': middleware(`setTimeout(() => res.json({ later: true }), 5);`),
  'use/fails.ts': middleware(`next(new Error('failed on purpose'));`),
  'use/throws.ts': middleware(`throw new Error('thrown on purpose');`),
  'use/twice.ts': middleware(`next(); next(); setTimeout(next, 1);`),
  // What \`compression\` does: it wraps what the answer is written with, and decides when the head goes out.
  'use/gzip.ts': `
import { createGzip } from 'node:zlib';
import type { Request, Response, NextFunction } from 'express';
export default (_req: Request, res: Response, next: NextFunction) => {
  const zip = createGzip();
  const { writeHead, write, end } = res;
  zip.on('data', (chunk: Buffer) => Reflect.apply(write, res, [chunk]));
  zip.on('end', () => Reflect.apply(end, res, []));
  res.writeHead = ((status: number, headers: string[]) => {
    const kept = headers.flatMap((name, i) =>
      i % 2 === 0 && name.toLowerCase() !== 'content-length' ? [name, headers[i + 1] ?? ''] : []);
    return Reflect.apply(writeHead, res, [status, [...kept, 'content-encoding', 'gzip']]);
  }) as typeof res.writeHead;
  res.write = ((chunk: Buffer | string, encoding?: BufferEncoding) => zip.write(chunk, encoding ?? 'utf8')) as typeof res.write;
  res.end = ((chunk?: Buffer | string, encoding?: BufferEncoding) => {
    if (chunk === undefined) zip.end(); else zip.end(chunk, encoding ?? 'utf8');
    return res;
  }) as typeof res.end;
  next();
};`,
};

test('own policies and Express middleware', async (t) => {
  const origin = await startOrigin(t);
  const names = Object.keys(FILES).map((file) => file.slice('use/'.length, -'.ts'.length));
  const gateway = await startGateway(t, {
    files: FILES,
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      upstreams: { origin: origin.url },
      routes: {
        ...Object.fromEntries(
          names.map((name) => [
            name,
            {
              match: `/${name}/{id}`,
              to: 'origin',
              concurrency: 1,
              use: `./use/${name}.ts`,
              ...(name === 'never' && { timeout: '300ms' }),
            },
          ]),
        ),
        helmet: {
          match: '/helmet',
          to: 'origin',
          use: { module: resolve('node_modules/helmet/index.cjs'), with: { hsts: false } },
        },
        several: {
          match: '/several/{id}',
          to: 'origin',
          use: ['./use/nexts.ts', { module: './use/audit.ts', with: { header: 'x-own' } }, './use/waits.ts'],
        },
        after: { match: '/after/{id}', to: 'origin', use: ['./use/audit.ts', './use/refuses.ts'] },
        valid: {
          match: '/valid/{id}',
          to: 'origin',
          use: './use/audit.ts',
          headers: { request: { schema: { required: ['x-to'] }, set: { 'x-audit': 'last' } } },
        },
      },
    },
  });
  const observed = new Observed(gateway);
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const id = newId();
    const answer = await fetch(gateway.url + path, { headers: { 'x-request-id': id, ...headers } });
    return { id, answer, text: await answer.text(), line: await observed.line(id) };
  };
  const incidents = (text: string) =>
    gateway.log.lines.filter((line) => line.event === 'incident' && JSON.stringify(line).includes(text));

  await t.test('a policy changes the request, the answer, and hears of the end', async () => {
    const { answer, id } = await ask('/audit/7');
    assert.equal(answer.headers.get('x-audit'), 'status 200');
    assert.equal(origin.received.at(-1)?.header('x-audit'), '7');
    const line = await gateway.log.until(({ event }) => event === 'audited');
    assert.deepEqual([line.status, line['began'], line['bytes'], line.route], [200, 1, 11, 'audit']);
    assert.equal(answer.headers.get('x-request-id'), id);
  });

  await t.test('a refusal is a problem like any other, and unwinds what was entered before', async () => {
    const { answer, text, line } = await ask('/after/1');
    assert.equal(answer.status, 403);
    assert.equal(answer.headers.get('x-audit'), 'status 403');
    assert.equal(answer.headers.get('retry-after'), '7');
    assert.deepEqual([JSON.parse(text).code, JSON.parse(text).detail], ['audit.refused', 'the shop is closed']);
    assert.equal(line.reason, 'audit.refused');
  });

  await t.test('what does not fit its schema never gets there; what is set in the file is set after it', async () => {
    const { answer, text } = await ask('/valid/1');
    assert.deepEqual([answer.status, JSON.parse(text).code], [422, 'headers.invalid']);
    assert.equal(answer.headers.get('x-audit'), null);
    assert.equal((await ask('/valid/1', { 'x-to': 'there' })).answer.headers.get('x-audit'), 'status 200');
    assert.equal(origin.received.at(-1)?.header('x-audit'), 'last');
  });

  await t.test('a policy may answer by itself', async () => {
    const { answer, text, line } = await ask('/answers/1');
    assert.deepEqual([answer.status, text, line.status, line['source']], [203, 'mine', 203, 'gateway']);
  });

  await t.test('several in a row, some of which wait', async () => {
    const { answer } = await ask('/several/9', { 'x-to': 'there' });
    assert.deepEqual(
      [answer.status, answer.headers.get('x-from'), answer.headers.get('x-own')],
      [200, 'there', 'status 200'],
    );
    assert.equal(origin.received.at(-1)?.header('x-own'), '9');
  });

  await t.test('cookies of middleware and of the upstream both arrive', async () => {
    origin.answer((_request, response) => {
      response.setHeader('set-cookie', ['theirs=1', 'theirs-too=2']).end('{}');
    });
    const { answer } = await ask('/bakes/1');
    origin.answer(answerOk);
    assert.deepEqual(answer.headers.getSetCookie(), ['theirs=1', 'theirs-too=2', 'own=1; Path=/']);
  });

  await t.test('helmet, with options', async () => {
    const { answer } = await ask('/helmet');
    assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
    assert.equal(answer.headers.get('strict-transport-security'), null);
    assert.equal(answer.headers.get('content-type'), 'application/json');
  });

  await t.test('middleware that answers, at once and later, has answered: nothing is sent upstream', async () => {
    const seen = origin.started;
    const now = await ask('/sends/1');
    assert.deepEqual([now.answer.status, now.text, now.line.status, now.line['source']], [418, 'tea', 418, 'gateway']);
    assert.equal(now.answer.headers.get('x-request-id'), now.id);
    const later = await ask('/sends-later/1');
    assert.deepEqual([later.answer.status, later.text, later.line.status], [200, '{"later":true}', 200]);
    assert.equal(origin.started, seen);
  });

  await t.test('middleware that calls next more than once sends the request on once', async () => {
    const seen = origin.started;
    assert.equal((await ask('/twice/1')).answer.status, 200);
    assert.equal(origin.started, seen + 1);
  });

  await t.test('middleware that wraps how the answer is written, as compression does', async () => {
    const answer = await rawRequest(t, gateway.port, 'GET /gzip/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    assert.equal(answer.header('content-encoding'), 'gzip');
    assert.equal(gunzipSync(answer.body).toString(), '{"ok":true}');
  });

  for (const [name, message] of [
    ['rejects', 'rejected in vain'],
    ['fails', 'failed on purpose'],
    ['throws', 'thrown on purpose'],
    ['throws-late', 'thrown on the way out'],
  ] as const) {
    await t.test(`${name}: 500 with an incident that is logged once, and nothing else told`, async () => {
      const { answer, text, line } = await ask(`/${name}/1`);
      assert.deepEqual([answer.status, line.status, line.reason], [500, 500, 'internal']);
      assert.doesNotMatch(text, new RegExp(message));
      const [incident, ...more] = incidents(message);
      assert.equal(more.length, 0);
      assert.equal(JSON.parse(text).incident, incident?.['incident_id']);
      assert.equal(incident?.route, name);
    });
  }

  await t.test('a policy that throws at the end spoils no answer and keeps nothing from being given back', async () => {
    assert.equal((await ask('/throws-last/1')).answer.status, 200);
    // `concurrency: 1` would refuse this one if the first still counted.
    assert.equal((await ask('/throws-last/2')).answer.status, 200);
    await eventually(() => incidents('thrown at the end').length === 2, 'both incidents');
  });

  await t.test('one that never decides is cut off when the answer is due', async () => {
    const { answer, text, line } = await ask('/never/1');
    assert.deepEqual([answer.status, JSON.parse(text).code, line.reason], [504, 'policy.timeout', 'policy.timeout']);
    assert.equal((await ask('/never/2')).answer.status, 504);
  });

  await observed.atRest();
});

test('the policy that docs/policies.md shows refuses with its own problem', async (t) => {
  const origin = await startOrigin(t);
  const hourFromNow = (hours: number): number => new Date(Date.now() + hours * 3_600_000).getUTCHours();
  const route = (path: string, hours: object): object => ({
    match: `GET ${path}`,
    to: 'origin',
    auth: 'none',
    use: { module: OFFICE_HOURS, with: hours },
  });
  const later = hourFromNow(6);
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      upstreams: { origin: origin.url },
      routes: {
        open: route('/open', { from: 0, to: 24 }),
        closed: route('/closed', { from: later, to: later + 1 }),
      },
    },
  });

  assert.equal((await fetch(`${gateway.url}/open`)).status, 200);
  const refused = await fetch(`${gateway.url}/closed`);
  assert.equal(refused.status, 503);
  assert.match(await refused.text(), /"code":"office_hours\.closed"/);
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.equal(origin.received.length, 1);
});
