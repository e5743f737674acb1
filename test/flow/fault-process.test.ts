// The gateway's own process under fault: started with a broken file, asked to stop, out of file descriptors, flooded, its clock
// moved.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { temporaryDirectory } from '../support/files.ts';
import { type GatewayOptions, type RunningGateway, spawnGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { answerOk, type Origin, startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { assertProblem } from '../support/problems.ts';
import { rawConnect } from '../support/raw.ts';
import { eventually, within } from '../support/wait.ts';

/** For what takes seconds even where nothing else runs. */
const PATIENCE_MS = 60_000;
const PRELOAD = join(import.meta.dirname, '../support/preload');
const preload = (file: string): { NODE_OPTIONS: string } => ({ NODE_OPTIONS: `--import=${join(PRELOAD, file)}` });

function routesTo(url: string, route: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    version: 1,
    upstreams: { origin: { targets: url, connections: 256 } },
    routes: { all: { match: '/**', to: 'origin', auth: 'none', ...route } },
  };
}

interface Stage {
  readonly origin: Origin;
  readonly gateway: RunningGateway;
  /** Lets what the origin holds back be answered. */
  readonly release: () => void;
}

/** A gateway before an origin that answers nothing before it is told to. */
async function hold(t: Parameters<typeof startOrigin>[0], options: Partial<GatewayOptions> = {}): Promise<Stage> {
  const released = Promise.withResolvers<void>();
  const origin = await startOrigin(t, async (received, response, index) => {
    await released.promise;
    await answerOk(received, response, index);
  });
  const gateway = await startGateway(t, { routes: routesTo(origin.url), ...options });
  return { origin, gateway, release: () => released.resolve() };
}

const statusOf = async (url: string): Promise<number> => {
  const response = await fetch(url, { headers: { connection: 'close' } });
  await response.arrayBuffer();
  return response.status;
};

test('a file with an error keeps it from starting: exit 78, the finding on standard error', async (t) => {
  const gateway = await spawnGateway(t, { routes: 'version: 1\nrouts: {}\n' });
  assert.deepEqual(await gateway.exited, { code: 78, signal: null });
  assert.match(gateway.stderr, /routes\.yaml:2:1 error unknown-key: .*routs[\s\S]*did you mean "routes"\?/);
});

test('with --json its findings are JSON', async (t) => {
  const directory = await temporaryDirectory(t, { 'routes.yaml': 'version: 1\nrouts: {}\n' });
  const main = join(import.meta.dirname, '../../src/main.ts');
  const { status, stderr } = spawnSync(process.execPath, [main, 'serve', '--json'], {
    cwd: directory,
    encoding: 'utf8',
  });
  assert.equal(status, 78);
  const { findings }: { findings: { code: string }[] } = JSON.parse(stderr);
  assert.ok(
    findings.some(({ code }) => code === 'unknown-key'),
    stderr,
  );
});

test('SIGTERM with 200 requests in flight: none fails, and the process exits 0', async (t) => {
  const { origin, gateway, release } = await hold(t, { gateway: { shutdown: { delay: '5s' } } });
  const answers = Array.from({ length: 200 }, async () => {
    const response = await fetch(gateway.url);
    return [response.status, response.headers.get('connection'), await response.text()];
  });
  await eventually(() => origin.started === 200, 'all 200 at the origin');
  gateway.process.kill('SIGTERM');
  await gateway.log.until((line) => line.event === 'draining');

  // While load balancers find out, the port still answers; the probes say that it should not be asked.
  assert.equal(await statusOf(`${gateway.adminUrl}/livez`), 200);
  assert.equal(await statusOf(`${gateway.adminUrl}/readyz`), 503);
  assert.equal(await statusOf(`${gateway.url}/_sluice/health`), 503);
  const late = fetch(gateway.url);
  await eventually(() => origin.started === 201, 'a late request at the origin');

  release();
  assert.equal((await late).status, 200);
  for (const answer of await Promise.all(answers)) assert.deepEqual(answer, [200, 'close', '{"ok":true}']);
  assert.deepEqual(await within(gateway.process.exited, 'exit'), { code: 0, signal: null });
  assert.equal(gateway.log.access.filter((line) => line.status === 200).length, 201);
  assert.equal(await closedPort().then(() => gateway.process.stderr), '');
});

test('what outlasts the grace is told so, or cut where its answer has begun, and the process still exits 0', async (t) => {
  const origin = await startOrigin(t, ({ url }, response) => {
    if (url === '/begun') response.writeHead(200, { 'content-length': 9 }).write('begun');
  });
  const gateway = await startGateway(t, {
    routes: routesTo(origin.url),
    gateway: { shutdown: { grace: '200ms' } },
  });
  const [waiting, begun] = await Promise.all([rawConnect(t, gateway.port), rawConnect(t, gateway.port)]);
  waiting.send('GET /silent HTTP/1.1\r\nHost: gw\r\n\r\n');
  begun.send('GET /begun HTTP/1.1\r\nHost: gw\r\n\r\n');
  await eventually(() => origin.started === 2 && begun.unread.includes('begun'), 'both requests under way');
  gateway.process.kill('SIGTERM');

  const response = await waiting.response();
  assertProblem(response, 503, 'gateway.draining');
  assert.equal(response.header('connection'), 'close');
  assert.match((await begun.rest()).bytes.toString(), /\r\n\r\nbegun$/);
  assert.deepEqual(await within(gateway.process.exited, 'exit'), { code: 0, signal: null });
  const ends = gateway.log.access.map(({ path, status, reason }) => [path, status, reason]);
  assert.deepEqual(
    ends.toSorted(([one], [other]) => String(one).localeCompare(String(other))),
    [
      ['/begun', 200, 'drain_timeout'],
      ['/silent', 503, 'gateway.draining'],
    ],
  );
});

test('what middleware answers while the gateway drains closes its connection, too', async (t) => {
  const released = Promise.withResolvers<void>();
  const origin = await startOrigin(t, async (...request) => {
    await released.promise;
    await answerOk(...request);
  });
  const gateway = await startGateway(t, {
    files: {
      'slow.mjs': `export default async (_req, res) => {
        await (await fetch('${origin.url}')).text();
        res.end('by middleware');
      };`,
    },
    routes: routesTo(origin.url, { use: './slow.mjs' }),
  });
  const early = await rawConnect(t, gateway.port);
  early.send('GET /early HTTP/1.1\r\nHost: gw\r\n\r\nGET /behind HTTP/1.1\r\nHost: gw\r\n\r\n');
  await eventually(() => origin.started === 1, 'middleware at the origin');
  gateway.process.kill('SIGTERM');
  await gateway.log.until((line) => line.event === 'draining');
  released.resolve();
  const response = await early.response();
  assert.deepEqual([response.body.toString(), response.header('connection')], ['by middleware', 'close']);
  assert.equal((await early.rest()).bytes.length, 0);
  assert.deepEqual(await within(gateway.process.exited, 'exit'), { code: 0, signal: null });
  assert.deepEqual(
    gateway.log.access.map(({ path }) => path),
    ['/early'],
  );
});

test('a second SIGTERM ends the process at once', async (t) => {
  const { origin, gateway } = await hold(t);
  const client = await rawConnect(t, gateway.port);
  client.send('GET / HTTP/1.1\r\nHost: gw\r\n\r\n');
  await eventually(() => origin.started === 1, 'request at the origin');
  gateway.process.kill('SIGTERM');
  await gateway.log.until((line) => line.event === 'draining');
  gateway.process.kill('SIGTERM');
  assert.deepEqual(await within(gateway.process.exited, 'exit'), { code: 143, signal: null });
});

test('300 sockets that drip their headers are told so and closed, while others are served', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, {
    routes: routesTo(origin.url),
    gateway: { limits: { header_timeout: '3s' } },
  });
  const connect = async () => (await rawConnect(t, gateway.port)).send('GET / HTTP/1.1\r\nHost: gw\r\n');
  const slow = await Promise.all(Array.from({ length: 300 }, connect));
  const timer = setInterval(() => {
    for (const { socket } of slow) if (socket.writable) socket.write('X: y\r\n');
  }, 100);
  assert.equal(await statusOf(gateway.url), 200);
  const endings = await Promise.all(slow.map((client) => client.response()));
  clearInterval(timer);
  assert.deepEqual([...new Set(endings.map(({ status }) => status))], [408]);
  await new Observed(gateway).atRest();
  assert.equal(gateway.log.access.filter((line) => line.reason === 'request.header_timeout').length, 300);
});

