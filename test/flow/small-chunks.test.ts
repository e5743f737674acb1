// Uploads in chunks of a byte or so, thousands of which come at once: to the far side they are few pieces, and nothing else differs.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { Random } from '../support/random.ts';
import { rawConnect } from '../support/raw.ts';
import { type RawConnection, type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';
import { within } from '../support/wait.ts';

const OK = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok';
const BUSY = 'HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const END = '0\r\n\r\n';
const KEPT = { max: 1, when: 503, backoff: '1ms..1ms' };

suite('an upload in small chunks', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: RawOrigin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startRawOrigin(t);
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        defaults: { auth: 'none', retry: 0, timeout: 'none', body_max: 'none' },
        upstreams: { origin: { targets: origin.url, breaker: 'none', timeout: { try: 'none' } } },
        routes: {
          plain: { match: '/plain', to: 'origin' },
          kept: { match: '/kept', to: 'origin', retry: KEPT },
          limited: { match: '/limited', to: 'origin', body_max: '1KiB' },
          checked: { match: '/checked', to: 'origin', body: { type: 'array' } },
        },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  async function begin(path: string, body: string) {
    const id = newId();
    const client = await rawConnect(t, gateway.port);
    client.send(
      `PUT ${path} HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${id}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
    );
    return { id, client };
  }

  for (const [when, first] of [
    ['come before there is a connection', ''],
    ['come while it flows', 'first'],
  ] as const) {
    test(`goes on in few pieces when they ${when}`, async () => {
      origin.script = answerWhole;
      const waiting = origin.next();
      const body = text(4_000);
      const many = chunksOf(Array.from(body)) + END;
      const { client } = await begin('/plain', first === '' ? many : chunksOf([first]));
      const connection = await waiting;
      if (first !== '') {
        await connection.until((bytes) => bytes.endsWith(first));
        client.send(many);
      }
      assert.equal((await client.response()).status, 200);
      const pieces = piecesOf(connection);
      assert.equal(pieces.join(''), first + body);
      assert.ok(pieces.length <= 400, `${pieces.length} pieces`);
    });
  }

  test('mixed with large ones comes in its order', async () => {
    origin.script = answerWhole;
    const random = new Random(7);
    const letters = text(600_000);
    const parts: string[] = [];
    for (let from = 0; from < letters.length; ) {
      const length = random.pick([1, 1, 1, 2, 30, 900, 1_023, 1_024, 5_000, 20_000]);
      const count = length === 1 ? random.below(3_000) : random.below(12);
      for (let i = 0; i < count && from < letters.length; i++, from += length) {
        parts.push(letters.slice(from, from + length));
      }
    }
    const waiting = origin.next();
    const { client } = await begin('/plain', chunksOf(parts) + END);
    assert.equal((await client.response()).status, 200);
    assert.ok(piecesOf(await waiting).join('') === letters);
  });

  test('goes on chunk by chunk when they come one by one', async () => {
    origin.script = answerWhole;
    const waiting = origin.next();
    const { client } = await begin('/plain', chunksOf(['a']));
    const connection = await waiting;
    for (const [sent, next] of ['ab', 'bc', 'cd']) {
      assert.ok(
        await within(
          connection.until((bytes) => bytes.endsWith(`\r\n${sent}`)),
          `chunk ${sent}`,
        ),
      );
      client.send(chunksOf([next ?? '']));
    }
    client.send(END);
    assert.equal((await client.response()).status, 200);
    assert.deepEqual(piecesOf(connection), ['a', 'b', 'c', 'd']);
  });

  test('is sent again from its first byte', async () => {
    const earlier = origin.connections.length;
    const half = text(2_000);
    origin.script = async (connection) => {
      if (connection.index > earlier) return answerWhole(connection);
      await connection.until(() => piecesOf(connection).join('').length === half.length);
      connection.write(BUSY);
    };
    const { id, client } = await begin('/kept', chunksOf(Array.from(half)));
    const second = await origin.connection(earlier + 1);
    // A body that is complete before it is begun is sent with its length.
    await second.until(() => piecesOf(second).join('') === half);
    client.send(chunksOf(Array.from(half)) + END);
    assert.equal((await client.response()).status, 200);
    assert.equal(piecesOf(second).join(''), half + half);
    assert.equal((await observed.line(id))['attempts'], 2);
  });

  test('is collected whole for a check', async () => {
    origin.script = async (connection) => {
      await connection.until((bytes) => bytes.endsWith(']'));
      connection.write(OK);
    };
    const waiting = origin.next();
    const body = `[${'1, '.repeat(5_000)}2]`;
    const { client } = await begin('/checked', chunksOf(Array.from(body)) + END);
    assert.equal((await client.response()).status, 200);
    assert.ok((await waiting).received.toString('latin1').endsWith(`\r\n\r\n${body}`));
  });

  test('is refused at the byte that is too many', async () => {
    origin.script = () => {};
    const waiting = origin.next();
    const { id, client } = await begin('/limited', chunksOf(Array.from(text(1_024))));
    const connection = await waiting;
    await connection.until(() => piecesOf(connection).join('').length === 1_024);
    client.send(chunksOf(['x']));
    assert.equal((await client.response()).status, 413);
    assert.equal((await observed.line(id)).reason, 'request.body_too_large');
    await within(connection.closed, 'end of the upstream request');
  });

  test('that its client resets ends the upstream request', async () => {
    origin.script = () => {};
    const waiting = origin.next();
    const { id, client } = await begin('/plain', chunksOf(Array.from(text(3_000))));
    const connection = await waiting;
    await connection.until(() => piecesOf(connection).join('').length === 3_000);
    client.send(chunksOf(['x']).slice(0, -1));
    client.reset();
    await within(connection.closed, 'end of the upstream request');
    assert.equal((await observed.line(id)).reason, 'client_gone');
  });
});

async function answerWhole(connection: RawConnection): Promise<void> {
  await connection.until((bytes) => bytes.endsWith(END));
  connection.write(OK);
}

/** So many characters, none of which is that of another place nearby. */
function text(length: number): string {
  return Array.from({ length }, (_, index) => String.fromCharCode(97 + ((index * 7 + (index >> 5)) % 26))).join('');
}

function chunksOf(parts: readonly string[]): string {
  return parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('');
}

/** The chunks that have come whole, as they were framed; the end of the line behind one comes with the next. */
function piecesOf({ received }: RawConnection): string[] {
  const bytes = received.toString('latin1');
  const pieces: string[] = [];
  for (let at = bytes.indexOf('\r\n\r\n') + 4; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.slice(at, lineEnd), 16);
    if (lineEnd < 0 || !(size > 0) || bytes.length < lineEnd + 2 + size) return pieces;
    pieces.push(bytes.slice(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 4 + size;
  }
}
