// Whatever becomes of a request, V8 sees its objects in one shape: every place of the hot path that reads them stays fast for all.
import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { type Answer, answerOk, type Origin, startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import type { Shape } from '../support/preload/hidden-classes.ts';
import { rawConnect } from '../support/raw.ts';
import { signalReport } from '../support/signal-report.ts';
import { eventually } from '../support/wait.ts';
import { openSocket, startSocketOrigin } from '../support/websocket.ts';

const PRELOAD = join(import.meta.dirname, '../support/preload/hidden-classes.ts');
const KEY = 'a-key-of-these-tests';

/** A kind of request: its head without Host, Content-Length and the empty line. */
interface Kind {
  readonly status: number;
  readonly head: string;
  readonly body?: string;
}

const withKey = `\r\nX-Api-Key: ${KEY}`;
const json = '\r\nContent-Type: application/json';
const chunked = '\r\nTransfer-Encoding: chunked';

/** By the request IDs that they are sent with, but for the number of the round. */
const KINDS: Readonly<Record<string, Kind>> = {
  'plain-get': { status: 200, head: 'GET /open/1 HTTP/1.1' },
  'with-query': { status: 200, head: 'GET /open/1?a=1 HTTP/1.1' },
  'with-head': { status: 200, head: 'HEAD /open/1 HTTP/1.1' },
  'http-one-nought': { status: 200, head: 'GET /open/1 HTTP/1.0' },
  'short-body': { status: 200, head: `POST /open/1 HTTP/1.1${json}`, body: '{"a":1}' },
  'streamed-body': { status: 200, head: `POST /open/1 HTTP/1.1${chunked}`, body: '3\r\nabc\r\n0\r\n\r\n' },
  'with-key': { status: 200, head: `GET /keyed/1 HTTP/1.1${withKey}` },
  'without-key': { status: 401, head: 'GET /keyed/1 HTTP/1.1' },
  'no-such-route': { status: 404, head: 'GET /no/such/route HTTP/1.1' },
  'no-such-method': { status: 405, head: 'DELETE /keyed/1 HTTP/1.1' },
  'bad-target': { status: 400, head: 'GET /open/%00 HTTP/1.1' },
  'over-limit': { status: 429, head: 'GET /limited HTTP/1.1' },
  'valid-body': { status: 200, head: `POST /checked HTTP/1.1${json}`, body: '{"a":1}' },
  'invalid-body': { status: 422, head: `POST /checked HTTP/1.1${json}`, body: '{"a":"1"}' },
  'large-body': { status: 413, head: `POST /checked HTTP/1.1${json}`, body: `"${'x'.repeat(2000)}"` },
  'preflight-ok': {
    status: 204,
    head: 'OPTIONS /edited HTTP/1.1\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: GET',
  },
  'edited-both-ways': { status: 200, head: 'GET /edited HTTP/1.1\r\nOrigin: https://app.example' },
  'checked-answer': { status: 200, head: 'GET /inspected HTTP/1.1' },
  'own-policy': { status: 200, head: 'GET /own HTTP/1.1' },
  'tried-again': { status: 200, head: 'GET /flaky HTTP/1.1' },
  'not-reached': { status: 502, head: 'GET /closed HTTP/1.1' },
  'breaker-open': { status: 503, head: 'GET /broken HTTP/1.1' },
  'too-late': { status: 504, head: 'GET /late HTTP/1.1' },
  'third-party': { status: 200, head: 'GET /facade HTTP/1.1' },
  'two-calls': { status: 200, head: 'GET /composed HTTP/1.1' },
  'upgrade-declined': { status: 200, head: 'GET /open/1 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket' },
};

const POLICY = `import { definePolicy, s } from '${pathToFileURL(resolve('src/index.ts')).href}';
export default definePolicy({
  name: 'own', summary: 'Waits a moment', schema: s.object({}, { doc: 'Own' }),
  create: () => ({ async onRequest() {}, onResponse(x) { x.responseHeaders.push('x-own', '1'); }, onEnd() {} }),
});`;

const answer: Answer = (request, response, index) => {
  const { url } = request;
  if (url === '/late' || url === '/held') return;
  if (url === '/flaky' && request.header('x-request-id') !== lastFlaky) {
    lastFlaky = request.header('x-request-id');
    response.writeHead(503).end();
    return;
  }
  if (url === '/cut') {
    response.writeHead(200, { 'content-length': 100 });
    response.write('not all of it', () => response.destroy());
    return;
  }
  return answerOk(request, response, index);
};
let lastFlaky: string | undefined;

const schema = { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } };

