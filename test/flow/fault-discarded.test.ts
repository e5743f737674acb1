// The body of an answer that nobody gets, because another attempt follows: read to its end when that is short, else not waited for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CleanUp } from '../support/clean-up.ts';
import { startGateway } from '../support/gateway.ts';
import { type Script, startRawOrigin } from '../support/raw-origin.ts';
import { within } from '../support/wait.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** An upstream whose first answer is this, and every other one good. */
async function startFailingOnce(t: CleanUp, first: Script) {
  let asked = 0;
  const origin = await startRawOrigin(t, async (connection) => {
    for (let heads = 1; await connection.heads(heads); heads++) {
      asked += 1;
      if (asked === 1) await first(connection);
      else connection.write(OK);
    }
  });
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none', retry: { max: 1, backoff: '200ms..200ms' } },
      upstreams: { once: { targets: origin.url, connections: 1 } },
      routes: { all: { match: '/**', to: 'once' } },
    },
  });
  return { origin, url: gateway.url };
}

test('a short one leaves the connection to the next attempt', async (t) => {
  const { origin, url } = await startFailingOnce(t, (connection) => {
    connection.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy');
  });
  const answer = await fetch(url);
  assert.deepEqual([answer.status, await answer.text()], [200, 'ok']);
  assert.equal(origin.connections.length, 1);
});

for (const [what, rest] of [
  ['a long one', 'x'.repeat(1_000_000)],
  ['one that never comes', ''],
] as const) {
  test(`${what} holds up nobody: its connection is closed, and the only place for one is free again`, async (t) => {
    const { origin, url } = await startFailingOnce(t, (connection) => {
      connection.write(`HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100000000\r\n\r\n${rest}`);
    });
    const answer = await fetch(url);
    assert.deepEqual([answer.status, await answer.text()], [200, 'ok']);
    await within((await origin.connection(0)).closed, 'end of the first connection');
  });
}
