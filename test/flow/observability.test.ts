// What an operator finds in the log, the metrics and the status when something goes wrong at night.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, spawnGateway, startGateway } from '../support/gateway.ts';
import type { LogLine } from '../support/log-lines.ts';
import { newId, Observed } from '../support/observed.ts';
import { type Origin, startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { rawConnect } from '../support/raw.ts';
import { type RawConnection, type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';
import { eventually, within } from '../support/wait.ts';
import { startBlackHole } from '../upstream/black-hole.ts';

const KEY = 'sk_0123456789abcdef0123456789abcdef';

suite('the cause of a failure', () => {
  const t = suiteCleanUp(after);
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  let raw: RawOrigin;
  let deadPort: number;

  before(async () => {
    origin = await startOrigin(t);
    raw = await startRawOrigin(t);
    deadPort = await closedPort();
    const dead = `http://127.0.0.1:${deadPort}`;
    const only = { breaker: 'none', retry_budget: { ratio: '100%', min: '1000/s' } };
    gateway = await startGateway(t, {
      // A name server out there may be slow to say no.
      env: { NODE_OPTIONS: `--import=${join(import.meta.dirname, '../support/preload/failing-dns.ts')}` },
      routes: {
        version: 1,
        defaults: { auth: 'none', retry: { max: 1, backoff: '1ms..2ms' } },
        plans: { small: { limit: '1/h' } },
        tenants: { acme: { keys: [KEY], plan: 'small' } },
        upstreams: {
          dead: { targets: dead, ...only },
          half: { targets: [dead, origin.url], ...only, balance: 'round_robin', eject: 'none' },
          raw: { targets: raw.url, ...only },
          nowhere: { targets: 'http://sluice-test.invalid', ...only },
          plain: { targets: `https://127.0.0.1:${raw.port}`, ...only },
          tripping: { targets: dead, breaker: { min: 3, failures: '50%', open: '60s' }, eject: 'none' },
          pair: { targets: [dead, `${dead}/v2`], breaker: 'none', eject: { failures: 2, for: '60s' } },
        },
        routes: {
          dead: { match: '/dead', to: 'dead' },
          half: { match: '/half', to: 'half' },
          raw: { match: '/raw', to: 'raw' },
          short: { match: '/short', to: 'raw', timeout: { answer: '150ms' }, retry: 0 },
          cut: { match: '/cut', to: 'raw', retry: 0 },
          idle: { match: '/idle', to: 'raw', timeout: { idle: '150ms' }, retry: 0 },
          nowhere: { match: '/nowhere', to: 'nowhere' },
          plain: { match: '/plain', to: 'plain' },
          tripping: { match: '/tripping', to: 'tripping', retry: 0 },
          pair: { match: '/pair', to: 'pair', retry: 0 },
          paid: { match: '/paid', to: 'raw', auth: 'key' },
        },
      },
    });
    observed = new Observed(gateway);
  });

  async function ask(path: string, headers: Record<string, string> = {}) {
    const id = newId();
    const response = await fetch(gateway.url + path, { headers: { 'x-request-id': id, ...headers } });
    const proxyStatus = response.headers.get('proxy-status');
    await response.arrayBuffer().catch(() => {});
    return { status: response.status, proxyStatus, line: await observed.line(id) };
  }

  async function status() {
    const response = await fetch(`${gateway.adminUrl}/api/status`, { headers: { connection: 'close' } });
    return JSON.parse(await response.text());
  }

  const refused = () => `connect ECONNREFUSED 127.0.0.1:${deadPort}`;

  test('is in the access log, code and message', async () => {
    const { status: code, line } = await ask('/dead');
    assert.equal(code, 502);
    assert.equal(line['error'], refused());
    assert.deepEqual(line['failed'], [{ target: `http://127.0.0.1:${deadPort}`, result: 'connect', error: refused() }]);
  });

  test('is there for each attempt of a request that went well in the end', async () => {
    const lines: LogLine[] = [];
    for (let sent = 0; sent < 2; sent++) lines.push((await ask('/half')).line);
    const retried = lines.find((line) => line['attempts'] === 2);
    assert.equal(retried?.status, 200);
    assert.equal(retried?.['target'], origin.url);
    assert.deepEqual(retried?.['failed'], [
      { target: `http://127.0.0.1:${deadPort}`, result: 'connect', error: refused() },
    ]);
    assert.equal(await observed.metric('sluice_retries_total', { upstream: 'half', outcome: 'success' }), 1);
    const clean = lines.find((line) => line['attempts'] === 1);
    assert.deepEqual([clean?.['error'], clean?.['failed']], [undefined, undefined]);
  });

  test('is there for an attempt whose answer was discarded', async () => {
    const answers = ['503 No', '200 OK'];
    raw.script = async (connection) => {
      await connection.heads();
      connection.write(`HTTP/1.1 ${answers.shift()}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`).end();
    };
    const { line } = await ask('/raw');
    assert.equal(line.status, 200);
    assert.deepEqual(
      (line['failed'] as LogLine[]).map((each) => [each['result'], each['error']]),
      [['5xx', 'status 503']],
    );
  });

  test('is how long there was no answer, where nothing came', async () => {
    raw.script = () => {};
    const { line } = await ask('/short');
    assert.equal(line.reason, 'upstream.timeout');
    assert.match(String(line['error']), /^no answer after \d+ ms$/);
  });

  for (const [name, { route, act, reason, error }] of Object.entries({
    truncated: {
      route: 'cut',
      act: (c: RawConnection) => c.end(),
      reason: 'truncated',
      error: /other side closed|UND_ERR/,
    },
    'left alone': { route: 'idle', act: () => {}, reason: 'idle_timeout', error: /^no byte for 150 ms$/ },
  })) {
    test(`is there for an answer that was ${name}, and the answer is counted as cut`, async () => {
      raw.script = async (connection) => {
        await connection.heads();
        connection.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello');
        setTimeout(() => act(connection), 30);
      };
      const already = await observed.metric('sluice_http_responses_cut_total', { route, reason });
      const { line } = await ask(`/${route}`);
      assert.deepEqual([line.status, line.reason], [200, `upstream.${reason}`]);
      assert.match(String(line['error']), error);
      assert.equal(await observed.metric('sluice_http_responses_cut_total', { route, reason }), already + 1);
    });
  }

  test('tells a name without an address from a connection that was refused', async () => {
    const { status: code, proxyStatus, line } = await ask('/nowhere');
    assert.deepEqual([code, line.reason, proxyStatus], [502, 'upstream.dns', 'sluice; error=dns_error']);
    assert.match(String(line['error']), /ENOTFOUND sluice-test\.invalid/);
    assert.ok((await observed.metric('sluice_upstream_attempts_total', { upstream: 'nowhere', result: 'dns' })) > 0);
  });

  test('tells plain text from a certificate that was not accepted', async () => {
    raw.script = (connection) => connection.write('HTTP/1.1 400 Bad Request\r\n\r\n').end();
    const { status: code, proxyStatus, line } = await ask('/plain');
    assert.deepEqual(
      [code, line.reason, proxyStatus],
      [502, 'upstream.tls_protocol', 'sluice; error=tls_protocol_error'],
    );
    assert.ok((await observed.metric('sluice_upstream_attempts_total', { upstream: 'plain', result: 'tls' })) > 0);
  });

  test('is in the event of a breaker that opens, and the status says when it is tried again', async () => {
    for (let sent = 0; sent < 3; sent++) await ask('/tripping');
    const event = await gateway.log.until((line) => line.event === 'breaker_open');
    assert.deepEqual(
      [event['upstream'], event['failed'], event['attempts'], event['last_error'], event['open_ms']],
      ['tripping', 3, 3, refused(), 60_000],
    );
    const dueInMs = Date.parse((await status()).next_probes.tripping) - Date.now();
    assert.ok(dueInMs > 0 && dueInMs <= 60_000);
  });

  test('is in the event of a target that is ejected', async () => {
    for (let sent = 0; sent < 6; sent++) await ask('/pair');
    const event = await gateway.log.until((line) => line.event === 'target_ejected');
    assert.deepEqual(
      [event['upstream'], event['failures_in_row'], event['last_error'], event['for_ms']],
      ['pair', 2, refused(), 60_000],
    );
  });

  test('is in the status of a target that is alone, and such a target is not called healthy', async () => {
    for (let sent = 0; sent < 5; sent++) await ask('/dead');
    const [target] = (await status()).upstreams.dead.targets;
    assert.equal(target.state, 'unhealthy');
    assert.equal(target.checked, false);
    assert.ok(target.failures_in_row >= 5);
    assert.equal(target.last_error, refused());
    assert.ok(Date.now() - Date.parse(target.last_error_at) < 60_000);
    assert.equal(await observed.metric('sluice_upstream_targets', { upstream: 'dead', state: 'unhealthy' }), 1);
  });

  test('counts the attempt of a client that left', async () => {
    raw.script = () => {};
    const labels = { upstream: 'raw', result: 'aborted' };
    const already = await observed.metric('sluice_upstream_attempts_total', labels);
    const client = await rawConnect(t, gateway.port);
    const id = newId();
    client.send(`GET /raw HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${id}\r\n\r\n`);
    await eventually(() => raw.connections.some(({ received }) => received.includes(id)), 'request at the origin');
    client.socket.destroy();
    await eventually(
      async () => (await observed.metric('sluice_upstream_attempts_total', labels)) === already + 1,
      'aborted attempt',
    );
  });

  test('of a 429 is the limit that said no', async () => {
    raw.script = async (connection) => {
      for (let heads = 1; await connection.heads(heads); heads++)
        connection.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    };
    const key = { 'x-api-key': KEY };
    let { line } = await ask('/paid', key);
    for (let sent = 0; sent < 5 && line.status !== 429; sent++) ({ line } = await ask('/paid', key));
    assert.deepEqual([line.status, line['limit']], [429, 'plan 1/h']);
  });
});

suite('a cut answer', () => {
  test('is a server error to the tenant whose answer it was', async (t) => {
    const raw = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello');
      setTimeout(() => connection.end(), 30);
    });
    const gateway = await startGateway(t, {
      routes: {
        version: 1,
        tenants: { acme: { keys: [KEY] } },
        upstreams: { raw: raw.url },
        routes: { a: { match: '/', to: 'raw', auth: 'key' } },
      },
    });
    const observed = new Observed(gateway);
    const response = await fetch(gateway.url, { headers: { 'x-api-key': KEY } });
    await assert.rejects(response.text());
    await eventually(async () => (await observed.metric('sluice_tenant_requests_total')) === 1, 'count');
    assert.equal(await observed.metric('sluice_tenant_requests_total', { tenant: 'acme', outcome: 'server_error' }), 1);
  });
});