test('out of file descriptors: refusals with a reason, live probes, and service again afterwards', async (t) => {
  // Its connections are silent until all of them are there.
  const { origin, gateway, release } = await hold(t, { gateway: { limits: { header_timeout: '10m' } } });
  const limit = (count: number): Promise<unknown> =>
    promisify(execFile)('prlimit', ['--pid', String(gateway.process.pid), `--nofile=${count}:`]);
  const folder = `/proc/${gateway.process.pid}/fd`;
  /** Sockets alone: a file that the gateway looks at comes and goes. */
  const sockets = async (): Promise<number> => {
    const targets = await Promise.all((await readdir(folder)).map((fd) => readlink(join(folder, fd)).catch(() => '')));
    return targets.filter((target) => target.startsWith('socket:')).length;
  };
  const before = await sockets();
  const clients = await Promise.all(Array.from({ length: 20 }, () => rawConnect(t, gateway.port)));
  const probe = await rawConnect(t, gateway.adminPort);
  await eventually(async () => (await sockets()) === before + 21, 'all connections accepted');
  // Of those twenty, about five can be passed on: a file that the gateway looks at meanwhile takes a descriptor too.
  await limit((await readdir(folder)).length + 5);
  for (const client of clients) client.send('POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 2\r\n\r\nhi');
  await eventually(() => origin.started + gateway.log.access.length === 20, 'each passed on or refused');
  const refused = gateway.log.access.length;
  assert.ok(refused > 0 && refused < 20, `${refused} of 20 were refused`);
  assert.deepEqual([...new Set(gateway.log.access.map(({ reason }) => reason))], ['gateway.descriptors']);
  await eventually(() => clients.filter(({ unread }) => unread.length > 0).length === refused, 'refusals');
  const answered = clients.filter(({ unread }) => unread.length > 0);
  for (const status of await Promise.all(answered.map(async (client) => (await client.response()).status))) {
    assert.equal(status, 503);
  }
  // That is nobody's fault but ours.
  const events = gateway.log.lines.filter((line) => /^(?:target|breaker)_/.test(line.event ?? ''));
  assert.deepEqual(events, []);
  probe.send('GET /livez HTTP/1.1\r\nHost: gw\r\n\r\n');
  assert.equal((await probe.response()).status, 200);
  release();
  await limit(1_024);
  await eventually(async () => (await statusOf(gateway.url)) === 200, 'service');
});

