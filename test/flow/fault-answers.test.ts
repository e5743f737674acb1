// Upstreams that refuse, vanish, stall or talk nonsense: what the client gets on the wire, and what the operator sees of it.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { closedPort } from '../support/ports.ts';
import { type RawClient, type RawResponse, rawConnect } from '../support/raw.ts';
import { type RawOrigin, replying, type Script, startRawOrigin } from '../support/raw-origin.ts';
import { startBlackHole } from '../upstream/black-hole.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}';
const MANY_HEADERS = Array.from({ length: 400 }, (_, i) => `X-Filler-${i}: ${'y'.repeat(64)}\r\n`).join('');

/** Fills what heads are read into. */
const UNASKED_BYTES = 16_384;

/** Says this after each request head, and then nothing. */
const says = (bytes: string): Script => replying(bytes);
/** Says this after the first request head, and then ends or resets. */
const saysAnd =
  (bytes: string, ending: 'end' | 'reset'): Script =>
  async (connection) => {
    await connection.heads();
    connection.write(bytes)[ending]();
  };

const chunked = (rest: string): string => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${rest}`;
const sized = (length: number, rest: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${rest}`;

interface Unusable {
  readonly script: Script;
  readonly status: number;
  readonly code: string;
  readonly error: string;
  /** Only where time is the fault: any other answer may take as long as a busy machine needs. */
  readonly timeout?: Readonly<Record<string, string>>;
}

