// What a client can do with its socket alone: leave at the worst moment, send in crumbs, hide bytes behind an upgrade.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { type Origin, startOrigin } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { rawConnect } from '../support/raw.ts';

suite('sockets', () => {
  let origin: Origin;
  let gateway: RunningGateway;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t);
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        defaults: { auth: 'none' },
        upstreams: { origin: origin.url },
        routes: {
          open: { match: '/open/{id}', to: 'origin' },
          checked: { match: 'POST /checked', to: 'origin', body: {} },
        },
      },
    });
  });

  test('a reset after CONNECT, or in the middle of anything, does not end the process', async () => {
    const starts = [
      'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n',
      'GET /open/1 HT',
      'POST /open/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1',
      'GET /open/1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    ];
    for (const start of starts) {
      for (let i = 0; i < 20; i++) {
        const socket = connect(gateway.port, '127.0.0.1');
        await once(socket, 'connect');
        socket.write(start);
        if (i % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        socket.resetAndDestroy();
      }
    }
    assert.equal((await fetch(`${gateway.url}/open/after`)).status, 200);
  });

  test('a body in chunks of one byte arrives whole, checked or streamed', async (each) => {
    const text = JSON.stringify({ filler: 'x'.repeat(20_000) });
    const crumbs = Array.from(text, (byte) => `1\r\n${byte}\r\n`).join('');
    for (const path of ['/checked', '/open/crumbs']) {
      const client = await rawConnect(each, gateway.port);
      client.send(
        `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${crumbs}0\r\n\r\n`,
      );
      assert.equal((await client.response()).status, 200);
      assert.equal(origin.received.at(-1)?.body.toString(), text);
    }
  });

  test('nothing behind an upgrade that is refused is read as a request', async (each) => {
    const already = origin.received.length;
    const client = await rawConnect(each, gateway.port);
    client.send(
      'GET /open/1 HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n' +
        'POST /open/2 HTTP/1.1\r\nHost: a\r\nContent-Length: 42\r\n\r\n',
    );
    client.send('GET /open/smuggled HTTP/1.1\r\nHost: smuggl\r\n\r\n');
    const answer = await client.response();
    assert.equal(answer.status, 200);
    assert.equal(answer.header('connection'), 'close');
    await client.ended;
    assert.deepEqual(
      origin.received.slice(already).map(({ url }) => url),
      ['/open/1'],
    );
  });

  for (const [name, rest, code] of [
    ['that its client breaks off', '', 'request.malformed'],
    ['with a broken chunk', 'zz\r\n', 'request.framing'],
  ] as const) {
    test(`a body ${name} before its turn is not waited for: its request is not begun`, async (each) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      origin.answer(async (_, response) => {
        await promise;
        response.end();
      });
      const already = origin.started;
      const client = await rawConnect(each, gateway.port);
      client.send(
        'GET /open/1 HTTP/1.1\r\nHost: a\r\n\r\n' +
          `POST /open/2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n${rest}`,
      );
      if (rest === '') {
        client.halfClose();
        // The gateway has seen the end of its half, and asks whether it has left.
        assert.equal((await client.response({ interim: true })).status, 102);
      }
      resolve();
      assert.equal((await client.response()).status, 200);
      assertProblem(await client.response(), 400, code);
      await client.ended;
      assert.equal(origin.started, already + 1);
    });
  }
});
