// Clients that leave, stall, end their half or read slowly, and uploads that nobody takes: on the wire and in the log.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { closedPort } from '../support/ports.ts';
import { type RawClient, rawConnect } from '../support/raw.ts';
import { type RawConnection, type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';
import { eventually, within } from '../support/wait.ts';

// Each request on a connection of its own, where the script of its own test runs.
const HEAD = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n';
const OK = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok';
const PAYLOAD = Buffer.alloc(1_000_000, 'x');
/** Nothing but its client ends such a call. */
const UNTIMED = { timeout: 'none' };
const KEPT = { max: 1, when: 503, backoff: '200ms..200ms', replay: '10KiB' };
const TIMEOUTS = { upstream: 'plain', result: 'timeout' };

/** Ways for a client to leave; an orderly one is told from a half-close by what comes back. */
const WAYS: Readonly<Record<string, (client: RawClient) => void>> = {
  'closes its socket': (client) => void client.socket.destroy(),
  'resets its connection': (client) => client.reset(),
};

suite('clients', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: RawOrigin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startRawOrigin(t);
    const refusing = `http://127.0.0.1:${await closedPort()}`;
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        defaults: { auth: 'none', retry: 0, timeout: { answer: '1s', idle: '400ms' }, body_max: 'none' },
        upstreams: {
          // One attempt that counted as failed would open it.
          strict: { targets: origin.url, breaker: { min: 1, failures: '1%' }, timeout: { try: 'none' } },
          plain: { targets: origin.url, breaker: 'none', timeout: { try: 'none' } },
          brisk: { targets: origin.url, breaker: 'none', timeout: { try: '1500ms' } },
          refusing,
        },
        routes: {
          strict: { match: '/strict', to: 'strict', ...UNTIMED },
          plain: { match: '/plain', to: 'plain', ...UNTIMED },
          idle: { match: '/idle', to: 'plain', timeout: { answer: '60s', idle: '400ms' } },
          'slow-reader': { match: '/slow-reader', to: 'plain', timeout: { answer: '60s', idle: '2s' } },
          brisk: { match: '/brisk', to: 'brisk', timeout: { answer: '1500ms', idle: '60s' } },
          patient: { match: '/patient', to: 'brisk', timeout: { answer: '60s', idle: '60s' } },
          kept: { match: '/kept', to: 'plain', ...UNTIMED, retry: KEPT },
          total: { match: '/total', to: 'plain', timeout: { answer: '60s', idle: '60s', total: '300ms' }, retry: 1 },
          limited: { match: '/limited', to: 'plain', ...UNTIMED, body_max: '1KiB' },
          refusing: { match: '/refusing', to: 'refusing', ...UNTIMED },
          checked: { match: '/checked', to: 'plain', ...UNTIMED, body: { type: 'object' } },
          'checked-idle': { match: '/checked-idle', to: 'plain', timeout: { idle: '400ms' }, body: { type: 'object' } },
        },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  /** Sends a request head, and what is given of its body. */
  async function send(path: string, headers = '', body: string | Uint8Array = '') {
    const id = newId();
    const method = headers === '' ? 'GET' : 'POST';
    const client = await rawConnect(t, gateway.port);
    client.send(`${method} ${path} HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${id}\r\n${headers}\r\n`);
    if (body.length > 0) client.send(body);
    return { id, client };
  }

  /** The next connection the origin gets, once it has a request's head. */
  async function arrived(): Promise<RawConnection> {
    const connection = await origin.next();
    await connection.heads();
    return connection;
  }

  async function leaves(connection: RawConnection): Promise<void> {
    await within(connection.closed, 'end of the upstream request');
  }

  async function assertGone(id: string): Promise<void> {
    const line = await observed.line(id);
    assert.deepEqual([line.status, line.reason], [499, 'client_gone']);
    assert.equal(await observed.metric('sluice_breaker_transitions_total', { upstream: 'strict' }), 0);
  }

  for (const [way, leave] of Object.entries(WAYS)) {
    test(`one that ${way} while it waits for an answer`, async () => {
      origin.script = () => {};
      const waiting = arrived();
      const { id, client } = await send('/strict');
      const connection = await waiting;
      leave(client);
      await leaves(connection);
      await assertGone(id);
    });

    test(`one that ${way} while the answer flows`, async () => {
      origin.script = async (connection) => {
        await connection.heads();
        connection.write(HEAD);
        const timer = setInterval(() => connection.write('x'.repeat(100)), 5);
        await connection.closed;
        clearInterval(timer);
      };
      const waiting = arrived();
      const { id, client } = await send('/strict');
      const connection = await waiting;
      await eventually(() => client.unread.length > 500, 'part of the body');
      leave(client);
      await leaves(connection);
      await assertGone(id);
    });

    test(`one that ${way} while the answer is silent`, async () => {
      origin.script = async (connection) => {
        await connection.heads();
        connection.write(`${HEAD}first`);
      };
      const waiting = arrived();
      const { id, client } = await send('/strict');
      const connection = await waiting;
      await eventually(() => client.unread.includes('first'), 'part of the body');
      leave(client);
      await leaves(connection);
      await assertGone(id);
    });

    test(`one that ${way} in the middle of its upload`, async () => {
      origin.script = () => {};
      const waiting = arrived();
      const { id, client } = await send('/strict', 'Content-Length: 1000000\r\n', PAYLOAD.subarray(0, 100_000));
      const connection = await waiting;
      leave(client);
      await leaves(connection);
      await assertGone(id);
    });

    test(`one that ${way} in the middle of a body that is collected`, async () => {
      const { id, client } = await send('/checked', 'Content-Type: application/json\r\nContent-Length: 100\r\n', '{');
      await eventually(async () => (await observed.metric('sluice_http_requests_in_flight')) === 1, 'request');
      leave(client);
      await assertGone(id);
    });
  }

  test('one that ends its half with the request gets the whole answer', async () => {
    origin.script = async (connection) => {
      await connection.heads();
      await new Promise((resolve) => setTimeout(resolve, 150));
      connection.write(HEAD).write(PAYLOAD);
    };
    const { id, client } = await send('/plain');
    client.halfClose();
    const response = await client.response();
    assert.deepEqual([response.status, response.body.length], [200, PAYLOAD.length]);
    assert.equal((await client.rest()).ending, 'fin');
    assert.deepEqual([(await observed.line(id)).status, (await observed.line(id)).reason], [200, undefined]);
  });

  test('one that ends its half while the answer flows gets the rest', async () => {
    origin.script = async (connection) => {
      await connection.heads();
      connection.write(HEAD);
      for (let at = 0; at < PAYLOAD.length; at += 50_000) {
        connection.write(PAYLOAD.subarray(at, at + 50_000));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    const { id, client } = await send('/plain');
    await eventually(() => client.unread.length > 0, 'part of the answer');
    client.halfClose();
    assert.equal((await client.response()).body.length, PAYLOAD.length);
    assert.equal((await observed.line(id)).reason, undefined);
  });

  test('one that reads slowly gets everything, for longer than the idle timeout', async () => {
    const slow = 40_000_000;
    origin.script = async (connection) => {
      await connection.heads();
      connection.write(HEAD.replace('1000000', String(slow))).write(Buffer.alloc(slow));
    };
    const { id, client } = await send('/slow-reader');
    let bytes = 0;
    client.socket.removeAllListeners('data');
    client.socket.pause();
    const timer = setInterval(() => {
      bytes += client.socket.read()?.length ?? 0;
    }, 6);
    const line = await observed.line(id);
    await eventually(() => bytes > slow, 'the whole body');
    clearInterval(timer);
    assert.deepEqual([line.status, line.reason, line['bytes']], [200, undefined, slow]);
    assert.ok(Number(line['duration_ms']) > 2_000);
    client.socket.destroy();
  });

  test('one that never reads is cut off at the idle timeout, and so is its upstream', async () => {
    origin.script = async (connection) => {
      await connection.heads();
      connection.write(HEAD.replace('1000000', '40000000')).write(Buffer.alloc(40_000_000));
    };
    const waiting = arrived();
    const { id, client } = await send('/idle');
    client.socket.pause();
    await within((await waiting).closed, 'end of the upstream request');
    const line = await observed.line(id);
    assert.deepEqual([line.reason, line['error']], ['upstream.idle_timeout', 'the client took no byte for 400 ms']);
    client.socket.destroy();
  });

  test('an early refusal reaches a client that still sends, and both connections close', async () => {
    origin.script = async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch');
    };
    const waiting = arrived();
    const { id, client } = await send('/plain', 'Content-Length: 100000000\r\n', PAYLOAD);
    const timer = setInterval(() => client.send(PAYLOAD.subarray(0, 10_000)), 2);
    const response = await client.response();
    assert.deepEqual(
      [response.status, response.body.toString(), response.header('connection')],
      [413, 'much', 'close'],
    );
    await leaves(await waiting);
    await client.rest();
    clearInterval(timer);
    const line = await observed.line(id);
    assert.deepEqual([line.status, line['source'], line.reason], [413, 'upstream', undefined]);
  });

  test('a body too large for the route is refused unread when it says so, and when it turns out', async () => {
    const connections = origin.connections.length;
    const said = await send('/limited', 'Content-Length: 2000\r\n');
    assert.equal((await said.client.response()).status, 413);
    assert.equal((await observed.line(said.id)).reason, 'request.body_too_large');
    assert.equal(origin.connections.length, connections);

    origin.script = () => {};
    const waiting = arrived();
    const found = await send('/limited', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n');
    const connection = await waiting;
    found.client.send(`800\r\n${'x'.repeat(0x800)}\r\n`);
    assert.equal((await found.client.response()).status, 413);
    assert.equal((await observed.line(found.id)).reason, 'request.body_too_large');
    await leaves(connection);
  });

  for (const path of ['/idle', '/checked-idle']) {
    test(`an upload to ${path} that stalls is a 408 at the idle timeout, and no failure of the upstream`, async () => {
      origin.script = () => {};
      const headers = 'Content-Type: application/json\r\nContent-Length: 900000\r\n';
      const timeouts = await observed.metric('sluice_upstream_attempts_total', TIMEOUTS);
      const { id, client } = await send(path, headers, '{"part":');
      const response = await client.response();
      assert.deepEqual([response.status, response.header('connection')], [408, 'close']);
      const line = await observed.line(id);
      assert.deepEqual([line.status, line.reason], [408, 'request.body_stalled']);
      assert.ok(Number(line['duration_ms']) >= 399);
      assert.equal(await observed.metric('sluice_upstream_attempts_total', TIMEOUTS), timeouts);
    });
  }

  test('a body that is collected and drips is a 408 at the total timeout', async () => {
    const { id, client } = await send('/total', 'Content-Length: 100\r\n', 'a');
    const timer = setInterval(() => client.send('b'), 20);
    assert.equal((await client.response()).status, 408);
    clearInterval(timer);
    assert.equal((await observed.line(id)).reason, 'request.body_stalled');
    client.socket.destroy();
  });

  test('an upload that takes longer than `answer` and `try` together is fine while it moves', async () => {
    origin.script = async (connection) => {
      await eventually(() => connection.received.includes('0\r\n\r\n'), 'whole request');
      connection.write(OK);
    };
    const { id, client } = await send('/brisk', 'Transfer-Encoding: chunked\r\n');
    for (let i = 0; i < 32; i++) {
      client.send(`200\r\n${'x'.repeat(0x200)}\r\n`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    client.send('0\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    assert.ok(Number((await observed.line(id))['duration_ms']) > 3_000);
    client.socket.destroy();
  });

  test('`try` counts from the end of the upload', async () => {
    origin.script = () => {};
    const waiting = arrived();
    const { id, client } = await send('/patient', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n');
    await waiting;
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.send('0\r\n\r\n');
    assert.equal((await client.response()).status, 504);
    const line = await observed.line(id);
    assert.equal(line.reason, 'upstream.timeout');
    assert.ok(Number(line['duration_ms']) >= 1_790, '300 ms of upload and 1,500 ms of try');
    client.socket.destroy();
  });

  test('`timeout: none` waits for as long as it takes, on both sides', async () => {
    origin.script = async (connection) => {
      await eventually(() => connection.received.includes('0\r\n\r\n'), 'whole request');
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      connection.write(OK);
    };
    const { id, client } = await send('/plain', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n');
    await new Promise((resolve) => setTimeout(resolve, 600));
    client.send('0\r\n\r\n');
    assert.equal((await client.response()).status, 200);
    assert.equal((await observed.line(id)).reason, undefined);
    client.socket.destroy();
  });

  test('an upstream that stops reading is a 504 at the idle timeout', async () => {
    origin.script = (connection) => void connection.socket.pause();
    const { id, client } = await send('/slow-reader', 'Content-Length: 100000000\r\n');
    const timer = setInterval(() => {
      if (client.socket.writableLength < 1e6) client.send(PAYLOAD);
    }, 1);
    const response = await client.response();
    clearInterval(timer);
    assert.equal(response.status, 504);
    const line = await observed.line(id);
    assert.deepEqual([line.reason, line['attempts']], ['upstream.timeout', 1]);
    client.socket.destroy();
  });

  test('nothing of an upload is taken for an upstream that cannot be reached', async () => {
    const { id, client } = await send('/refusing', 'Content-Length: 900000\r\nExpect: 100-continue\r\n');
    const response = await client.response({ interim: true });
    assert.deepEqual([response.status, response.header('connection')], [502, 'close']);
    assert.equal((await observed.line(id)).reason, 'upstream.connect');
    client.socket.destroy();
  });

  test('100 is said once the upstream takes the body', async () => {
    origin.script = async (connection) => {
      await eventually(() => connection.received.includes('hello'), 'body');
      connection.write(OK);
    };
    const { client } = await send('/plain', 'Content-Length: 5\r\nExpect: 100-continue\r\n');
    assert.equal((await client.response({ interim: true })).status, 100);
    client.send('hello');
    assert.equal((await client.response()).status, 200);
    client.socket.destroy();
  });

  test('while a retry waits, so does the upload: the second attempt gets every byte once', async () => {
    let made = 0;
    origin.script = async (connection) => {
      await connection.heads();
      await eventually(() => connection.received.includes('first'), 'first bytes');
      if (made++ === 0) {
        connection.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      await eventually(() => connection.received.includes('\r\n0\r\n\r\n'), 'whole request');
      connection.write(OK);
    };
    const id = newId();
    const client = await rawConnect(t, gateway.port);
    client.send(`PUT /kept HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${id}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    const earlier = origin.connections.length;
    client.send('5\r\nfirst\r\n');
    const first = await origin.connection(earlier);
    await within(first.closed, 'end of the first attempt');
    // More than is kept for another attempt: taken while nobody reads it, the second attempt would lack the first bytes.
    client.send(`10000\r\n${'y'.repeat(0x10000)}\r\n4\r\nlast\r\n0\r\n\r\n`);
    assert.equal((await client.response()).status, 200);
    const second = (await origin.connection(earlier + 1)).received.toString();
    assert.ok(second.includes('first') && second.includes('last'));
    assert.equal(second.match(/y/g)?.length, 0x10000);
    assert.equal((await observed.line(id))['attempts'], 2);
    client.socket.destroy();
  });

  test('an answer that comes before the request is complete leaves a connection that serves no other request', async () => {
    origin.script = async (connection) => {
      await connection.heads();
      connection.write(OK);
    };
    const { client } = await send('/plain', 'Content-Length: 100000\r\n', 'part');
    const response = await client.response();
    assert.deepEqual([response.status, response.header('connection')], [200, 'close']);
    client.send(`${'z'.repeat(99_996)}GET /plain HTTP/1.1\r\nHost: gw\r\n\r\n`);
    assert.equal((await client.rest()).bytes.length, 0);
  });
});
