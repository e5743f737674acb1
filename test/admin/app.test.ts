import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import type { Express } from 'express';
import request, { type Agent } from 'supertest';
import { type AdminView, createAdmin } from '../../src/admin/app.ts';
import type { EventLog } from '../../src/telemetry/events.ts';

const servers: ReturnType<typeof createServer>[] = [];
after(() => {
  for (const server of servers) server.close();
});

const view: AdminView = {
  ready: () => ({ ready: true, reasons: [] }),
  warnings: () => ['breaker orders is open'],
  metrics: {
    async *exposition(format) {
      yield `# ${format}\n`;
      yield 'x 1\n';
    },
  },
  config: () => ({ hash: 'abc', routes: { orders: { auth: 'key' } } }),
  status: () => ({ uptimeSeconds: 3 }),
};

interface Options {
  readonly view?: Partial<AdminView>;
  readonly token?: string;
  readonly events?: EventLog;
}

function admin({ view: changed = {}, token, events = { log: () => {} } }: Options = {}): Express {
  return createAdmin({ ...view, ...changed }, { token, events, problemBase: 'https://errors.example/' });
}

async function listening(app: Express): Promise<number> {
  const server = createServer(app).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  // An app that listens has an address with a port; only pipes have a string.
  return (server.address() as AddressInfo).port;
}

async function agent(options?: Options): Promise<Agent> {
  return request(`http://127.0.0.1:${await listening(admin(options))}`);
}

test('livez says that the loop turns', async () => {
  const client = await agent();
  await client.get('/livez').expect(200, { live: true });
  await client.head('/livez').expect(200);
});

test('readyz says whether traffic should come, and when asked why not', async () => {
  await (await agent()).get('/readyz').expect(200, { ready: true });
  const client = await agent({ view: { ready: () => ({ ready: false, reasons: ['draining'] }) } });
  await client.get('/readyz').expect(503, { ready: false }).expect('Retry-After', '1');
  const warnings = ['breaker orders is open'];
  await client.get('/readyz?verbose').expect(503, { ready: false, reasons: ['draining'], warnings });
});

