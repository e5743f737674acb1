// A gateway in someone's own Express app, process and project.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, IncomingMessage, OutgoingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import express from 'express';
import { Registry } from 'prom-client';
import supertest from 'supertest';
import { ConfigurationError, createGateway } from '../../src/index.ts';
import { embedGateway } from '../support/embedded-gateway.ts';
import { temporaryDirectory } from '../support/files.ts';
import { startOrigin } from '../support/origin.ts';
import { listenOnLoopback } from '../support/ports.ts';
import { type RawClient, rawConnect, rawRequest } from '../support/raw.ts';
import { startRawOrigin } from '../support/raw-origin.ts';
import { eventually, within } from '../support/wait.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

const routes = (upstream: string): Readonly<Record<string, unknown>> => ({
  version: 1,
  upstreams: { origin: upstream },
  routes: {
    item: { match: 'GET /items/{id}', to: 'origin', auth: 'none' },
    create: { match: 'POST /items', to: 'origin', auth: 'none' },
  },
});

test('it is mounted below a path, between middleware and routes of the app', async (t) => {
  const origin = await startOrigin(t);
  const ends: string[] = [];
  const { url } = await embedGateway(t, routes(origin.url), ({ app }) =>
    express()
      .use((request, response, next) => {
        response.setHeader('x-before', request.method);
        response.on('finish', () => ends.push(request.originalUrl));
        next();
      })
      .get('/own', (_request, response) => void response.send('own'))
      .use('/api', app)
      .use((_request, response) => void response.status(404).send('not of the gateway')),
  );
  const client = supertest(url);
  await client.get('/own').expect(200, 'own');
  await client.get('/api/items/7?a=1').expect(200).expect('x-before', 'GET').expect('x-request-id', /./);
  assert.equal((await origin.request(0)).url, '/items/7?a=1');
  await client.post('/api/items').send({ a: 1 }).expect(200);
  assert.equal((await origin.request(1)).body.toString(), '{"a":1}');
  // Everything below the mount point is the gateway's, also what it refuses.
  await client
    .get('/api/nothing')
    .expect(404)
    .expect('content-type', /problem/);
  await client.get('/nothing').expect(404, 'not of the gateway');
  assert.deepEqual(ends, ['/own', '/api/items/7?a=1', '/api/items', '/api/nothing', '/nothing']);
});