const routes = (origin: string, sockets: string, closed: string) => ({
  version: 1,
  defaults: { auth: 'none' },
  tenants: { acme: { keys: [KEY], limits: {} } },
  upstreams: {
    origin: { targets: [origin], breaker: 'none' },
    sockets: { targets: [sockets], breaker: 'none' },
    closed: { targets: [closed], breaker: 'none' },
    broken: { targets: [closed], breaker: { min: 1, open: '1h' } },
  },
  integrations: { carrier: { url: origin } },
  routes: {
    open: { match: '/open/{id}', to: 'origin' },
    keyed: { match: 'GET /keyed/{id}', to: 'origin', auth: 'key', limit: '1000/s' },
    limited: { match: 'GET /limited', to: 'origin', limit: { rate: '1/h', burst: 1 } },
    checked: { match: 'POST /checked', to: 'origin', body: schema, body_max: '1KiB' },
    edited: {
      match: 'GET /edited',
      to: 'origin',
      cors: { origins: ['https://app.example'] },
      rewrite: '/else?x=1',
      headers: { request: { set: { 'x-a': '1' }, remove: ['accept'] }, response: { set: { 'x-b': '2' } } },
    },
    inspected: {
      match: 'GET /inspected',
      to: 'origin',
      response: { schema: { type: 'object' }, on_fail: 'reject' },
    },
    own: { match: 'GET /own', to: 'origin', use: './own.mjs' },
    flaky: { match: 'GET /flaky', to: 'origin', retry: { max: 2, backoff: '1ms..2ms' } },
    closed: { match: 'GET /closed', to: 'closed' },
    broken: { match: 'GET /broken', to: 'broken' },
    late: { match: 'GET /late', to: 'origin', timeout: '100ms', retry: 0 },
    cut: { match: 'GET /{cut}', to: 'origin' },
    facade: { match: 'GET /facade', to: 'carrier', request: { path: '/rates' } },
    composed: {
      match: 'GET /composed',
      calls: { one: { to: 'origin', path: '/a' }, two: { to: 'carrier', path: '/b' } },
    },
    socket: { match: 'GET /socket', to: 'sockets', websocket: true },
  },
});

