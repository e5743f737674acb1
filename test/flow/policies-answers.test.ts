// What Express middleware answers by itself leaves like any other answer: with the headers of the policies before it, counted.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { startOrigin } from '../support/origin.ts';

const answering = (body: string): string =>
  `export default (req, res, next) => { res.set('x-powered-by', 'us'); ${body} };`;

const FILES = {
  'json.mjs': answering(`res.status(402).json({ pay: 'first' });`),
  'later.mjs': answering(`setTimeout(() => res.writeHead(402, { 'Content-Type': 'application/json' }).end('{}'), 2);`),
  'flat.mjs': answering(
    `res.writeHead(402, 'Pay', ['Content-Type', 'application/json', 'X-Powered-By', 'me']).end('{}');`,
  ),
  'parts.mjs': answering(
    `res.status(402).type('json'); res.write('{'); setTimeout(() => res.end(Buffer.from('}')), 450);`,
  ),
  'cookies.mjs': answering(`res.status(402).type('json').cookie('a', '1').cookie('b', '2').end('{}');`),
  'breaks.mjs': `
import { definePolicy, s } from 'sluice';
export default definePolicy({
  name: 'breaks', summary: '', schema: s.object({}),
  create: () => ({ onResponse(x) { if (x.status === 402) throw new Error('broken on the way out'); } }),
});`,
};

test('what middleware answers by itself', async (t) => {
  const origin = await startOrigin(t);
  const route = (name: string, use: unknown, more: object = {}) => [
    name,
    { match: `/${name}`, to: 'origin', use, ...more },
  ];
  const gateway = await startGateway(t, {
    files: FILES,
    routes: {
      version: 1,
      defaults: {
        auth: 'none',
        limit: '100/h',
        cors: { origins: ['https://app.example'] },
        headers: { response: { set: { 'x-frame-options': 'DENY' }, remove: ['x-powered-by'] } },
      },
      upstreams: { origin: origin.url },
      routes: {
        ...Object.fromEntries(['json', 'later', 'flat', 'cookies'].map((name) => route(name, `./${name}.mjs`))),
        // Once it has begun, it may take longer than its answer.
        ...Object.fromEntries([route('parts', './parts.mjs', { timeout: '300ms' })]),
        ...Object.fromEntries([route('breaks', ['./breaks.mjs', './json.mjs'])]),
      },
    },
  });
  const observed = new Observed(gateway);
  const ask = async (path: string, method = 'GET') => {
    const id = newId();
    const headers = { origin: 'https://app.example', 'x-request-id': id };
    const answer = await fetch(gateway.url + path, { method, headers });
    return { id, answer, text: await answer.text(), line: await observed.line(id) };
  };

  for (const [name, body] of Object.entries({
    json: '{"pay":"first"}',
    later: '{}',
    flat: '{}',
    parts: '{}',
    cookies: '{}',
  })) {
    await t.test(`${name}: has CORS headers, those of the route and what is left of the limit`, async () => {
      const { id, answer, text, line } = await ask(`/${name}`);
      assert.deepEqual([answer.status, text], [402, body]);
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
      assert.equal(answer.headers.get('access-control-allow-origin'), 'https://app.example');
      assert.equal(answer.headers.get('vary'), 'Origin');
      assert.equal(answer.headers.get('x-frame-options'), 'DENY');
      assert.equal(answer.headers.get('x-powered-by'), null);
      assert.match(answer.headers.get('ratelimit') ?? '', /r=99/);
      assert.equal(answer.headers.get('x-request-id'), id);
      assert.deepEqual([line.status, line['source'], line['bytes']], [402, 'gateway', body.length]);
    });
  }

  await t.test('keeps every cookie', async () => {
    const { answer } = await ask('/cookies');
    assert.deepEqual(answer.headers.getSetCookie(), ['a=1; Path=/', 'b=2; Path=/']);
  });

  await t.test('has no body for HEAD, and counts none', async () => {
    const { answer, text, line } = await ask('/json', 'HEAD');
    assert.deepEqual([answer.status, answer.headers.get('content-length'), text, line['bytes']], [402, '15', '', 0]);
  });

  await t.test('is an incident instead, whole, when a policy fails on it', async () => {
    const { answer, text, line } = await ask('/breaks');
    assert.deepEqual([answer.status, JSON.parse(text).code, line['bytes']], [500, 'internal', text.length]);
    assert.deepEqual(
      gateway.log.lines.filter(({ event }) => event === 'incident').map(({ route: name }) => name),
      ['breaks'],
    );
  });

  await observed.atRest();
});