test('the wall clock jumps an hour: nothing is refilled, nothing times out, the breaker waits as before', async (t) => {
  const { origin, gateway, release } = await hold(t, { env: preload('jumping-clock.ts') });
  const refusing = `http://127.0.0.1:${await closedPort()}`;
  const reloaded = gateway.log.until((line) => line.event === 'config_reloaded');
  await gateway.process.writeRoutes({
    version: 1,
    defaults: { auth: 'none', retry: 0 },
    upstreams: { origin: origin.url, refusing: { targets: refusing, breaker: { min: 1, open: '10m' } } },
    routes: {
      limited: { match: '/limited', to: 'origin', limit: '2/h' },
      broken: { match: '/broken', to: 'refusing' },
      plain: { match: '/plain', to: 'origin' },
    },
  });
  await reloaded;
  const held = fetch(`${gateway.url}/plain`);
  const limited = [fetch(`${gateway.url}/limited`), fetch(`${gateway.url}/limited`)];
  assert.equal(await statusOf(`${gateway.url}/broken`), 502);
  assert.equal(await statusOf(`${gateway.url}/broken`), 503);
  await eventually(() => origin.started === 3, 'requests at the origin');
  gateway.process.kill('SIGUSR2');
  const earlier = gateway.log.access.length;
  await eventually(async () => {
    await statusOf(`${gateway.url}/nowhere`);
    const times = gateway.log.access.slice(earlier).map((line) => Date.parse(String(line['time'])));
    return times.some((time) => time - Date.now() > 3_000_000);
  }, 'the jump in the log');

  assert.equal(await statusOf(`${gateway.url}/limited`), 429);
  assert.equal(await statusOf(`${gateway.url}/broken`), 503);
  release();
  assert.equal((await held).status, 200);
  assert.deepEqual(
    (await Promise.all(limited)).map(({ status }) => status),
    [200, 200],
  );
});