suite('a reload', () => {
  test('says what it added, changed and took away, and warns of the latter', async (t) => {
    const origin = await startOrigin(t);
    const route = (match: string, more = {}): object => ({ match, to: 'origin', auth: 'none', ...more });
    const file = (routes: object): { [key: string]: unknown } => ({
      version: 1,
      upstreams: { origin: origin.url },
      routes,
    });
    const gateway = await startGateway(t, { routes: file({ kept: route('/kept'), slow: route('/slow') }) });
    const reload = async (routes: object): Promise<LogLine> => {
      const from = gateway.log.lines.length;
      await gateway.process.writeRoutes(file(routes));
      return gateway.log.until((line) => line.event === 'config_reloaded', from);
    };
    const grown = await reload({
      fresh: route('/fresh'),
      kept: route('/kept'),
      slow: route('/slow', { timeout: '1s' }),
    });
    assert.deepEqual(
      [grown['level'], grown['added'], grown['removed'], grown['changed']],
      ['info', { routes: { count: 1, names: ['fresh'] } }, {}, { routes: { count: 1, names: ['slow'] } }],
    );
    const cut = await reload({ fresh: route('/fresh') });
    assert.deepEqual(
      [cut['level'], cut['removed'], cut['changed']],
      ['warn', { routes: { count: 2, names: ['kept', 'slow'] } }, {}],
    );
  });
});