/** Two requests that are both refused in one round of the event loop; what `prepare` does to each is done before. */
async function refusedTogether(
  t: TestContext,
  prepare: (request: IncomingMessage, response: ServerResponse) => void,
  around: (id: string, serve: () => void) => void = (_, serve) => serve(),
): Promise<RawClient[]> {
  const held: (() => void)[] = [];
  const { url } = await embedGateway(t, routes('http://127.0.0.1:9'), ({ app }) => (request, response) => {
    prepare(request, response);
    held.push(() => around(request.url ?? '', () => app(request, response)));
    if (held.length === 2) for (const serve of held) serve();
  });
  const clients: RawClient[] = [];
  for (const path of ['/no/1', '/no/2']) {
    const client = await rawConnect(t, Number(new URL(url).port));
    clients.push(client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`));
  }
  return clients;
}

for (const event of ['prefinish', 'finish', 'close'] as const) {
  test(`whoever listens to ${event} of a response is told on behalf of its own request`, async (t) => {
    const storage = new AsyncLocalStorage<string>();
    const told: string[] = [];
    const clients = await refusedTogether(
      t,
      ({ url }, response) => response.on(event, () => told.push(`${url} for ${storage.getStore()}`)),
      (id, serve) => storage.run(id, serve),
    );
    for (const client of clients) assert.equal((await client.response()).status, 404);
    const both = await eventually(() => (told.length === 2 ? told : undefined), `both told of ${event}`);
    assert.deepEqual(new Set(both), new Set(['/no/1 for /no/1', '/no/2 for /no/2']));
  });
}

test('a whole answer that nobody watches waits for the others of its round', async (t) => {
  const waiting: boolean[] = [];
  const { url } = await embedGateway(t, routes('http://127.0.0.1:9'), ({ app }) => (request, response) => {
    app(request, response);
    waiting.push(response.headersSent && !response.writableEnded);
  });
  assert.equal((await rawRequest(t, Number(new URL(url).port), 'GET /no HTTP/1.1\r\nHost: a\r\n\r\n')).status, 404);
  assert.deepEqual(waiting, [true]);
});

test('what a listener throws at the end of an answer ends neither the process nor another answer', async (t) => {
  const clients = await refusedTogether(t, ({ url }, response) => {
    if (url !== '/no/1') return;
    response.on('prefinish', () => {
      throw new Error('not today');
    });
  });
  const answers = await Promise.all(clients.map((client) => client.response()));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [404, 404],
  );
});

test('what is put before the end of every response after the gateway was loaded runs on behalf of its request', async (t) => {
  const { prototype } = OutgoingMessage;
  const end = Object.getOwnPropertyDescriptor(prototype, 'end');
  assert.ok(end);
  t.after(() => Object.defineProperty(prototype, 'end', end));
  const storage = new AsyncLocalStorage<string>();
  const told: string[] = [];
  const clients = await refusedTogether(
    t,
    ({ url }) => {
      if (url !== '/no/1') return;
      prototype.end = function (this: OutgoingMessage, ...given: unknown[]) {
        if ('req' in this && this.req instanceof IncomingMessage)
          told.push(`${this.req.url} for ${storage.getStore()}`);
        return Reflect.apply(end.value, this, given);
      };
    },
    (id, serve) => storage.run(id, serve),
  );
  for (const client of clients) assert.equal((await client.response()).status, 404);
  assert.deepEqual(new Set(told), new Set(['/no/1 for /no/1', '/no/2 for /no/2']));
});

test('a refused HEAD has no body to give a server that throws at one', async (t) => {
  const { gateway } = await embedGateway(t, routes('http://127.0.0.1:9'));
  const server = createServer({ rejectNonStandardBodyWrites: true }, gateway.app);
  const port = await listenOnLoopback(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const client = await rawConnect(t, port);
  for (const path of ['/no/1', '/_sluice/health']) client.send(`HEAD ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  assert.equal((await client.response({ method: 'HEAD' })).status, 404);
  assert.equal((await client.response({ method: 'HEAD' })).status, 200);
});

test('attach() brings what a handler cannot see: limits and parser errors are problems there, too', async (t) => {
  const origin = await startOrigin(t);
  const { url } = await embedGateway(t, routes(origin.url), ({ app }) => express().use('/api', app));
  const answer = await rawRequest(
    t,
    Number(new URL(url).port),
    'GET /api/items/7 HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n',
  );
  assert.equal(answer.status, 400);
  assert.match(answer.body.toString(), /"code":"request\./);
});

test('behind a Unix socket an answer to HTTP/1.0 that its upstream has broken off is cut', async (t) => {
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n').end();
  });
  const { gateway, directory } = await embedGateway(t, routes(origin.url));
  const server = createServer(gateway.app).listen(join(directory, 'socket'));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  const client = connect(join(directory, 'socket'));
  client.write('GET /items/7 HTTP/1.0\r\n\r\n');
  assert.match(String(await within(buffer(client), 'end of the answer')), /\r\n\r\nhalf$/);
});

test('a body that someone has read before it is a clear 500, not a hang', async (t) => {
  const origin = await startOrigin(t);
  const { url } = await embedGateway(t, routes(origin.url), ({ app }) => express().use(express.json(), app));
  const answer = await supertest(url).post('/items').send({ a: 1 }).expect(500);
  assert.equal(JSON.parse(answer.text).code, 'request.body_taken');
  assert.equal(JSON.parse(answer.text).title, 'Something else has read the request body');
  assert.equal(origin.started, 0);
});

test('files with errors reject, with findings', async (t) => {
  const directory = await temporaryDirectory(t, { 'routes.yaml': 'version: 1\nrouts: {}\n' });
  await assert.rejects(createGateway({ routes: `${directory}/routes.yaml`, env: {}, log: '/dev/null' }), (error) => {
    assert.ok(error instanceof ConfigurationError);
    assert.ok(error.findings.some(({ code }) => code === 'unknown-key'));
    return true;
  });
});

test('reload() resolves to whether the files are in service', async (t) => {
  const origin = await startOrigin(t);
  const { gateway, url, directory } = await embedGateway(t, routes(origin.url));
  const file = join(directory, 'routes.yaml');
  const good = await readFile(file, 'utf8');
  await writeFile(file, good.replace('/items/{id}', '/things/{id}'));
  assert.equal(await gateway.reload(), true);
  await supertest(url).get('/things/1').expect(200);
  await writeFile(file, 'version: 1\nroutes: {');
  assert.equal(await gateway.reload(), false);
  assert.equal(await gateway.reload(), false);
  await supertest(url).get('/things/1').expect(200);
  await writeFile(file, good);
  // Asked for twice at once, it is done once more after what is running, for both.
  assert.deepEqual(await Promise.all([gateway.reload(), gateway.reload(), gateway.reload()]), [true, true, true]);
  await supertest(url).get('/items/1').expect(200);
});