test('the name server goes away, then crawls: the last good address is used, and nothing waits for another', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      upstreams: { origin: { targets: `http://orders.test:${origin.port}`, timeout: { connect: '10m' } } },
      routes: { all: { match: '/**', to: 'origin', auth: 'none', timeout: 'none' } },
    },
    env: preload('failing-dns.ts'),
  });
  assert.equal(await statusOf(gateway.url), 200);
  for (const fault of ['gone', 'crawling']) {
    gateway.process.kill('SIGUSR2');
    // An answer is believed for 5 s; then it is asked for anew, and each new connection needs it.
    await new Promise((resolve) => setTimeout(resolve, 5_500));
    origin.answer((_request, response) => void response.writeHead(200, { connection: 'close' }).end());
    for (let i = 0; i < 3; i++) assert.equal(await statusOf(gateway.url), 200, fault);
  }
  assert.ok(gateway.log.lines.some((line) => line.event === 'dns_stale'));
});

test('a heap close to its limit: new requests are shed, probes and metrics answer, and it passes', async (t) => {
  const { origin, gateway, release } = await hold(t, {
    env: { NODE_OPTIONS: `--max-old-space-size=256 ${preload('heap-hog.ts').NODE_OPTIONS}` },
  });
  const early = fetch(gateway.url);
  await eventually(() => origin.started === 1, 'request at the origin');
  gateway.process.kill('SIGUSR2');
  await gateway.log.until((line) => line.event === 'overload' && line['shedding'] === true);
  const shed = await fetch(gateway.url);
  assert.deepEqual([shed.status, shed.headers.get('retry-after'), shed.headers.get('connection')], [503, '1', 'close']);
  assert.match(await shed.text(), /"code":"gateway.overloaded"/);
  assert.equal(await statusOf(`${gateway.adminUrl}/readyz`), 200);
  assert.equal(await statusOf(`${gateway.adminUrl}/metrics`), 200);
  release();
  assert.equal((await early).status, 200);
  gateway.process.kill('SIGUSR2');
  await gateway.log.until((line) => line.event === 'overload' && line['shedding'] === false);
  assert.equal(await statusOf(gateway.url), 200);
});

test('turns of the event loop that take too long: new requests are shed, probes and metrics answer, and it passes', async (t) => {
  const { origin, gateway, release } = await hold(t, { env: preload('blocking-loop.ts') });
  const early = fetch(gateway.url);
  await eventually(() => origin.started === 1, 'request at the origin');
  gateway.process.kill('SIGUSR2');
  const overload = await gateway.log.until((line) => line.event === 'overload', 0, PATIENCE_MS);
  assert.deepEqual([overload['shedding'], overload['short_of']], [true, 'time']);
  const shed = await fetch(gateway.url);
  assert.deepEqual([shed.status, shed.headers.get('retry-after'), shed.headers.get('connection')], [503, '1', 'close']);
  assert.equal(JSON.parse(await shed.text()).code, 'gateway.overloaded');
  for (const path of ['/livez', '/readyz', '/metrics']) assert.equal(await statusOf(gateway.adminUrl + path), 200);
  gateway.process.kill('SIGUSR2');
  await gateway.log.until((line) => line.event === 'overload' && line['shedding'] === false, 0, PATIENCE_MS);
  release();
  assert.equal((await early).status, 200);
  assert.equal(await statusOf(gateway.url), 200);
});