suite('the objects of an exchange', () => {
  const t = suiteCleanUp(after);
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  let shapes: readonly Shape[];

  before(async () => {
    origin = await startOrigin(t, answer);
    const sockets = await startSocketOrigin(t);
    gateway = await startGateway(t, {
      routes: routes(origin.url, sockets.url, `http://127.0.0.1:${await closedPort()}`),
      files: { 'own.mjs': POLICY },
      env: { NODE_OPTIONS: `--import=${PRELOAD}` },
    });
    observed = new Observed(gateway);
    // The first one uses up the limit and opens the breaker; V8 learns what fields hold.
    await sendAll('learnt', () => {});
    await sendAll('judged', (name, status) => assert.equal(status, KINDS[name]?.status, name));
    shapes = shapesOf(await signalReport(gateway.process, 'shapes'));
  });

  async function sendAll(round: string, check: (name: string, status: number) => void): Promise<void> {
    for (const [name, { head, body = '' }] of Object.entries(KINDS)) {
      const client = await rawConnect(t, gateway.port);
      const length = body === '' || head.includes(chunked) ? '' : `\r\nContent-Length: ${body.length}`;
      client.send(message(head + length, `${name}-${round}`) + body);
      check(name, (await client.response({ method: head.slice(0, head.indexOf(' ')) })).status);
      await observed.line(`${name}-${round}`);
    }
    await sendBroken(round);
    // Stays open: its exchange is under way.
    await openSocket(t, `${gateway.url}/socket`, { headers: { 'x-request-id': `web-socket-${round}` } });
  }

  /** What ends without a whole answer, and what waits for the answer before it. */
  async function sendBroken(round: string): Promise<void> {
    const reader = await rawConnect(t, gateway.port);
    reader.send(message('GET /cut HTTP/1.1', `cut-off-${round}`));
    await observed.line(`cut-off-${round}`);
    const leaver = await rawConnect(t, gateway.port);
    const { started } = origin;
    leaver.send(message('GET /held HTTP/1.1', `left-early-${round}`));
    await eventually(() => origin.started > started, 'the request of who leaves');
    leaver.reset();
    await observed.line(`left-early-${round}`);
    const hurried = await rawConnect(t, gateway.port);
    const [first, second] = [1, 2].map((place) => message('GET /open/1 HTTP/1.1', `pipelined-${place}-${round}`));
    hurried.send(`${first}${second}`);
    await observed.line(`pipelined-2-${round}`);
  }

  test('are all found, of each request', () => {
    const found = (id: string): string[] =>
      shapes.filter(({ requestIds }) => requestIds.includes(id)).map(({ part }) => part);
    const parts = ['exchange', 'reply', 'body', 'call', 'attempt', 'connection'];
    for (const name of ['plain-get', 'short-body', 'tried-again', 'left-early', 'web-socket'])
      assert.deepEqual(found(`${name}-judged`).toSorted(), parts.toSorted(), name);
    const missing = Object.keys(KINDS).filter((name) => !found(`${name}-judged`).includes('exchange'));
    assert.deepEqual(missing, []);
  });

  test('have one hidden class for each class', () => {
    const classes = Object.groupBy(shapes, ({ part, className }) => `${part} (${className})`);
    const split = Object.entries(classes).filter(([, each = []]) => each.length > 1);
    const told = split.map(
      ([name, each = []]) => `${name} has ${each.length}:\n${each.map((one) => differences(one, each)).join('\n')}`,
    );
    assert.deepEqual(
      told,
      [],
      `set every field in the constructor, in one order, and delete none:\n${told.join('\n')}`,
    );
  });

  test('are no hash tables', () => {
    assert.deepEqual(
      shapes.filter(({ isFast }) => !isFast).map(({ part, className }) => `${part} (${className})`),
      [],
      'V8 turns what has fields deleted, or very many added, into one',
    );
  });
});

function message(head: string, id: string): string {
  return `${head}\r\nHost: api.example\r\nX-Request-Id: ${id}\r\n\r\n`;
}

function shapesOf(reported: unknown): readonly Shape[] {
  assert.ok(Array.isArray(reported));
  return reported;
}

/** Whose shape it is, and in what it differs from the most common one. */
function differences(shape: Shape, all: readonly Shape[]): string {
  const [usual = shape] = all.toSorted((a, b) => b.requestIds.length - a.requestIds.length);
  const whose = `  ${shape.requestIds.slice(0, 8).join(', ')}${shape.requestIds.length > 8 ? ', …' : ''}`;
  if (shape === usual) return `${whose}: the usual one`;
  const [names, usualNames] = [shape, usual].map(({ fields }) => Object.keys(fields));
  const more = names?.filter((name) => !(name in usual.fields)) ?? [];
  const fewer = usualNames?.filter((name) => !(name in shape.fields)) ?? [];
  const other =
    names?.filter((name) => String(shape.fields[name]) !== String(usual.fields[name] ?? shape.fields[name])) ?? [];
  const found = [
    ...more.map((name) => `has ${name}`),
    ...fewer.map((name) => `lacks ${name}`),
    ...other.map((name) => `${name} is ${shape.fields[name]?.join(' or ')}, not ${usual.fields[name]?.join(' or ')}`),
  ];
  return `${whose}: ${found.length === 0 ? 'the same fields, added in another order or otherwise' : found.join('; ')}`;
}
