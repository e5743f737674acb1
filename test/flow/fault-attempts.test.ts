// Retries, the breaker, the fallback and what bounds them, as clients and upstreams see them.
import assert from 'node:assert/strict';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { after, before, beforeEach, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { answerOk, answerStatuses, type Origin, startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { rawConnect } from '../support/raw.ts';
import { type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';
import { eventually, within } from '../support/wait.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const QUICK = '1ms..5ms';

suite('attempts', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  let raw: RawOrigin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t);
    raw = await startRawOrigin(t);
    const refusing = `http://127.0.0.1:${await closedPort()}`;
    const generous = { retry_budget: { ratio: '100%', min: '1000/s' }, breaker: 'none' };
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        defaults: { auth: 'none', retry: { max: 2, backoff: QUICK }, timeout: { answer: '20s' } },
        upstreams: {
          origin: { targets: origin.url, ...generous },
          raw: { targets: raw.url, ...generous },
          // Long enough for an answer on a busy machine.
          mute: { targets: raw.url, ...generous, timeout: { try: '2s' } },
          refusing: { targets: refusing, ...generous },
          thrifty: { targets: origin.url, breaker: 'none', retry_budget: { ratio: '20%', min: '3/s' } },
          full: { targets: origin.url, concurrency: 1 },
          broken: {
            targets: origin.url,
            breaker: { min: 4, failures: '50%', open: '10m', window: '10m' },
            eject: 'none',
          },
          healing: { targets: origin.url, breaker: { min: 2, failures: '50%', open: '3s' }, eject: 'none' },
          probed: { targets: origin.url, breaker: { min: 2, failures: '50%', open: '300ms' }, eject: 'none' },
          storm: { targets: origin.url, eject: 'none', breaker: { open: '10m', window: '10m' } },
        },
        routes: {
          origin: { match: '/origin', to: 'origin' },
          never: { match: '/never', to: 'origin', retry: 0 },
          raw: { match: '/raw', to: 'raw' },
          mute: { match: '/mute', to: 'mute' },
          once: { match: '/once', to: 'raw', retry: { max: 1, backoff: QUICK, replay: '1KiB' } },
          patient: { match: '/patient', to: 'origin', timeout: '60s' },
          thrifty: { match: '/thrifty', to: 'thrifty' },
          full: { match: '/full', to: 'full' },
          broken: { match: '/broken', to: 'broken', retry: 0 },
          healing: { match: '/healing', to: 'healing', retry: 0 },
          probed: { match: '/probed', to: 'probed', retry: 0 },
          own: { match: '/own', to: 'origin', retry: 0, breaker: { min: 1, failures: '1%', open: '10m' } },
          storm: { match: '/storm', to: 'storm' },
          stale: { match: '/stale', to: 'refusing', fallback: { status: 200, body: { items: [] } } },
          slow: { match: '/slow', to: 'mute', retry: 0, fallback: { status: 203, body: { items: [] } } },
          spoken: { match: '/spoken', to: 'raw', retry: 0, fallback: { status: 203, body: { items: [] } } },
          cut: { match: '/cut', to: 'broken', retry: 0, fallback: { status: 200, body: { items: [] } } },
        },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  beforeEach(() => {
    origin.answer(answerOk);
    raw.script = () => {};
  });

  async function ask(path: string, method = 'GET', body?: string) {
    const id = newId();
    const response = await fetch(gateway.url + path, { method, headers: { 'x-request-id': id }, body: body ?? null });
    const text = await response.text();
    const line = await observed.line(id);
    return {
      status: response.status,
      headers: response.headers,
      text,
      reason: line.reason,
      attempts: line['attempts'],
    };
  }

  /** Requests that reached the origin while `act` ran. */
  async function reached(act: () => Promise<unknown>): Promise<number> {
    const earlier = origin.started;
    await act();
    return origin.started - earlier;
  }

  const status =
    (code: number, headers: Record<string, string> = {}) =>
    (_: unknown, response: ServerResponse) =>
      void response.writeHead(code, headers).end('{}');

  for (const code of [502, 503, 504]) {
    test(`a ${code} is tried again where that is safe`, async () => {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'QUERY']) {
        origin.answer(answerStatuses(code));
        const first = origin.started;
        origin.answer((_request, response, index) => void response.writeHead(index > first ? 200 : code).end());
        const answer = await ask('/origin', method, method === 'PUT' ? 'body' : undefined);
        assert.deepEqual([method, answer.status, answer.attempts], [method, 200, 2]);
      }
      for (const method of ['POST', 'PATCH']) {
        origin.answer(status(code));
        const answer = await ask('/origin', method, 'body');
        assert.deepEqual([method, answer.status, answer.attempts], [method, code, 1]);
      }
    });
  }

  for (const code of [500, 501, 429, 404]) {
    test(`a ${code} is passed on`, async () => {
      origin.answer(status(code));
      const answer = await ask('/origin');
      assert.deepEqual([answer.status, answer.attempts, answer.reason], [code, 1, undefined]);
    });
  }

  test('`retry: 0` means one attempt', async () => {
    origin.answer(status(503));
    assert.equal((await ask('/never')).attempts, 1);
  });

  test('the last of all answers is passed on when none was good', async () => {
    origin.answer(status(503, { 'x-which': 'last' }));
    const answer = await ask('/origin');
    assert.deepEqual([answer.status, answer.attempts, answer.headers.get('x-which')], [503, 3, 'last']);
    assert.equal(answer.reason, undefined);
  });

  test('an attempt that times out is tried again, and counted as what it was', async () => {
    let made = 0;
    raw.script = async (connection) => {
      const mute = made++ === 0;
      await connection.heads();
      if (!mute) connection.write(OK);
    };
    const answer = await ask('/mute');
    assert.deepEqual([answer.status, answer.attempts], [200, 2]);
    assert.equal(await observed.metric('sluice_upstream_attempts_total', { upstream: 'mute', result: 'timeout' }), 1);
    assert.equal(await observed.metric('sluice_retries_total', { upstream: 'mute', outcome: 'success' }), 1);
  });

  test('a kept connection that ends as a request lands: a GET is sent again, a POST at most once', async () => {
    for (const [method, expected] of [
      ['GET', 200],
      ['POST', 502],
    ] as const) {
      let executed = 0;
      raw.script = async (connection) => {
        await connection.heads();
        connection.write(OK);
        // The second request on this connection meets its end.
        await connection.heads(2);
        executed++;
        connection.reset();
      };
      for (const { socket } of raw.connections) socket.destroy();
      assert.equal((await ask('/raw')).status, 200);
      const answer = await ask('/raw', method, method === 'POST' ? 'order' : undefined);
      assert.equal(answer.status, expected);
      assert.equal(executed, 1);
      assert.deepEqual([answer.attempts, answer.reason], method === 'GET' ? [2, undefined] : [1, 'upstream.reset']);
    }
  });

  test('a body that is kept is sent again as it was', async () => {
    origin.answer(answerStatuses(503));
    const first = origin.started;
    origin.answer((_request, response, index) => void response.writeHead(index > first ? 200 : 503).end());
    assert.equal((await ask('/origin', 'PUT', 'the very same bytes')).status, 200);
    assert.deepEqual(
      origin.received.slice(-2).map(({ body }) => body.toString()),
      ['the very same bytes', 'the very same bytes'],
    );
  });

  test('a body beyond `replay` is streamed, and not sent again', async () => {
    raw.script = async (connection) => {
      await eventually(() => connection.received.length > 4096, 'body');
      connection.reset();
    };
    const declined = (): Promise<number> =>
      observed.metric('sluice_retries_total', { upstream: 'raw', outcome: 'not_replayable' });
    const earlier = await declined();
    const answer = await ask('/once', 'PUT', 'y'.repeat(4096));
    assert.deepEqual([answer.status, answer.attempts, answer.reason], [502, 1, 'upstream.reset']);
    assert.equal((await declined()) - earlier, 1);
  });

  test('Retry-After is waited for', async () => {
    const first = origin.started;
    origin.answer((_request, response, index) => {
      response.writeHead(index > first ? 200 : 503, { 'retry-after': '1' }).end();
    });
    const begun = performance.now();
    const answer = await ask('/patient');
    assert.deepEqual([answer.status, answer.attempts], [200, 2]);
    assert.ok(performance.now() - begun >= 1_000);
  });

  test('Retry-After past the deadline is not waited for: the answer is passed on at once', async () => {
    origin.answer(status(503, { 'retry-after': '30' }));
    const answer = await ask('/origin');
    assert.deepEqual([answer.status, answer.attempts, answer.headers.get('retry-after')], [503, 1, '30']);
    assert.equal(await observed.metric('sluice_retries_total', { upstream: 'origin', outcome: 'deadline' }), 1);
  });

  test('the retry budget holds for all requests together', async () => {
    origin.answer(status(503));
    const begun = performance.now();
    const retries = (await reached(() => Promise.all(Array.from({ length: 50 }, () => ask('/thrifty'))))) - 50;
    const seconds = Math.ceil((performance.now() - begun) / 1_000) + 1;
    assert.ok(retries >= 0 && retries <= 10 + 3 * seconds, `${retries} retries of 50 requests in ${seconds} s`);
    // Who has not had both of its retries was told so.
    const told = await observed.metric('sluice_retries_total', { upstream: 'thrifty', outcome: 'budget_exhausted' });
    assert.ok(told >= 50 - retries / 2, `${told} told, ${retries} retries`);
  });

  test('beyond its concurrency an upstream is not called', async () => {
    const release = Promise.withResolvers<void>();
    origin.answer(async (_request, response) => {
      await release.promise;
      response.end('{}');
    });
    const first = origin.started;
    const held = ask('/full');
    await eventually(() => origin.started > first, 'first request');
    const refused = await ask('/full');
    assert.deepEqual([refused.status, refused.reason, refused.attempts], [503, 'upstream.busy', 0]);
    assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
    release.resolve();
    assert.equal((await held).status, 200);
    assert.equal((await ask('/full')).status, 200);
  });

  test('the breaker: what counts, opening, and what is said while it is open', async () => {
    const state = (name: string) => observed.metric('sluice_breaker_state', { upstream: 'broken', state: name });
    for (const code of [404, 429, 501]) {
      origin.answer(status(code));
      for (let i = 0; i < 4; i++) await ask('/broken');
    }
    assert.equal(await state('closed'), 1);

    origin.answer(status(500));
    let failed = 0;
    while ((await state('open')) === 0) {
      assert.equal((await ask('/broken')).status, 500);
      failed++;
      assert.ok(failed <= 20, 'open at 50% of all');
    }
    assert.equal(failed, 12);

    const refused = await ask('/broken');
    assert.deepEqual([refused.status, refused.reason, refused.attempts], [503, 'upstream.breaker_open', 0]);
    const retryAfterS = Number(refused.headers.get('retry-after'));
    assert.ok(retryAfterS > 0 && retryAfterS <= 600, `${retryAfterS} s`);
    assert.equal(refused.headers.get('proxy-status'), 'sluice; error=destination_unavailable');
    const instead = await ask('/cut');
    assert.deepEqual([instead.status, instead.text, instead.reason], [200, '{"items":[]}', 'upstream.breaker_open']);
  });

  test('an open breaker lets one probe through after its time, whose success closes it', async () => {
    const state = (name: string) => observed.metric('sluice_breaker_state', { upstream: 'healing', state: name });
    origin.answer(status(500));
    await ask('/healing');
    await ask('/healing');
    await gateway.log.until((line) => line.event === 'breaker_half_open' && line['upstream'] === 'healing');
    const release = Promise.withResolvers<void>();
    origin.answer(async (_request, response) => {
      await release.promise;
      response.end('{}');
    });
    const first = origin.started;
    const probe = ask('/healing');
    await eventually(() => origin.started > first, 'probe');
    assert.deepEqual(
      (await Promise.all([ask('/healing'), ask('/healing')])).map((each) => each.status),
      [503, 503],
    );
    assert.equal(origin.started, first + 1);
    release.resolve();
    assert.equal((await probe).status, 200);
    assert.equal(await state('closed'), 1);
    assert.equal((await ask('/healing')).status, 200);
  });

  test('a client that abandons the probe lets another go', async () => {
    origin.answer(status(500));
    await ask('/probed');
    await ask('/probed');
    await gateway.log.until((line) => line.event === 'breaker_half_open' && line['upstream'] === 'probed');
    origin.answer(() => {});
    const first = origin.started;
    const client = await rawConnect(t, gateway.port);
    const id = newId();
    client.send(`GET /probed HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${id}\r\n\r\n`);
    await eventually(() => origin.started > first, 'probe');
    client.reset();
    assert.equal((await observed.line(id)).status, 499);
    origin.answer(answerOk);
    assert.equal((await ask('/probed')).status, 200);
    assert.equal(await observed.metric('sluice_breaker_state', { upstream: 'probed', state: 'closed' }), 1);
  });

  test("a route's own breaker has its own state", async () => {
    origin.answer(status(500));
    assert.equal((await ask('/own')).status, 500);
    assert.equal((await ask('/own')).reason, 'upstream.breaker_open');
    assert.equal((await ask('/never')).status, 500);
    assert.equal(await observed.metric('sluice_breaker_state', { upstream: 'route:own', state: 'open' }), 1);
  });

  test('a storm: an upstream that fails every time sees little more than its clients send, and then probes only', async () => {
    origin.answer(status(503));
    const begun = performance.now();
    const first = origin.started;
    let sent = 0;
    while ((await observed.metric('sluice_breaker_state', { upstream: 'storm', state: 'open' })) === 0) {
      await Promise.all(Array.from({ length: 5 }, () => ask('/storm')));
      sent += 5;
      assert.ok(sent < 200, 'the breaker opens');
    }
    const seconds = Math.ceil((performance.now() - begun) / 1_000) + 1;
    const seen = origin.started - first;
    assert.ok(seen <= 1.2 * sent + 3 * seconds, `${seen} attempts for ${sent} requests in ${seconds} s`);
    assert.equal(await reached(() => Promise.all(Array.from({ length: 50 }, () => ask('/storm')))), 0);
  });

  test('the fallback stands in for no answer, and not for one of the upstream', async () => {
    const refused = await ask('/stale');
    assert.deepEqual([refused.status, refused.text, refused.reason], [200, '{"items":[]}', 'upstream.connect']);
    const late = await ask('/slow');
    assert.deepEqual([late.status, late.reason], [203, 'upstream.timeout']);
    raw.script = (connection) =>
      void connection.heads().then(() => connection.write('HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno'));
    const spoken = await ask('/spoken');
    assert.deepEqual([spoken.status, spoken.text], [500, 'no']);
  });

  test('a wait between attempts ends with its client', async () => {
    origin.answer(status(503, { 'retry-after': '50' }));
    const first = origin.started;
    const id = newId();
    const client = await rawConnect(t, gateway.port);
    client.send(`GET /patient HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${id}\r\n\r\n`);
    await eventually(() => origin.started > first, 'first attempt');
    await eventually(() => origin.received.length === origin.started, 'first answer');
    client.reset();
    const line = await observed.line(id);
    assert.deepEqual([line.status, line['attempts']], [499, 1]);
  });

  test('a stream is passed on as it comes', async () => {
    const released = Promise.withResolvers<void>();
    origin.answer(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: 1\n\n');
      await released.promise;
      response.end('data: 2\n\n');
    });
    const answered = Promise.withResolvers<IncomingMessage>();
    request(`${gateway.url}/origin`, answered.resolve).end();
    const stream = await within(answered.promise, 'head');
    const chunks = stream[Symbol.asyncIterator]();
    assert.equal(String((await within(chunks.next(), 'first event')).value), 'data: 1\n\n');
    released.resolve();
    assert.equal(String((await chunks.next()).value), 'data: 2\n\n');
    assert.equal((await chunks.next()).done, true);
  });
});