test('what was to be reloaded when it closed is not: nothing would ever close that', async (t) => {
  const origin = await startOrigin(t);
  const { gateway, directory } = await embedGateway(t, routes(origin.url));
  const file = join(directory, 'routes.yaml');
  const good = await readFile(file, 'utf8');
  await writeFile(file, good.replace('/items/{id}', '/things/{id}'));
  const underWay = gateway.reload();
  const next = gateway.reload();
  await gateway.close();
  assert.deepEqual([await underWay, await next], [true, false]);
  await writeFile(file, good);
  assert.equal(await gateway.reload(), false);
});

test('two gateways in one process share nothing', async (t) => {
  const [left, right] = [await startOrigin(t), await startOrigin(t)];
  const limited = (upstream: string): Readonly<Record<string, unknown>> => ({
    version: 1,
    upstreams: { origin: upstream },
    routes: { item: { match: 'GET /items/{id}', to: 'origin', auth: 'none', limit: '1/h' } },
  });
  const a = await embedGateway(t, limited(left.url));
  const b = await embedGateway(t, limited(right.url));
  await supertest(a.url).get('/items/1').expect(200);
  await supertest(a.url).get('/items/1').expect(429);
  await supertest(b.url).get('/items/1').expect(200);
  assert.deepEqual([left.started, right.started], [1, 1]);
  const scraped = await supertest(createServer(b.gateway.admin)).get('/metrics').expect(200);
  assert.doesNotMatch(scraped.text, /code="429"/);
});

test('its registry, read by a registry of the app, says what a scrape of the admin plane says', async (t) => {
  const origin = await startOrigin(t);
  const { gateway, url } = await embedGateway(t, routes(origin.url));
  await supertest(url).get('/items/1').expect(200);
  const merged = Registry.merge([gateway.metrics.registry]);
  const ours = (page: string): readonly string[] =>
    page
      .split('\n')
      .filter((line) => /^sluice_(?:http_requests_total|upstream_targets|upstream_attempts_total)\{/.test(line))
      .map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => labels.split(',').toSorted().join()))
      .toSorted();
  const read = ours(await merged.metrics());
  assert.ok(
    read.some((line) => /^sluice_upstream_targets.*state="healthy".* 1$/.test(line)),
    read.join('\n'),
  );
  const scraped = await supertest(createServer(gateway.admin)).get('/metrics').expect(200);
  assert.deepEqual(read, ours(scraped.text));
});

test('drain() asks load balancers and clients to go elsewhere, and goes on serving', async (t) => {
  const origin = await startOrigin(t);
  const { gateway, url } = await embedGateway(t, routes(origin.url));
  const admin = supertest(createServer(gateway.admin));
  await admin.get('/readyz').expect(200);
  gateway.drain();
  gateway.drain();
  await admin.get('/readyz?verbose').expect(503, { ready: false, reasons: ['draining'], warnings: [] });
  await admin.get('/livez').expect(200);
  await supertest(url).get('/items/1').expect(200).expect('connection', 'close');
});

test('after close() nothing keeps the process alive', async (t) => {
  const origin = await startOrigin(t);
  const directory = await temporaryDirectory(t, {
    'routes.yaml': JSON.stringify({
      ...routes(origin.url),
      upstreams: { origin: { targets: origin.url, health: { path: '/', every: '1s' } } },
    }),
    'gateway.yaml': '{}',
    'embed.ts': `
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createGateway } from '${ROOT}/src/index.ts';
const gateway = await createGateway({ routes: 'routes.yaml', config: 'gateway.yaml', env: {}, log: 'gateway.log' });
const server = createServer(gateway.app);
gateway.attach(server);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const answer = await fetch('http://127.0.0.1:' + server.address().port + '/items/1');
console.log(answer.status, await answer.text());
server.close();
server.closeAllConnections();
await gateway.close();
await gateway.close();
`,
  });
  const { stdout, stderr } = await run(process.execPath, ['embed.ts'], { cwd: directory, timeout: 120_000 });
  assert.deepEqual([stdout, stderr], ['200 {"ok":true}\n', '']);
  await eventually(() => origin.connections === 0, 'end of its connections');
});
