// Bytes that no client should send: 5,000 small mutations of valid requests, and a thousand clients that never finish one.
// Whatever comes, the gateway answers or closes, keeps nothing, and never fails.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { type CleanUp, suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { type Origin, startOrigin } from '../support/origin.ts';
import { Random } from '../support/random.ts';
import { type RawClient, rawConnect } from '../support/raw.ts';

const MUTANTS = 5_000;
const AT_ONCE = 50;
const DRIPPING = 1_000;

const head = (line: string, ...fields: string[]): string =>
  `${[line, 'Host: a.example', ...fields].join('\r\n')}\r\n\r\n`;
const JSON_BODY = '{"id":1,"name":"x"}';

/** Valid, each of them. */
const REQUESTS = [
  head('GET /orders/7?a=b HTTP/1.1', 'Accept: */*', 'User-Agent: fuzz/1'),
  head('GET /keyed HTTP/1.1', 'X-Api-Key: acme-secret-one-aaaaaaaa', 'Cookie: a=b'),
  head('POST /checked HTTP/1.1', 'Content-Type: application/json', `Content-Length: ${JSON_BODY.length}`) + JSON_BODY,
  `${head('POST /orders HTTP/1.1', 'Transfer-Encoding: chunked', 'TE: trailers')}5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nX-T: 1\r\n\r\n`,
  `${head('PUT /orders/7 HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 5')}hello`,
  head('OPTIONS /orders HTTP/1.1', 'Origin: https://app.example', 'Access-Control-Request-Method: POST'),
  head('HEAD http://a.example/orders HTTP/1.1', 'Connection: keep-alive, x-a', 'X-A: 1', 'X-Forwarded-For: 1.2.3.4'),
  head(
    'GET /ws HTTP/1.1',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ),
  `${head('GET /orders HTTP/1.1')}${head('POST /orders HTTP/1.1', 'Content-Length: 2')}hi${head('GET /orders HTTP/1.0', 'Connection: close')}`,
] as const;

/** What parsers stumble over. */
const TOKENS = [
  '\r\n',
  '\n',
  '\r',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '/',
  '//',
  '..',
  '%00',
  '%2f',
  '%',
  '#',
  '?',
  '*',
  '"',
  '\\',
  '\xff',
  '-1',
].concat(
  [
    '0',
    '9999999999',
    '0x1',
    'chunked',
    'identity',
    'close',
    'HTTP/1.0',
    'HTTP/9.9',
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
  ],
  [
    'Host: b\r\n',
    'Expect: x\r\n',
    'Upgrade: h2c\r\n',
    '__proto__: 1\r\n',
    'Connection: host\r\n',
    '\r\n\r\n',
    '0\r\n\r\n',
    'GET / HTTP/1.1\r\n',
  ],
) as [string, ...string[]];

function mutate(random: Random): Buffer {
  let text: string = random.pick(REQUESTS);
  for (let edits = 1 + random.below(3); edits > 0; edits--) {
    const at = random.below(text.length);
    const span = 1 + random.below(8);
    switch (random.below(6)) {
      case 0:
        text = text.slice(0, at) + random.pick(TOKENS) + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + random.pick(TOKENS) + text.slice(at + span);
        break;
      case 2:
        text = text.slice(0, at) + text.slice(at + span);
        break;
      case 3:
        text = text.slice(0, at + span) + text.slice(at);
        break;
      case 4:
        text = text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
        break;
      default:
        text = text.slice(0, Math.max(1, at)) + text.slice(at).toUpperCase();
    }
  }
  return Buffer.from(text, 'latin1');
}

