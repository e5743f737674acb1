// Uploads that never fall silent and never get anywhere: what they cost others, and who gets the blame.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { rawConnect } from '../support/raw.ts';
import { type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';
import { eventually } from '../support/wait.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const CONNECTIONS = 2;

suite('an upload that drips', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: RawOrigin;
  const t = suiteCleanUp(after);

  before(async () => {
    // Answers a GET, and an upload never.
    origin = await startRawOrigin(t, async (connection) => {
      for (let heads = 1; await connection.heads(heads); heads++) {
        if (connection.received.includes('GET')) connection.write(OK);
      }
    });
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        defaults: { auth: 'none', retry: 0, timeout: { answer: '20s', idle: '500ms' } },
        // One attempt that counted as failed would open it.
        upstreams: { small: { targets: origin.url, connections: CONNECTIONS, breaker: { min: 1, failures: '1%' } } },
        routes: {
          upload: { match: 'POST /upload', to: 'small' },
          checked: { match: 'POST /checked', to: 'small', body: { type: 'object' } },
          quick: { match: 'GET /quick', to: 'small' },
        },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  /** Starts an upload of a byte every 20 ms: never silent for `idle`, and far behind 500 bytes a second. */
  async function drip(path: string) {
    const id = newId();
    const client = await rawConnect(t, gateway.port);
    const headers = 'Content-Type: application/json\r\nTransfer-Encoding: chunked';
    client.send(`POST ${path} HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${id}\r\n${headers}\r\n\r\n1\r\n{\r\n`);
    const timer = setInterval(() => client.send('1\r\n \r\n'), 20);
    t.after(() => clearInterval(timer));
    return { id, client, stop: () => clearInterval(timer) };
  }

  for (const path of ['/upload', '/checked']) {
    test(`to ${path} is a 408, and no failure of the upstream`, async () => {
      const { id, client, stop } = await drip(path);
      const response = await client.response();
      stop();
      assert.deepEqual([response.status, response.header('connection')], [408, 'close']);
      assert.equal((await observed.line(id)).reason, 'request.body_stalled');
      assert.equal(await observed.metric('sluice_breaker_transitions_total', { upstream: 'small' }), 0);
      client.socket.destroy();
    });
  }

  test('gives the connection back: others wait for their turn, and get it', async () => {
    const already = origin.connections.length;
    const drips = await Promise.all(Array.from({ length: CONNECTIONS }, () => drip('/upload')));
    await eventually(() => origin.connections.length === already + CONNECTIONS, 'all connections to be taken');
    assert.equal((await fetch(`${gateway.url}/quick`)).status, 200);
    for (const { client, stop } of drips) {
      stop();
      client.socket.destroy();
    }
  });
});