/** No answer that could be passed on: a problem instead. */
const UNUSABLE: Readonly<Record<string, Unusable>> = {
  'FIN before an answer': reset(saysAnd('', 'end')),
  'RST before an answer': reset(saysAnd('', 'reset')),
  'FIN inside the head': reset(saysAnd('HTTP/1.1 200 OK\r\nContent-', 'end')),
  'RST inside the head': reset(saysAnd('HTTP/1.1 200 OK\r\nContent-', 'reset')),
  garbage: nonsense(says('\x16\x03\x01 not http at all\r\n\r\n')),
  'another protocol': nonsense(says('SSH-2.0-OpenSSH_9.6\r\n')),
  'Content-Length and Transfer-Encoding': nonsense(
    says('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  ),
  'a transfer coding that is not chunked': nonsense(
    saysAnd('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello', 'end'),
  ),
  'a transfer coding before chunked': nonsense(
    says('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n'),
  ),
  'two Content-Lengths': nonsense(says('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!')),
  'a Content-Length that is no number': nonsense(says('HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok')),
  'a head without an end': nonsense(says(`HTTP/1.1 200 OK\r\n${MANY_HEADERS}`)),
  'an unsolicited 101': nonsense(says('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')),
  'a 101 that names no protocol': nonsense(says('HTTP/1.1 101 Switching Protocols\r\n\r\n')),
  'a status below 100': nonsense(says('HTTP/1.1 099 What\r\nContent-Length: 2\r\n\r\n{}')),
  '10,000 × 102': nonsense(says('HTTP/1.1 102 Processing\r\n\r\n'.repeat(10_000) + OK)),
  'a head that takes too long': timeout(says('')),
  'a head that drips': timeout(dripping('HTTP/1.1 200 OK\r\n', 'X-Drip: 1\r\n', 40)),
};

function reset(script: Script): Unusable {
  return { script, status: 502, code: 'upstream.reset', error: 'connection_terminated' };
}
function nonsense(script: Script): Unusable {
  return { script, status: 502, code: 'upstream.protocol', error: 'http_protocol_error' };
}
function timeout(script: Script): Unusable {
  return { script, status: 504, code: 'upstream.timeout', error: 'http_response_timeout', timeout: { try: '300ms' } };
}

interface Cut {
  readonly script: Script;
  readonly reason: string;
  readonly body: string;
  readonly timeout?: Readonly<Record<string, string>>;
}

/** An answer that has begun and then breaks: the client's connection is cut, and nothing is added. */
const CUT: Readonly<Record<string, Cut>> = {
  'RST in a sized body': truncated(saysAnd(sized(10, 'hello'), 'reset')),
  'FIN in a sized body': truncated(saysAnd(sized(10, 'hello'), 'end')),
  'RST in a chunked body': truncated(saysAnd(chunked('5\r\nhello\r\n'), 'reset')),
  'FIN in a chunked body': truncated(saysAnd(chunked('5\r\nhello\r\n'), 'end')),
  'FIN in a chunk': truncated(saysAnd(chunked('9\r\nhello'), 'end')),
  'RST in a body that runs to the end': truncated(saysAnd('HTTP/1.1 200 OK\r\n\r\nhello', 'reset')),
  'a bad chunk size': truncated(says(chunked('5\r\nhello\r\nxyz\r\n'))),
  'no end of a chunk': truncated(says(chunked('5\r\nhello!!'))),
  'a body that stalls': {
    script: says(sized(10, 'hello')),
    reason: 'upstream.idle_timeout',
    body: 'hello',
    timeout: { idle: '400ms' },
  },
  'a body that drips for ever': {
    script: dripping(chunked(''), '1\r\n.\r\n', 40),
    reason: 'upstream.total_timeout',
    body: '.',
    timeout: { total: '900ms' },
  },
};

function truncated(script: Script): Cut {
  return { script, reason: 'upstream.truncated', body: 'hello' };
}

/** Sends `first`, then `drop` again and again for as long as the other side is there. */
function dripping(first: string, drop: string, everyMs: number): Script {
  return async (connection) => {
    await connection.heads();
    connection.write(first);
    const timer = setInterval(() => connection.write(drop), everyMs);
    await connection.closed;
    clearInterval(timer);
  };
}

/** A message the client must get as it is, whatever else is on the upstream's connection. */
const EXACT: Readonly<Record<string, { script: Script; method?: string; status: number; body: string }>> = {
  'bytes after the Content-Length': { script: says(`${OK}HTTP/1.1 200 OK\r\n\r\nsmuggled`), status: 200, body: '{}' },
  'a body on 204': { script: says('HTTP/1.1 204 No Content\r\n\r\nsmuggled'), status: 204, body: '' },
  'a length on 204': {
    script: says('HTTP/1.1 204 No Content\r\nContent-Length: 8\r\nX-Kept: 1\r\n\r\nsmuggled'),
    status: 204,
    body: '',
  },
  'a body on 304': { script: says('HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\nsmuggled'), status: 304, body: '' },
  'a body on HEAD': { script: says(sized(8, 'smuggled')), method: 'HEAD', status: 200, body: '' },
  'a body that runs to the end': { script: saysAnd('HTTP/1.1 200 OK\r\n\r\nok', 'end'), status: 200, body: 'ok' },
};

type Faulty = Pick<Cut, 'script' | 'timeout'>;

/** Route names and paths of the tables above. */
const slug = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

suite('faults of an upstream', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  const origins = new Map<string, RawOrigin>();
  const t = suiteCleanUp(after);

  before(async () => {
    const hole = `http://127.0.0.1:${await startBlackHole(t)}`;
    const refusing = `http://127.0.0.1:${await closedPort()}`;
    const early = await startRawOrigin(t, says(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${OK}`));
    const healthy = await startRawOrigin(t, replying(OK));
    origins.set('healthy', healthy);
    const upstreams: Record<string, unknown> = {
      refusing,
      'black-hole': { targets: hole, timeout: { connect: '150ms' } },
      early: early.url,
      'one-refuses': { targets: [refusing, healthy.url], balance: 'round_robin', eject: 'none' },
      'one-hole': {
        targets: [hole, healthy.url],
        timeout: { connect: '1s' },
        balance: 'round_robin',
        eject: 'none',
      },
    };
    const routes: Record<string, unknown> = {};
    for (const name of Object.keys(upstreams)) routes[name] = { match: `/${name}`, to: name, retry: 1 };
    const broken = await startRawOrigin(t, saysAnd(sized(10, 'hello'), 'end'));
    upstreams['held'] = broken.url;
    routes['held'] = { match: '/held', to: 'held', response: { schema: { type: 'object' }, on_fail: 'reject' } };
    routes['patient'] = { match: '/patient', to: 'refusing', retry: 2 };
    for (const [name, { script, timeout: bound }] of Object.entries<Faulty>({ ...UNUSABLE, ...CUT, ...EXACT })) {
      const origin = await startRawOrigin(t, script);
      origins.set(slug(name), origin);
      upstreams[slug(name)] = { targets: origin.url, ...(bound && { timeout: bound }) };
      routes[slug(name)] = { match: `/${slug(name)}`, to: slug(name) };
    }
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        defaults: { auth: 'none', retry: 0, breaker: 'none' },
        upstreams,
        routes,
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  async function ask(name: string, method = 'GET'): Promise<{ id: string; client: RawClient }> {
    const id = newId();
    const client = await rawConnect(t, gateway.port);
    client.send(`${method} /${slug(name)} HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${id}\r\n\r\n`);
    return { id, client };
  }

  async function problem(name: string, method = 'GET'): Promise<{ response: RawResponse; id: string; code: string }> {
    const { id, client } = await ask(name, method);
    const response = await client.response();
    client.socket.destroy();
    return { response, id, code: JSON.parse(response.body.toString()).code };
  }

  for (const [name, { status, code, error }] of Object.entries(UNUSABLE)) {
    test(`${name}: ${status}`, async () => {
      const { response, id, code: got } = await problem(name);
      assert.deepEqual([response.status, got], [status, code]);
      assert.equal(response.header('proxy-status'), `sluice; error=${error}`);
      const line = await observed.line(id);
      assert.deepEqual([line.status, line.reason, line['attempts']], [status, code, 1]);
      await origins.get(slug(name))?.idle();
    });
  }

  for (const [name, { reason, body }] of Object.entries(CUT)) {
    test(`${name}: the client's connection is cut`, async () => {
      const { id, client } = await ask(name);
      const { bytes } = await client.rest();
      const text = bytes.toString();
      assert.match(text, /^HTTP\/1.1 200 OK\r\n/);
      assert.ok(text.includes(body), text);
      assert.ok(!text.includes('0\r\n\r\n'), `no terminal chunk: ${text}`);
      assert.ok(!text.includes('problem'), text);
      const line = await observed.line(id);
      assert.deepEqual([line.status, line.reason, line['source']], [200, reason, 'upstream']);
      await origins.get(slug(name))?.idle();
    });
  }

  for (const [name, { method, status, body }] of Object.entries(EXACT)) {
    test(`${name}: the client gets the message and no more`, async () => {
      const { id, client } = await ask(name, method);
      const response = await client.response({ method: method ?? 'GET' });
      assert.deepEqual([response.status, response.body.toString()], [status, body]);
      // The connection to the client is good for another request, the one to the upstream is not.
      const again = newId();
      client.send(`${method ?? 'GET'} /${slug(name)} HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${again}\r\n\r\n`);
      assert.equal((await client.response({ method: method ?? 'GET' })).status, status);
      assert.equal(client.unread.length, 0);
      assert.equal(origins.get(slug(name))?.connections.length, 2);
      assert.equal((await observed.line(id)).reason, undefined);
      client.socket.destroy();
    });
  }

  test('a refused connection is a 502 at once, without a back-off', async () => {
    const { response, id, code } = await problem('patient', 'POST');
    assert.deepEqual([response.status, code], [502, 'upstream.connect']);
    assert.equal(response.header('proxy-status'), 'sluice; error=connection_refused');
    const line = await observed.line(id);
    assert.deepEqual([line.reason, line['attempts']], ['upstream.connect', 1]);
  });

  test('a black hole is a 504 at the connect timeout', async () => {
    const { response, id, code } = await problem('black-hole');
    assert.deepEqual([response.status, code], [504, 'upstream.connect_timeout']);
    assert.equal(response.header('proxy-status'), 'sluice; error=connection_timeout');
    const line = await observed.line(id);
    assert.match(String(line['error']), /within 150 ms$/);
    assert.ok(Number(line['duration_ms']) >= 149);
  });

  for (const name of ['one-refuses', 'one-hole']) {
    test(`${name}: another target has the request, whatever its method`, async () => {
      const attempts: unknown[] = [];
      for (let i = 0; i < 4; i++) {
        const { response, id } = await problem(name, 'POST');
        assert.equal(response.status, 200);
        attempts.push((await observed.line(id))['attempts']);
      }
      assert.ok(attempts.includes(2), `one went by the other target: ${attempts.join()}`);
    });
  }

  test('a body that breaks off while it is held back for its check: 502, as nothing of it is out', async () => {
    const { response, id, code } = await problem('held');
    assert.deepEqual([response.status, code], [502, 'response.incomplete']);
    assert.equal(response.header('proxy-status'), 'sluice; error=connection_terminated');
    const line = await observed.line(id);
    assert.deepEqual([line.status, line['source'], line.reason], [502, 'gateway', 'response.incomplete']);
  });

  test('a 103 reaches the client before the answer', async () => {
    const { id, client } = await ask('early');
    const hints = await client.response({ interim: true });
    assert.deepEqual([hints.status, hints.header('link')], [103, '</a.css>']);
    assert.equal((await client.response()).status, 200);
    assert.equal((await observed.line(id)).status, 200);
    client.socket.destroy();
  });

  test('a 204 says no length, whatever the upstream says', async () => {
    const { client } = await ask('a length on 204');
    const response = await client.response();
    assert.deepEqual(
      [response.status, response.header('content-length'), response.header('x-kept')],
      [204, undefined, '1'],
    );
    client.socket.destroy();
  });

  test('attempts are counted once each, by what became of them', async () => {
    const counted = async (upstream: string, result: string): Promise<readonly number[]> => [
      await observed.metric('sluice_upstream_attempts_total', { upstream, result }),
      await observed.metric('sluice_upstream_attempts_total', { upstream }),
    ];
    for (const [name, result] of [
      ['RST before an answer', 'reset'],
      ['refusing', 'connect'],
    ] as const) {
      const [alike = 0, all = 0] = await counted(slug(name), result);
      const { id } = await problem(name);
      const attempts = Number((await observed.line(id))['attempts']);
      assert.deepEqual(await counted(slug(name), result), [alike + attempts, all + attempts]);
    }
  });
});

test('an answer that nobody asked for is not the next one, nor are its bytes', async (t) => {
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write(sized(5, 'right'));
    if (connection.index === 0) await connection.until((bytes) => bytes.includes('never'));
  });
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      upstreams: { origin: { targets: [origin.url], connections: 1 } },
      routes: { all: { match: '/**', to: 'origin' } },
    },
  });
  assert.equal(await (await fetch(gateway.url)).text(), 'right');
  const first = await origin.connection(0);
  // As large as what is read of a large body, which is read into other memory.
  first.write(sized(5, 'wrong').padEnd(UNASKED_BYTES, '.'));
  await first.closed;
  assert.equal(await (await fetch(gateway.url)).text(), 'right');
});