suite('hostile bytes', () => {
  let gateway: RunningGateway;
  let origin: Origin;
  let observed: Observed;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t);
    const to = { to: 'orders', auth: 'none' };
    gateway = await startGateway(t, {
      gateway: { limits: { header_timeout: '3s' } },
      routes: {
        version: 1,
        defaults: { timeout: { answer: '2s', idle: '1s' } },
        tenants: { acme: { keys: ['acme-secret-one-aaaaaaaa'] } },
        upstreams: { orders: origin.url },
        routes: {
          orders: { match: '/orders/**', ...to, cors: { origins: ['https://app.example'] } },
          keyed: { match: 'GET /keyed', to: 'orders', auth: 'key' },
          checked: { match: 'POST /checked', ...to, body: { type: 'object', required: ['id'] } },
          ws: { match: 'GET /ws', ...to, websocket: true },
        },
      },
    });
    observed = new Observed(gateway);
  });

  /** No exception, nothing in flight, one line and one count for each request. */
  async function isUnharmed(): Promise<void> {
    await observed.atRest();
    assert.deepEqual(
      gateway.log.lines.filter(({ event }) => event === 'incident' || event === 'not-json'),
      [],
    );
    assert.equal(gateway.process.stderr, '');
    assert.equal((await fetch(`${gateway.url}/orders`)).status, 200);
  }

  test(`${MUTANTS} mutants of valid requests`, async () => {
    const random = new Random(26_1121);
    const statuses = new Map<string, number>();
    let left = MUTANTS;
    const ask = async (): Promise<void> => {
      while (left-- > 0) {
        const mutant = mutate(random);
        for (const status of await answersTo(t, gateway.port, mutant)) {
          statuses.set(status, (statuses.get(status) ?? 0) + 1);
          // 102: asks whether one that has ended its half is still there.
          assert.match(status, /^(?:10[02]|20[04]|4\d\d|50[124])$/, JSON.stringify(mutant.toString('latin1')));
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    await isUnharmed();
    for (const status of ['200', '400', '401', '404', '417', '422'])
      assert.ok(statuses.has(status), `${status} among ${[...statuses.keys()].join()}`);
    const ids = origin.received.map((request) => request.header('x-request-id'));
    assert.equal(new Set(ids).size, ids.length, 'each request that reached the upstream is one of the gateway’s own');
    for (const request of origin.received) assert.deepEqual(request.all('host'), [`127.0.0.1:${origin.port}`]);
  });

  test(`${DRIPPING} clients that drip their headers are cut off, and others are served meanwhile`, async (each) => {
    const connect = async (): Promise<RawClient> =>
      (await rawConnect(each, gateway.port)).send('GET /orders HTTP/1.1\r\nHost: a\r\nX-Drip: ');
    const clients = await Promise.all(Array.from({ length: DRIPPING }, connect));
    const dripping = setInterval(() => {
      for (const { socket } of clients) if (socket.writable) socket.write('x');
    }, 200);
    each.after(() => clearInterval(dripping));
    assert.equal((await fetch(`${gateway.url}/orders`)).status, 200);
    const answers = await Promise.all(clients.map((client) => client.response()));
    clearInterval(dripping);
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [408]);
    await Promise.all(clients.map(({ ended }) => ended));
    await isUnharmed();
  });
});

/** The statuses of everything that is answered; the connection is the client's to end, a while after the last byte. */
async function answersTo(t: CleanUp, port: number, bytes: Uint8Array): Promise<readonly string[]> {
  const client = await rawConnect(t, port);
  client.send(bytes);
  await quiet(client);
  client.halfClose();
  const { bytes: answer } = await client.rest();
  client.socket.destroy();
  return statusLines(answer.toString('latin1'));
}

/** Until an answer or an end; what is still incomplete then is left so. */
async function quiet(client: RawClient): Promise<void> {
  const timer = Promise.withResolvers<void>();
  const timeout = setTimeout(timer.resolve, 30);
  await Promise.race([client.ended, timer.promise]);
  clearTimeout(timeout);
}

function statusLines(text: string): readonly string[] {
  return [...text.matchAll(/^HTTP\/1\.1 (\d{3}) [^\r\n]*\r$/gm)].map(([, status]) => String(status));
}