suite('a port that is taken', () => {
  for (const variable of ['PORT', 'ADMIN_PORT']) {
    test(`as ${variable} is an error of the log and on standard error, and nothing else`, async (t) => {
      const origin = await startOrigin(t);
      const server = createServer().listen(0, '127.0.0.1');
      t.after(() => server.close());
      await once(server, 'listening');
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? String(address.port) : '';
      const gateway = await spawnGateway(t, {
        routes: { version: 1, upstreams: { o: origin.url }, routes: { a: { match: '/', to: 'o', auth: 'none' } } },
        gateway: { listen: { host: '127.0.0.1' } },
        env: { [variable]: port },
      });
      assert.equal((await within(gateway.exited, 'exit')).code, 69);
      const events = gateway.log.lines.map(({ event }) => event);
      assert.deepEqual(events, ['config_loaded', 'listen_failed']);
      const failed = gateway.log.lines[1];
      assert.equal(failed?.['level'], 'error');
      assert.match(String(failed?.['setting']), new RegExp(`\\(${variable}\\)`));
      assert.equal(failed?.['address'], `127.0.0.1:${port}`);
      assert.match(String(failed?.['reason']), /EADDRINUSE/);
      assert.match(gateway.stderr, /cannot listen on .*\n {2}help: something else listens there/);
    });
  }
});

suite('the grace of a shutdown', () => {
  test('is all that a hanging upstream can take', async (t) => {
    const raw = await startRawOrigin(t, () => {});
    const gateway = await startGateway(t, {
      routes: {
        version: 1,
        upstreams: { raw: { targets: raw.url, timeout: { try: 'none' } } },
        routes: { a: { match: '/', to: 'raw', auth: 'none', timeout: 'none' } },
      },
      gateway: { shutdown: { grace: '200ms' } },
    });
    const client = await rawConnect(t, gateway.port);
    client.send('GET / HTTP/1.1\r\nHost: gw\r\n\r\n');
    await (await raw.connection(0)).heads();
    gateway.process.kill('SIGTERM');
    await gateway.log.until((line) => line.event === 'stopped');
    await within(gateway.process.exited, 'exit');
  });

  test('is all that a target can take that does not accept the connection', async (t) => {
    const hole = `http://127.0.0.1:${await startBlackHole(t)}`;
    const gateway = await startGateway(t, {
      routes: {
        version: 1,
        upstreams: { hole: { targets: hole, timeout: { connect: '10m' } } },
        routes: { a: { match: '/', to: 'hole', auth: 'none', timeout: 'none' } },
      },
      gateway: { shutdown: { grace: '200ms' } },
    });
    const observed = new Observed(gateway);
    const client = await rawConnect(t, gateway.port);
    client.send('GET / HTTP/1.1\r\nHost: gw\r\n\r\n');
    await eventually(async () => (await observed.metric('sluice_http_requests_in_flight')) === 1, 'request');
    gateway.process.kill('SIGTERM');
    await within(gateway.process.exited, 'exit');
  });
});
