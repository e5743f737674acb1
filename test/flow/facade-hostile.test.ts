// Third parties that answer nonsense, too much, too slowly or not at all: a problem each, nothing hangs, and nothing is left.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { suiteCleanUp } from '../support/clean-up.ts';
import { closedPort } from '../support/ports.ts';
import { assertProblem } from '../support/problems.ts';
import { type RawOrigin, replying, type Script, startRawOrigin } from '../support/raw-origin.ts';
import { eventually, within } from '../support/wait.ts';
import { type Answered, CANARY, type FacadeGateway, startFacades, VENDOR_AUTH, VENDOR_TOKEN } from './facades.ts';

const MIB = 2 ** 20;
const PRELOAD = new URL('../support/preload/dns-by-name.ts', import.meta.url).href;
/** Attempts are not what these tests are about. */
const ONE_TRY = { auth: VENDOR_AUTH, retry: 0, breaker: 'none' };

const says = (bytes: string | Uint8Array): Script => replying(bytes);
const saysAnd =
  (bytes: string | Uint8Array, ending: 'end' | 'reset'): Script =>
  async (connection) => {
    await connection.heads();
    connection.write(bytes)[ending]();
  };

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

/** Bytes without end, as fast as they are taken. */
function flooding(first: string, chunk: Buffer): Script {
  return async (connection) => {
    await connection.heads();
    connection.write(first);
    const { socket } = connection;
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', more);
    more();
    await connection.closed;
  };
}