test('metrics come in the format the scraper prefers', async () => {
  const client = await agent();
  await client
    .get('/metrics')
    .expect(200, '# prometheus\nx 1\n')
    .expect('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
    .expect('Vary', 'Accept');
  const answer = await client
    .get('/metrics')
    .set('Accept', 'application/openmetrics-text;version=1.0.0')
    .buffer(true)
    .parse((res, done) => {
      let text = '';
      res.on('data', (bytes: Buffer) => {
        text += bytes.toString();
      });
      res.on('end', () => done(null, text));
    });
  assert.equal(answer.body, '# openmetrics\nx 1\n');
  assert.equal(answer.headers['content-type'], 'application/openmetrics-text; version=1.0.0; charset=utf-8');
});

test('the configuration and the status are JSON', async () => {
  const client = await agent();
  await client.get('/api/config').expect(200, { hash: 'abc', routes: { orders: { auth: 'key' } } });
  await client
    .get('/api/status')
    .expect(200, { uptimeSeconds: 3 })
    .expect('Content-Type', /^application\/json/);
});

test('with a token everything but the probes needs it', async () => {
  const client = await agent({ token: 'correct-horse' });
  await client.get('/livez').expect(200);
  await client.get('/readyz').expect(200);
  for (const path of ['/metrics', '/api/config', '/api/status', '/nothing', '/API/config', '//api/config']) {
    const refused = await client.get(path);
    assert.equal(refused.status, 401, path);
    assert.equal(refused.headers['www-authenticate'], 'Bearer realm="sluice admin"');
    assert.equal(refused.body.code, 'admin.unauthorized');
  }
  await client.get('/api/status').set('Authorization', 'Bearer correct-horse').expect(200);
  await client.get('/api/status').set('Authorization', 'bearer  correct-horse').expect(200);
  for (const credentials of [
    'Bearer correct-hors',
    'Bearer correct-horsee',
    'Bearer',
    'Basic correct-horse',
    'correct-horse',
  ]) {
    await client.get('/api/status').set('Authorization', credentials).expect(401);
  }
  await client.get('/api/status?token=correct-horse').expect(401);
});

test('without a token a name that was rebound to loopback is refused', async () => {
  const client = await agent();
  for (const host of ['localhost:9901', '127.0.0.1:9901', '127.9.9.9', '[::1]:9901', 'LOCALHOST']) {
    await client.get('/api/config').set('Host', host).expect(200);
  }
  for (const host of ['evil.example', 'evil.example:9901', '10.0.0.1', 'localhost.evil.example', '[::2]']) {
    const refused = await client.get('/api/config').set('Host', host);
    assert.equal(refused.status, 403, host);
    assert.equal(refused.body.code, 'admin.foreign_host');
  }
  await client.get('/livez').set('Host', 'evil.example').expect(200);
});

test('what is not there is 404, what cannot be done 405, both as problems', async () => {
  const client = await agent();
  const missing = await client.get('/nope').expect(404);
  assert.match(String(missing.headers['content-type']), /^application\/problem\+json/);
  assert.equal(missing.headers['proxy-status'], 'sluice; error=destination_not_found');
  assert.deepEqual(missing.body, {
    type: 'https://errors.example/admin.not_found',
    title: 'No such admin resource',
    status: 404,
    detail: 'There is nothing at /nope.',
    code: 'admin.not_found',
  });
  await client.get('/%zz').expect(404);
  for (const path of ['/livez', '/metrics', '/api/config']) {
    const refused = await client.post(path).send({}).expect(405);
    assert.equal(refused.headers['allow'], 'GET, HEAD');
    assert.equal(refused.body.code, 'admin.method_not_allowed');
  }
});

test('every answer carries the security headers and none says what runs here', async () => {
  const client = await agent();
  for (const path of ['/livez', '/metrics', '/api/status', '/nope']) {
    const { headers } = await client.get(path);
    assert.equal(headers['x-content-type-options'], 'nosniff', path);
    assert.equal(headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'");
    assert.equal(headers['cache-control'], 'no-store');
    assert.equal(headers['x-powered-by'], undefined);
  }
});

test('a bug is a 500 with an incident id and no detail; the log has the stack', async () => {
  const logged: unknown[][] = [];
  const client = await agent({
    events: { log: (...event) => logged.push(event) },
    view: {
      status: () => {
        throw new Error('secret detail');
      },
    },
  });
  const answer = await client.get('/api/status').expect(500);
  assert.equal(answer.body.code, 'admin.internal');
  assert.ok(!answer.text.includes('secret detail'));
  assert.equal(logged.length, 1);
  assert.deepEqual(logged[0]?.slice(0, 2), ['error', 'incident']);
  assert.ok(answer.body.incident);
  assert.match(JSON.stringify(logged[0]?.[2]), new RegExp(`"incident_id":"${answer.body.incident}"`));
});

test('a scrape that breaks half-way is cut off, never ended as if it were whole', async () => {
  const logged: unknown[][] = [];
  const broken = admin({
    events: { log: (...event) => logged.push(event) },
    view: {
      metrics: {
        async *exposition() {
          yield 'x 1\n';
          throw new Error('half-way');
        },
      },
    },
  });
  const response = await scrapeOf(await listening(broken));
  await assert.rejects(async () => {
    for await (const _ of response);
  }, /aborted/);
  assert.equal(logged.length, 1);
});

test('a scraper that leaves stops the rendering and is no incident', async () => {
  const logged: unknown[][] = [];
  const stopped = Promise.withResolvers<void>();
  const endless = admin({
    events: { log: (...event) => logged.push(event) },
    view: {
      metrics: {
        async *exposition() {
          try {
            while (true) yield 'x 1\n'.repeat(10_000);
          } finally {
            stopped.resolve();
          }
        },
      },
    },
  });
  const response = await scrapeOf(await listening(endless));
  await once(response, 'readable');
  response.destroy();
  await stopped.promise;
  assert.deepEqual(logged, []);
});

async function scrapeOf(port: number): Promise<IncomingMessage> {
  const response = Promise.withResolvers<IncomingMessage>();
  get({ port, host: '127.0.0.1', path: '/metrics', agent: false }, response.resolve).on('error', response.reject);
  return response.promise;
}
