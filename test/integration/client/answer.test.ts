import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { startOrigin } from '../../support/origin.ts';
import { replying, type Script, startRawOrigin } from '../../support/raw-origin.ts';
import { within } from '../../support/wait.ts';
import { errorOf, never, openClient, vendorRequest } from './open-client.ts';

const MIB = 1024 * 1024;
const MANY = 200_000;
const GZIP = 'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n';

/** Answers once, and counts what the other side took of it before it went. */
function pouring(head: string, chunk: Buffer, chunks: number): Script {
  return async (connection) => {
    await connection.heads();
    connection.write(head);
    const { socket } = connection;
    for (let i = 0; i < chunks && !socket.destroyed; i++) {
      if (!socket.write(chunk)) await new Promise((go) => socket.once('drain', go).once('close', go));
    }
  };
}

/** The raw answer, with its length. */
function whole(head: string, body: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`${head}content-length: ${body.length}\r\n\r\n`), Buffer.from(body)]);
}

/** What comes of an answer made of these bytes; the connection then ends when `ends`. */
async function kindOf(t: Parameters<typeof startRawOrigin>[0], bytes: string | Buffer, ends = false): Promise<string> {
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write(bytes);
    if (ends) connection.end();
  });
  return (await errorOf(openClient(t, origin.url).send(vendorRequest('/'), never()))).failure.kind;
}

describe('an answer', () => {
  test('has its status, its headers in lower case and its bytes', async (t) => {
    const body = Buffer.from([0xff, 0xfe, 0, 0xef, 0xbb, 0xbf, 0x7b]);
    const head =
      'HTTP/1.1 418 Odd\r\nContent-Type: application/json\r\nX-Two: a\r\nX-Two: b\r\nRetry-After: 1\r\nRetry-After: 2\r\n' +
      'Set-Cookie: a=b\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nX-Proto: {}\r\n__proto__: x\r\n';
    const origin = await startRawOrigin(t, replying(whole(head, body)));
    const answer = await openClient(t, origin.url).send(vendorRequest('/'), never());
    assert.equal(answer.status, 418);
    assert.deepEqual(
      [...answer.headers],
      [
        ['content-type', 'application/json'],
        ['x-two', 'a, b'],
        ['retry-after', '1, 2'],
        ['x-proto', '{}'],
        ['__proto__', 'x'],
      ],
    );
    assert.deepEqual(answer.body, body);
  });

  test('that is a redirect is the answer: nobody follows it', async (t) => {
    for (const location of ['http://169.254.169.254/latest/meta-data', '/elsewhere']) {
      const origin = await startRawOrigin(t, replying(whole(`HTTP/1.1 302 Found\r\nlocation: ${location}\r\n`, '')));
      const answer = await openClient(t, origin.url).send(vendorRequest('/'), never());
      assert.equal(answer.status, 302);
      assert.equal(answer.headers.get('location'), location);
      assert.equal(origin.connections.length, 1);
      assert.equal((await origin.connection(0)).received.toString().split('GET ').length, 2);
    }
  });

  test('without a body has none, whatever its head says', async (t) => {
    const large = 'content-length: 999999999\r\ncontent-encoding: gzip\r\n\r\n';
    for (const [method, bytes] of [
      ['HEAD', `HTTP/1.1 200 OK\r\n${large}`],
      ['GET', 'HTTP/1.1 204 No Content\r\ncontent-encoding: gzip\r\n\r\n'],
      ['GET', `HTTP/1.1 304 Not Modified\r\n${large}`],
      ['GET', whole(GZIP, '')],
      ['GET', `${GZIP}transfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
    ] as const) {
      const origin = await startRawOrigin(t, replying(bytes));
      const client = openClient(t, origin.url);
      for (let i = 0; i < 2; i++) {
        const answer = await client.send(vendorRequest('/', {}, undefined, method), never());
        assert.equal(answer.body.length, 0);
      }
      assert.equal(origin.connections.length, 1);
    }
  });

  test('without a length ends with its connection, if that ends in order', async (t) => {
    const orderly = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 200 OK\r\n\r\nwhole').end();
    });
    assert.equal((await openClient(t, orderly.url).send(vendorRequest('/'), never())).body.toString(), 'whole');
    const cut = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 200 OK\r\n\r\nhalf').reset();
    });
    assert.equal((await errorOf(openClient(t, cut.url).send(vendorRequest('/'), never()))).failure.kind, 'reset');
  });

  test('in very many chunks of one byte is one answer', async (t) => {
    const origin = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      connection.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
      connection.write(`${'1\r\nx\r\n'.repeat(MANY)}0\r\n\r\n`);
    });
    const { body } = await openClient(t, origin.url).send(vendorRequest('/'), never());
    assert.equal(body.length, MANY);
    assert.ok(body.equals(Buffer.alloc(MANY, 'x')));
  });
});

describe('a coding', () => {
  const text = Buffer.from(
    JSON.stringify({ rates: Array.from({ length: 500 }, (_, i) => ({ id: i, price: i / 100 })) }),
  );
  for (const [coding, encode] of [
    ['gzip', gzipSync],
    ['X-GZIP', gzipSync],
    ['deflate', deflateSync],
    ['Deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['Identity', (bytes: Buffer) => bytes],
  ] as const) {
    test(`${coding} is decoded, however its bytes come, and its half is no answer`, async (t) => {
      const coded = encode(text);
      const head = `HTTP/1.1 200 OK\r\ncontent-encoding: ${coding}\r\n`;
      const chunked = [...coded].map((byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join('');
      for (const bytes of [
        whole(head, coded),
        Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n${chunked}0\r\n\r\n`, 'latin1'),
      ]) {
        const origin = await startRawOrigin(t, replying(bytes));
        const answer = await openClient(t, origin.url).send(vendorRequest('/'), never());
        assert.deepEqual(answer.body, text);
        assert.equal(answer.headers.get('content-encoding'), undefined);
        assert.equal(answer.headers.get('content-length'), undefined);
      }
      if (coding === 'Identity') return;
      assert.equal(await kindOf(t, whole(head, coded.subarray(0, -5))), 'coding');
    });
  }

  for (const coding of ['gzip, gzip', 'gzip, br', 'compress', 'aws-chunked', '"gzip"', 'constructor']) {
    test(`${coding} is refused`, async (t) => {
      const twice = gzipSync(gzipSync(text));
      assert.equal(await kindOf(t, whole(`HTTP/1.1 200 OK\r\ncontent-encoding: ${coding}\r\n`, twice)), 'coding');
    });
  }

  test('in two header lines is refused like one with two', async (t) => {
    assert.equal(await kindOf(t, whole(`${GZIP}Content-Encoding: gzip\r\n`, gzipSync(gzipSync(text)))), 'coding');
  });

  test('that is not what the body is in is refused', async (t) => {
    for (const coding of ['gzip', 'deflate', 'br', 'zstd']) {
      const head = `HTTP/1.1 200 OK\r\ncontent-encoding: ${coding}\r\n`;
      assert.equal(await kindOf(t, whole(head, '<html>this is no archive</html>')), 'coding');
    }
  });
});

