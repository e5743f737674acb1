// What an own module throws where no request can catch it: the gateway goes on, and says whose it was.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { startOrigin } from '../support/origin.ts';

/** Express middleware; the body of `(req, res, next) => { … }`. */
const middleware = (body: string): string => `
import { EventEmitter } from 'node:events';
import { connect } from 'node:net';
export default (req: any, res: any, next: any) => { ${body} };`;

const policy = (members: string): string => `
import { definePolicy, s } from 'sluice';
export default definePolicy({ name: 'own', summary: '', schema: s.object({}, { doc: '' }), create: () => ({ ${members} }) });`;

/** Module → what it throws. The request goes on. */
const PASSING = {
  './use/timer.ts': [middleware(`setTimeout(() => { throw new Error('from a timer'); }, 1); next();`), 'from a timer'],
  './use/text.ts': [middleware(`setImmediate(() => { throw 'a text'; }); next();`), 'a text'],
  './use/rejection.ts': [middleware(`void Promise.reject(new Error('nobody waits')); next();`), 'nobody waits'],
  './use/listener.ts': [
    middleware(`res.on('finish', () => { throw new Error('from a listener'); }); next();`),
    'from a listener',
  ],
  './use/socket.ts': [middleware(`connect({ port: 1, host: '127.0.0.1' }); next();`), 'ECONNREFUSED'],
  './use/policy.ts': [
    policy(`onRequest() { setTimeout(() => { throw new Error('from a policy'); }, 1); return undefined; },`),
    'from a policy',
  ],
  './use/on-end.ts': [
    policy(`onEnd() { setTimeout(() => { throw new Error('after the end'); }, 1); },`),
    'after the end',
  ],
  'late-package': [
    `module.exports = (req, res, next) => { res.on('close', () => { throw new Error('from a package'); }); next(); };`,
    'from a package',
  ],
} as const;

const FILE_OF_PACKAGE = 'node_modules/late-package/index.js';

test('what own modules throw where nothing catches it', async (t) => {
  const origin = await startOrigin(t);
  const route = (name: string, module: string): readonly [string, object] => [
    name,
    { match: `/${name}`, to: 'origin', use: module },
  ];
  const passing = Object.entries(PASSING).map(([module, [source, thrown]], index) => {
    return { name: `passing-${index}`, module, source, thrown };
  });
  const gateway = await startGateway(t, {
    files: {
      ...Object.fromEntries(
        passing.map(({ module, source }) => [module.startsWith('.') ? module : FILE_OF_PACKAGE, source]),
      ),
      'use/answers-late.ts': middleware(`setTimeout(() => res.status(200).json({ late: true }), 400);`),
      'use/writes-late.ts': middleware(`setTimeout(() => res.write('late'), 400);`),
      'use/fails-soon.ts': middleware(`setTimeout(() => { throw new Error('before it answered'); }, 1);`),
    },
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      upstreams: { origin: origin.url },
      routes: {
        ...Object.fromEntries(passing.map(({ name, module }) => route(name, module))),
        ...Object.fromEntries([route('fails-soon', './use/fails-soon.ts')]),
        late: { match: '/late', to: 'origin', timeout: '100ms', use: './use/answers-late.ts' },
        'late-write': { match: '/late-write', to: 'origin', timeout: '100ms', use: './use/writes-late.ts' },
      },
    },
  });
  const observed = new Observed(gateway);
  const ask = async (path: string) => {
    const id = newId();
    const answer = await fetch(gateway.url + path, { headers: { 'x-request-id': id } });
    return { id, answer, text: await answer.text() };
  };
  const incident = (module: string) =>
    gateway.log.until((line) => line.event === 'incident' && line['module'] === module);

  for (const { name, module, thrown } of passing) {
    await t.test(`${module}: ${thrown}`, async () => {
      assert.equal((await ask(`/${name}`)).answer.status, 200);
      assert.match(JSON.stringify(await incident(module)), new RegExp(thrown));
    });
  }

  await t.test('an answer that comes after the request was given up', async () => {
    const { answer, text } = await ask('/late');
    assert.deepEqual([answer.status, JSON.parse(text).code], [504, 'policy.timeout']);
    const { route: of, error } = await incident('./use/answers-late.ts');
    assert.equal(of, 'late');
    assert.match(JSON.stringify(error), /ERR_HTTP_HEADERS_SENT/);
    assert.equal((await ask('/late-write')).answer.status, 504);
  });

  await t.test('one that can answer no more is answered for, at once', async () => {
    const { id, answer, text } = await ask('/fails-soon');
    assert.equal(answer.status, 500);
    const line = await incident('./use/fails-soon.ts');
    assert.deepEqual([line['incident_id'], line.request_id], [JSON.parse(text).incident, id]);
  });

  await t.test('the gateway goes on, and each was told of once', async () => {
    assert.equal((await ask('/fails-soon')).answer.status, 500);
    const told = gateway.log.lines.filter(({ event, module }) => event === 'incident' && module === './use/timer.ts');
    assert.equal(told.length, 1);
    await observed.atRest();
  });
});

test('an uncaught bug that is nobody’s module ends the process, with its reason in the log', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      upstreams: { origin: origin.url },
      routes: { all: { match: '/**', to: 'origin', auth: 'none' } },
    },
    env: { NODE_OPTIONS: `--import=${join(import.meta.dirname, '../support/preload/throws-on-signal.ts')}` },
  });
  gateway.process.kill('SIGUSR2');
  assert.deepEqual(await gateway.process.exited, { code: 1, signal: null });
  assert.match(gateway.process.stderr, /thrown on a signal/);
  const [line] = gateway.log.lines.filter(({ event }) => event === 'incident');
  assert.match(JSON.stringify(line), /thrown on a signal/);
});