function answer(body: string | Uint8Array, type = 'application/json', head = '', status = '200 OK'): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status}\r\nContent-Type: ${type}\r\n${head}Content-Length: ${bytes.length}\r\n\r\n`),
    bytes,
  ]);
}

const chunked = (rest: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${rest}`;
const sized = (length: number, rest: string): string =>
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${rest}`;
/** One chunk of a megabyte. */
const MEGABYTE = Buffer.concat([Buffer.from(`${MIB.toString(16)}\r\n`), Buffer.alloc(MIB, 0x20), Buffer.from('\r\n')]);
const FILLER = `X-Filler: ${'y'.repeat(1000)}\r\n`;
const SPACES = Buffer.alloc(64 * MIB, 0x20);

/** Vendors say this in confidence: it may be in their answer, and in nothing of ours. */
const WORDS = `{"reason":"${CANARY} words"}`;
const HTML = `<!doctype html><title>${CANARY}</title><p>Service temporarily ${CANARY}`;

interface Hostile {
  readonly script: Script;
  readonly code: string;
  readonly status?: number;
  /** Its answer is whole, however useless: the connection may be kept. */
  readonly kept?: true;
  readonly integration?: Readonly<Record<string, unknown>>;
  readonly route?: Readonly<Record<string, unknown>>;
}

const notJson = (bytes: Uint8Array): Hostile => ({ script: says(bytes), code: 'integration.not_json', kept: true });
const protocol = (script: Script): Hostile => ({ script, code: 'upstream.protocol' });
const reset = (script: Script): Hostile => ({ script, code: 'upstream.reset' });
const tooLarge = (script: Script): Hostile => ({ script, code: 'integration.too_large' });
const coding = (bytes: Uint8Array): Hostile => ({ script: says(bytes), code: 'integration.coding', kept: true });
const bomb = (bytes: Uint8Array, named: string): Hostile => ({
  script: says(answer(bytes, 'application/json', `Content-Encoding: ${named}\r\n`)),
  code: 'integration.too_large',
  kept: true,
});
const slow = (script: Script): Hostile => ({
  script,
  code: 'upstream.timeout',
  status: 504,
  integration: { timeout: { try: '300ms' } },
});
const notXml = (body: string | Uint8Array): Hostile => ({
  script: says(answer(body, 'text/xml')),
  code: 'integration.not_xml',
  kept: true,
  route: { response: { xml: true } },
});
const redirect = (location: string, status = '302 Found'): Hostile => ({
  script: says(answer(WORDS, 'application/json', `Location: ${location}\r\n`, status)),
  code: 'integration.redirect',
  kept: true,
});

const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const ENTITIES = `<!DOCTYPE a [<!ENTITY b "${CANARY}"><!ENTITY c SYSTEM "file:///etc/passwd">]><a>&b;&c;</a>`;

const HOSTILE: Readonly<Record<string, Hostile>> = {
  'HTML with 200': notJson(answer(HTML, 'text/html')),
  'HTML that says it is JSON': notJson(answer(HTML)),
  'no content type': notJson(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}')),
  'JSON in Latin-1': notJson(answer('{"n":1}', 'application/json; charset=iso-8859-1')),
  'two JSON documents': notJson(answer('{"n":1}{"n":2}')),
  'JSON without its end': notJson(answer('{"n":1')),
  'invalid UTF-8': notJson(answer(Buffer.from([0x7b, 0x22, 0x6e, 0x22, 0x3a, 0x22, 0xc3, 0x28, 0x22, 0x7d]))),
  'nested 10,000 deep': notJson(answer(deep(10_000))),
  'duplicate keys': notJson(answer(`{"n":1,"n":"${CANARY}"}`)),
  'duplicate __proto__ keys': notJson(answer('{"__proto__":1,"__proto__":2}')),
  'more keys than anybody needs': notJson(answer(`{${Array.from({ length: 100_001 }, (_, i) => `"k${i}":0`).join()}}`)),
  'half a sized body': reset(saysAnd(sized(100, '{"n":'), 'end')),
  'half a sized body and RST': reset(saysAnd(sized(100, '{"n":'), 'reset')),
  'half a chunked body': reset(saysAnd(chunked('5\r\n{"n":\r\n'), 'end')),
  'RST in a body that runs to the end': reset(
    saysAnd('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"n":1}', 'reset'),
  ),
  'FIN before an answer': reset(saysAnd('', 'end')),
  'RST before an answer': reset(saysAnd('', 'reset')),
  'FIN inside the head': reset(saysAnd('HTTP/1.1 200 OK\r\nContent-', 'end')),
  'a bad chunk size': protocol(says(chunked('5\r\n{"n":\r\nxyz\r\n'))),
  'no end of a chunk': protocol(says(chunked('5\r\n{"n":1}'))),
  garbage: protocol(says('\x16\x03\x01 not http at all\r\n\r\n')),
  'two lengths': protocol(says('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ')),
  'Content-Length and Transfer-Encoding': protocol(
    says('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'),
  ),
  '10 MB of headers': protocol(saysAnd(`HTTP/1.1 200 OK\r\n${FILLER.repeat(10_000)}\r\n{}`, 'end')),
  'headers without end': protocol(flooding('HTTP/1.1 200 OK\r\n', Buffer.from(FILLER))),
  'trailers without end': protocol(flooding(chunked('2\r\n{}\r\n0\r\n'), Buffer.from(FILLER))),
  'an unsolicited 101': protocol(says('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')),
  '10,000 × 102': protocol(
    says(Buffer.concat([Buffer.from('HTTP/1.1 102 Processing\r\n\r\n'.repeat(10_000)), answer('{}')])),
  ),
  'an answer one byte over its bound': tooLarge(says(answer(`"${'x'.repeat(5 * MIB - 1)}"`))),
  'an answer without end': tooLarge(flooding(chunked(''), MEGABYTE)),
  'a gzip bomb': bomb(gzipSync(SPACES), 'gzip'),
  'a deflate bomb': bomb(deflateSync(SPACES), 'deflate'),
  'a zstd bomb': bomb(zstdCompressSync(SPACES), 'zstd'),
  'gzip that ends early': coding(
    answer(gzipSync(WORDS).subarray(0, -9), 'application/json', 'Content-Encoding: gzip\r\n'),
  ),
  'gzip that is none': coding(answer(WORDS, 'application/json', 'Content-Encoding: gzip\r\n')),
  'an unknown coding': coding(answer(WORDS, 'application/json', 'Content-Encoding: compress\r\n')),
  'a coding in a coding': coding(
    answer(gzipSync(gzipSync(WORDS)), 'application/json', 'Content-Encoding: gzip, gzip\r\n'),
  ),
  'a head that never comes': slow(says('')),
  'a head that drips': slow(dripping('HTTP/1.1 200 OK\r\n', 'X-Drip: 1\r\n', 40)),
  'a body that stalls': slow(says(sized(10, '{"n":'))),
  'a body that drips': slow(dripping(chunked(''), '1\r\n \r\n', 40)),
  'a redirect to a metadata service': redirect('http://169.254.169.254/latest/meta-data/'),
  'a redirect to a file': redirect('file:///etc/passwd', '301 Moved Permanently'),
  'a 304 that nobody asked for': {
    script: says('HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'),
    code: 'integration.redirect',
    kept: true,
  },
  'XML with a document type': notXml(ENTITIES),
  'XML that is HTML': notXml(HTML),
  'XML nested 10,000 deep': notXml(`${'<a>'.repeat(10_000)}${'</a>'.repeat(10_000)}`),
  'XML in no known encoding': notXml(`<?xml version="1.0" encoding="x-${CANARY}"?><a/>`),
  'XML that is not UTF-8': notXml(Buffer.from('<a>\xc3\x28</a>', 'latin1')),
  'XML of nothing': notXml(`<!-- ${CANARY} -->`),
  'SOAP that is a page about maintenance': {
    script: says(answer(`<html><body>${CANARY}</body></html>`, 'text/xml')),
    code: 'integration.not_xml',
    kept: true,
    route: {
      request: { method: 'POST', soap: { action: 'Get', body: '<Get/>' } },
      response: { body: "{ 'n': GetResponse.n }" },
    },
  },
};

/** Route names and paths of the table above. */
const slug = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

suite('hostile third parties', () => {
  let facades: FacadeGateway;
  const origins = new Map<string, RawOrigin>();
  const t = suiteCleanUp(after);
  const mapped = { response: { body: "{ 'n': n }" } };

  before(async () => {
    const integrations: Record<string, unknown> = {};
    const routes: Record<string, unknown> = {};
    const add = (name: string, url: string, integration: object = {}, route: object = {}): void => {
      integrations[name] = { url, ...ONE_TRY, ...integration };
      routes[name] = { match: `/${name}`, to: name, ...route };
    };
    const begin = async (name: string, script: Script, integration: object = {}, route: object = {}): Promise<void> => {
      const origin = await startRawOrigin(t, script);
      origins.set(name, origin);
      add(name, origin.url, integration, route);
    };
    for (const [name, { script, integration, route }] of Object.entries(HOSTILE)) {
      await begin(slug(name), script, integration, route ?? mapped);
    }
    await begin('silent', says(''));
    await begin('dripping', dripping(chunked(''), '1\r\n \r\n', 20));
    await begin('healthy', says(answer('{"n":1}')), { response_max: '12MiB' }, mapped);
    await begin('trap', says(answer('{"n":1}')), {}, mapped);
    await begin(
      'astray',
      says(answer(WORDS, 'application/json', `Location: ${origins.get('trap')?.url}/\r\n`, '307 Moved')),
    );
    await begin('huge', says(answer(`{"n":1,"text":"${'x'.repeat(10 * MIB)}"}`)), { response_max: '12MiB' }, mapped);
    // On the event loop this would be the end of the gateway.
    const hard = { response: { body: '$contains(text, /^(a|a)*$/) ? 1 : 2' } };
    await begin('endless', says(answer(`{"text":"${'a'.repeat(60)}!"}`)), {}, hard);
    await begin('more-than-said', says(`${answer('{"n":1}').toString()}HTTP/1.1 200 OK\r\n\r\nsmuggled`), {}, mapped);
    await begin('body-on-204', says('HTTP/1.1 204 No Content\r\n\r\nsmuggled'), {}, mapped);
    await begin('early', async (connection) => {
      await connection.heads();
      connection.socket.pause();
      connection.write(answer(WORDS, 'application/json', '', '413 Content Too Large'));
    });
    await begin('hard', says(answer(`{"text":"${'a'.repeat(60)}!"}`)), {}, hard);

    const healthyPort = origins.get('healthy')?.port;
    add('refusing', `http://127.0.0.1:${await closedPort()}`);
    add('link-local', `http://169-254-169-254.test:${healthyPort}`);
    add('mapped-address', `http://0-0-0-0.test:${healthyPort}`);
    add('elsewhere', `http://127-0-0-1.test:${healthyPort}`, { addresses: ['10.0.0.0/8'] });
    add('one-of-two', `http://169-254-169-254.127-0-0-1.test:${healthyPort}`, {}, mapped);
    add('nowhere', `http://nowhere.invalid:${healthyPort}`);
    facades = await startFacades(
      t,
      { defaults: { auth: 'key' }, integrations, routes },
      { env: { NODE_OPTIONS: `--import=${PRELOAD}` } },
    );
  });

  for (const [name, { code, status = 502, kept }] of Object.entries(HOSTILE)) {
    test(`${name}: ${status} ${code}`, async () => {
      const { response, line } = await facades.ask(`/${slug(name)}`);
      assertProblem(response, status, code);
      assert.deepEqual([line.status, line.reason, line['attempts']], [status, code, 1]);
      const origin = origins.get(slug(name));
      assert.equal(origin?.connections.length, 1);
      assert.ok(origin?.connections[0]?.received.toString('latin1').includes(`authorization: Bearer ${VENDOR_TOKEN}`));
      if (!kept) await origin?.idle();
    });
  }

  test('an answer without end is cut off as it streams', async () => {
    const { response } = await facades.ask('/an-answer-without-end');
    assertProblem(response, 502, 'integration.too_large');
    const connection = await origins.get('an-answer-without-end')?.connection(1);
    await connection?.closed;
    const written = connection?.socket.bytesWritten ?? 0;
    assert.ok(written < 64 * MIB, `${written} bytes were written`);
  });

  test('a redirect is not followed', async () => {
    assertProblem((await facades.ask('/astray')).response, 502, 'integration.redirect');
    assert.equal(origins.get('trap')?.connections.length, 0);
  });

  for (const [name, address] of [
    ['link-local', '169.254.169.254'],
    ['mapped-address', '0.0.0.0'],
    ['elsewhere', '127.0.0.1'],
  ] as const) {
    test(`${name}: an address that is not to be connected to`, async () => {
      const earlier = origins.get('healthy')?.connections.length;
      const { response, line, text } = await facades.ask(`/${name}`);
      assertProblem(response, 502, 'integration.egress');
      assert.ok(String(line['error']).includes(`(${address})`) && !text.includes(address), String(line['error']));
      assert.deepEqual([line.reason, line['attempts']], ['integration.egress', 1]);
      assert.equal(origins.get('healthy')?.connections.length, earlier);
    });
  }

  test('of several addresses only those are tried that may be', async () => {
    const { response, text } = await facades.ask('/one-of-two');
    assert.deepEqual([response.status, text], [200, '{"n":1}']);
  });

  test('a name without an address', async () => {
    assertProblem((await facades.ask('/nowhere')).response, 502, 'upstream.dns');
  });

  test('a refused connection is a 502 at once', async () => {
    const { response, line } = await facades.ask('/refusing', { method: 'POST', body: '{}' });
    assertProblem(response, 502, 'upstream.connect');
    assert.deepEqual([line.reason, line['attempts']], ['upstream.connect', 1]);
  });

  for (const name of ['silent', 'dripping']) {
    test(`${name}: a client that leaves takes the vendor's connection with it`, async () => {
      const { id, client } = await facades.send(`/${name}`);
      const connection = await origins.get(name)?.connection(0);
      await connection?.heads();
      client.reset();
      const line = await facades.observed.line(id);
      assert.equal(line.status, 499);
      await within(connection?.closed ?? Promise.reject(new Error('no connection')), 'end of the connection');
    });
  }

  test('a client that leaves while its answer is mapped is gone at once', async () => {
    const { id, client } = await facades.send('/endless');
    const connection = await origins.get('endless')?.connection(0);
    await connection?.heads();
    client.reset();
    assert.equal((await facades.observed.line(id)).status, 499);
  });

  test('an answer that comes before the request is sent ends both', async () => {
    const { response } = await facades.ask('/early', { method: 'POST', body: Buffer.alloc(8 * MIB), type: 'a/b' });
    assert.equal(assertProblem(response, 502, 'integration.error')['vendor_status'], 413);
    const connection = await origins.get('early')?.connection(0);
    // Who does not read does not notice an end either.
    connection?.socket.resume();
    await connection?.closed;
    assert.ok((connection?.received.length ?? 0) < 8 * MIB, 'the rest of it was never sent');
  });

  for (const name of ['more-than-said', 'body-on-204']) {
    test(`${name}: what follows the answer is no part of the next one`, async () => {
      for (let i = 1; i <= 3; i++) {
        const { response, text } = await facades.ask(`/${name}`);
        assert.deepEqual([response.status, text], name === 'body-on-204' ? [204, ''] : [200, '{"n":1}']);
        assert.equal(origins.get(name)?.connections.length, i);
      }
    });
  }

  test('a client that leaves during its upload causes no call', async () => {
    const earlier = origins.get('silent')?.connections.length;
    const { id, client } = await facades.send('/silent', { method: 'POST', headers: { 'content-length': '10' } });
    await eventually(async () => (await facades.observed.metric('sluice_http_requests_in_flight')) > 0, 'a request');
    client.reset();
    assert.equal((await facades.observed.line(id)).status, 499);
    assert.equal(origins.get('silent')?.connections.length, earlier);
  });

  /** Asks others for as long as one is under way, at least once. */
  async function meanwhile(path: string): Promise<Answered> {
    const asked = facades.ask(path);
    const state = { over: false };
    const done = asked.finally(() => {
      state.over = true;
    });
    await origins.get(path.slice(1))?.connection(0);
    do {
      const { response, text } = await facades.ask('/healthy');
      assert.deepEqual([response.status, text], [200, '{"n":1}']);
    } while (!state.over);
    return done;
  }

  test('others are answered while a large answer is mapped', async () => {
    const { response, text } = await meanwhile('/huge');
    assert.deepEqual([response.status, text], [200, '{"n":1}']);
  });

  test('others are answered while a mapping works on what it will never finish', async () => {
    assertProblem((await meanwhile('/hard')).response, 503, 'integration.mappings_busy');
  });
});
