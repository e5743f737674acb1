// As many connections as there may be: who keeps its place, who makes room, and who is refused. And what one costs that waits.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { CleanUp } from '../support/clean-up.ts';
import { embedGateway } from '../support/embedded-gateway.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { answerOk, startOrigin } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { type RawClient, rawConnect } from '../support/raw.ts';
import { eventually } from '../support/wait.ts';
import { openSocket, startSocketOrigin } from '../support/websocket.ts';

const GET = 'GET / HTTP/1.1\r\nHost: gw\r\n\r\n';

const routesTo = (url: string, route: Readonly<Record<string, unknown>> = {}) => ({
  version: 1,
  upstreams: { origin: url },
  routes: { all: { match: '/**', to: 'origin', auth: 'none', ...route } },
});

const start = (t: CleanUp, url: string, connections: number): Promise<RunningGateway> =>
  startGateway(t, { routes: routesTo(url, { websocket: true }), gateway: { limits: { connections } } });

const statusOn = async (client: RawClient): Promise<number> => (await client.send(GET).response()).status;

test('while all are in use one more is refused, the admin port answers, and there is room again afterwards', async (t) => {
  const released = Promise.withResolvers<void>();
  const origin = await startOrigin(t, async (...request) => {
    await released.promise;
    await answerOk(...request);
  });
  const gateway = await start(t, origin.url, 10);
  const clients = await Promise.all(Array.from({ length: 10 }, () => rawConnect(t, gateway.port)));
  for (const client of clients) client.send(GET);
  await eventually(() => origin.started === 10, 'all ten at the origin');

  const beyond = await rawConnect(t, gateway.port);
  const refused = await beyond.send(GET).response();
  assertProblem(refused, 503, 'gateway.connections');
  assert.equal(refused.header('connection'), 'close');
  assert.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200);

  released.resolve();
  for (const client of clients) assert.equal((await client.response()).status, 200);
  assert.equal(await statusOn(await rawConnect(t, gateway.port)), 200);
  await new Observed(gateway).atRest();
});

test('one more closes the one that is idle for longest, and no other', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await start(t, origin.url, 3);
  const [first, second, third] = [
    await rawConnect(t, gateway.port),
    await rawConnect(t, gateway.port),
    await rawConnect(t, gateway.port),
  ];
  for (const client of [first, second, third, first]) assert.equal(await statusOn(client), 200);

  const fourth = await rawConnect(t, gateway.port);
  assert.equal(await statusOn(fourth), 200);
  assert.equal((await second.rest()).ending, 'fin');
  for (const client of [third, first, fourth]) assert.equal(await statusOn(client), 200, 'they go on');

  for (let i = 0; i < 10; i++) assert.equal(await statusOn(await rawConnect(t, gateway.port)), 200);
  for (const client of [first, third, fourth]) assert.equal((await client.rest()).ending, 'fin');
});

test('one that has said nothing yet makes room, too', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await start(t, origin.url, 1);
  const silent = await rawConnect(t, gateway.port);
  assert.equal(await statusOn(await rawConnect(t, gateway.port)), 200);
  assert.equal((await silent.rest()).bytes.length, 0);
});

test('a WebSocket has a place like any other, and keeps it', async (t) => {
  const origin = await startSocketOrigin(t);
  const gateway = await start(t, origin.url, 2);
  const sockets = [await openSocket(t, gateway.url), await openSocket(t, gateway.url)];
  assertProblem(await (await rawConnect(t, gateway.port)).send(GET).response(), 503, 'gateway.connections');
  await assert.rejects(openSocket(t, gateway.url), /503/);
  for (const { socket } of sockets) {
    socket.ping();
    await once(socket, 'pong');
  }
});

test('what another handler of the same server is about is not taken for idle', async (t) => {
  const origin = await startOrigin(t);
  const released = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const { url } = await embedGateway(
    t,
    routesTo(origin.url),
    ({ app }) =>
      (req, res) => {
        if (req.url !== '/own') return app(req, res);
        entered.resolve();
        void released.promise.then(() => res.end('own'));
      },
    { limits: { connections: 1 } },
  );
  const port = Number(new URL(url).port);
  const client = await rawConnect(t, port);
  assert.equal(await statusOn(client), 200);
  client.send('GET /own HTTP/1.1\r\nHost: gw\r\n\r\n');
  await entered.promise;
  assertProblem(await (await rawConnect(t, port)).send(GET).response(), 503, 'gateway.connections');
  released.resolve();
  assert.equal((await client.response()).body.toString(), 'own');
});

test('one that waits for its next request keeps nothing of the last', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const origin = await startOrigin(t);
  const requests: WeakRef<object>[] = [];
  const { url } = await embedGateway(t, routesTo(origin.url), ({ app }) => (req, res) => {
    requests.push(new WeakRef(req), new WeakRef(res));
    return app(req, res);
  });
  const client = await rawConnect(t, Number(new URL(url).port));
  assert.equal(await statusOn(client), 200);
  await eventually(() => {
    collect();
    return requests.length === 2 && requests.every((each) => each.deref() === undefined);
  }, 'request and response to be collected');
  assert.equal(await statusOn(client), 200, 'on the same connection');
  assert.equal(requests.length, 4);
});