describe('what is too large', () => {
  test('is cut off as it streams, not after', async (t) => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const origin = await startRawOrigin(t, pouring('HTTP/1.1 200 OK\r\n\r\n', chunk, 4096));
    const client = openClient(t, origin.url, { responseMaxBytes: 5 * MIB });
    const error = await errorOf(client.send(vendorRequest('/'), never()));
    assert.deepEqual(error.failure, { kind: 'too_large', result: 'protocol', unsent: false });
    const connection = await origin.connection(0);
    await within(connection.closed, 'end of the connection');
    // 256 MiB were to come; what the kernel keeps on the way is far less than a quarter of that.
    assert.ok(connection.socket.bytesWritten < 64 * MIB, `${connection.socket.bytesWritten} bytes`);
  });

  test('by its own account is not waited for', async (t) => {
    assert.equal(await kindOf(t, 'HTTP/1.1 200 OK\r\ncontent-length: 5242881\r\n\r\n'), 'too_large');
  });

  test('is what has a byte too much', async (t) => {
    const origin = await startOrigin(t, ({ url }, response) => void response.end(Buffer.alloc(Number(url.slice(1)))));
    const client = openClient(t, origin.url, { responseMaxBytes: 1000 });
    assert.equal((await client.send(vendorRequest('/1000'), never())).body.length, 1000);
    assert.equal((await errorOf(client.send(vendorRequest('/1001'), never()))).failure.kind, 'too_large');
  });

  test('once decoded is cut off as it is decoded: a bomb takes no memory', async (t) => {
    // Members of a gzip file follow each other: 1 GiB of zeros in 1 MiB.
    const bomb = Buffer.concat(Array.from({ length: 16 }, () => gzipSync(Buffer.alloc(64 * MIB))));
    assert.ok(bomb.length < 2 * MIB);
    const origin = await startRawOrigin(t, replying(whole(GZIP, bomb)));
    const client = openClient(t, origin.url, { responseMaxBytes: 5 * MIB });
    const before = process.memoryUsage.rss();
    const errors = await Promise.all([1, 2, 3, 4].map(() => errorOf(client.send(vendorRequest('/'), never()))));
    const grown = process.memoryUsage.rss() - before;
    assert.deepEqual(new Set(errors.map(({ failure }) => failure.kind)), new Set(['too_large']));
    assert.ok(grown < 256 * MIB, `${grown} bytes`);
    await origin.idle();
  });

  test('once decoded is so in every coding', async (t) => {
    const zeros = Buffer.alloc(32 * MIB);
    for (const [coding, coded] of [
      ['deflate', deflateSync(zeros)],
      ['br', brotliCompressSync(zeros, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
      ['zstd', zstdCompressSync(zeros)],
    ] as const) {
      assert.equal(await kindOf(t, whole(`HTTP/1.1 200 OK\r\ncontent-encoding: ${coding}\r\n`, coded)), 'too_large');
    }
  });

  test('on the wire is so although nothing comes of it', async (t) => {
    // Each member of this gzip file holds nothing.
    const nothing = Buffer.concat(Array.from({ length: 4096 }, () => gzipSync('')));
    const origin = await startRawOrigin(t, pouring(`${GZIP}\r\n`, nothing, 4096));
    const error = await errorOf(openClient(t, origin.url, { responseMaxBytes: MIB }).send(vendorRequest('/'), never()));
    assert.equal(error.failure.kind, 'too_large');
    await origin.idle();
  });

  test('among headers is no HTTP', async (t) => {
    const header = `x-large: ${'x'.repeat(1000)}\r\n`;
    const origin = await startRawOrigin(t, pouring('HTTP/1.1 200 OK\r\n', Buffer.from(header.repeat(100)), 100));
    const error = await errorOf(openClient(t, origin.url).send(vendorRequest('/'), never()));
    assert.equal(error.failure.kind, 'protocol');
    await origin.idle();
  });

  test('in the number of headers is not: 16 KiB of them are read to the last', async (t) => {
    const many = 'a:\r\n'.repeat(2500);
    const origin = await startRawOrigin(t, replying(whole(`HTTP/1.1 200 OK\r\n${many}x-last: yes\r\n`, 'ok')));
    const { headers } = await openClient(t, origin.url).send(vendorRequest('/'), never());
    assert.equal(headers.get('x-last'), 'yes');
  });
});

describe('what is not whole', () => {
  for (const [what, bytes, kind] of [
    ['half a body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf', 'reset'],
    ['half a chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\nhalf', 'reset'],
    ['chunks without the last', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'reset'],
    ['half a coded body', `${GZIP}content-length: 100\r\n\r\n\x1f\x8b\x08`, 'reset'],
    ['half a head', 'HTTP/1.1 200 OK\r\ncontent-le', 'reset'],
    ['nothing', '', 'reset'],
  ] as const) {
    test(`${what} is ${kind}`, async (t) => {
      assert.equal(await kindOf(t, Buffer.from(bytes, 'latin1'), true), kind);
    });
  }
});

describe('what is no HTTP', () => {
  for (const [what, bytes] of [
    ['another protocol', '220 smtp.example ESMTP ready\r\n'],
    ['a chunk size that is no number', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!'],
    ['a length beside chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a transfer coding that is not chunked', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nxx'],
    ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
    ['101 without one', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['status 099', 'HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n'],
    ['1xx without end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(50)],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n'],
  ] as const) {
    test(`${what} is refused`, async (t) => {
      assert.equal(await kindOf(t, bytes), 'protocol');
    });
  }

  test('a few 1xx before the answer are', async (t) => {
    const bytes = `HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok`;
    const origin = await startRawOrigin(t, replying(bytes));
    assert.equal((await openClient(t, origin.url).send(vendorRequest('/'), never())).body.toString(), 'ok');
  });
});
