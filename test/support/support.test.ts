// The tools that other tests stand on, held to what they claim: a test that cannot see a reset proves nothing about resets.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { temporaryDirectory } from './files.ts';
import { assertGenerated } from './generated.ts';
import { startNginx } from './nginx.ts';
import { answerStatuses, startOrigin } from './origin.ts';
import { closedPort } from './ports.ts';
import { rawConnect, rawRequest } from './raw.ts';
import { replying, startRawOrigin } from './raw-origin.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

test('an origin remembers what it got, byte for byte, and answers as told', async (t) => {
  const origin = await startOrigin(t, answerStatuses(503, 200));
  const client = await rawConnect(t, origin.port);
  client.send('POST /a%2Fb?x HTTP/1.1\r\nHost: a\r\nX-Twice: 1\r\nx-twice: 2\r\nContent-Length: 3\r\n\r\nabc');
  assert.equal((await client.response()).status, 503);
  assert.equal((await client.send(GET).response()).status, 200);

  const first = await origin.request(0);
  assert.equal(first.url, '/a%2Fb?x');
  assert.equal(first.body.toString(), 'abc');
  assert.deepEqual(first.all('X-TWICE'), ['1', '2']);
  assert.throws(() => first.header('x-twice'), /arrived 2 times/);
});

test('a stopped origin refuses connections and can come back on its port', async (t) => {
  const origin = await startOrigin(t);
  await origin.stop();
  await assert.rejects(rawConnect(t, origin.port), { code: 'ECONNREFUSED' });
  await startOrigin(t, undefined, origin.port);
  assert.equal((await rawRequest(t, origin.port, GET)).status, 200);
});

test('a closed port refuses', async (t) => {
  await assert.rejects(rawConnect(t, await closedPort()), { code: 'ECONNREFUSED' });
});

test('a raw client takes pipelined responses apart: lengths, chunks, trailers, no body', async (t) => {
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi');
    connection.write(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n',
    );
    connection.write('HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\nto the end').end();
  });
  const client = (await rawConnect(t, origin.port)).send(GET);
  assert.equal((await client.response({ interim: true })).header('LINK'), '</a>');
  assert.equal((await client.response()).body.toString(), 'hi');
  const chunked = await client.response();
  assert.equal(chunked.body.toString(), 'abcde');
  assert.deepEqual(chunked.trailers, ['X-Sum', '5']);
  assert.equal((await client.response()).status, 204);
  assert.equal((await client.response()).body.toString(), 'to the end');
});

test('a raw client tells a reset from an orderly end', async (t) => {
  const origin = await startRawOrigin(t, async (connection) => {
    await connection.heads();
    connection.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
    if (connection.index === 0) connection.reset();
    else connection.end();
  });
  const reset = (await rawConnect(t, origin.port)).send(GET);
  assert.equal((await reset.rest()).ending, 'rst');
  const ended = (await rawConnect(t, origin.port)).send(GET);
  await assert.rejects(ended.response(), /connection ended \(fin\) inside a response/);
  ended.socket.destroy();
  await origin.idle();
});

test('a raw origin sees a client that resets', async (t) => {
  const origin = await startRawOrigin(t, replying('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  const client = await rawConnect(t, origin.port);
  await client.send(GET).response();
  await client.send(GET).response();
  client.reset();
  await (await origin.connection(0)).closed;
});

test('nginx runs as an upstream', async (t) => {
  const nginx = await startNginx(t, 'location / { return 200 "from nginx"; }');
  const response = await rawRequest(t, nginx.port, GET);
  assert.equal(response.body.toString(), 'from nginx');
});

test('a file that is behind what writes it is told by its first line that differs', async (t) => {
  const page = join(await temporaryDirectory(t, { 'page.md': 'one\ntwo\nthree\n' }), 'page.md');
  assertGenerated(page, 'one\ntwo\nthree\n');
  assert.throws(() => assertGenerated(page, 'one\n2\nthree\n'), /page\.md .*`npm run docs`.* line 2 .*\n- two\n\+ 2$/);
  assert.throws(() => assertGenerated(page, 'one\ntwo\nthree\nfour\n'), / line 4 .*\n- \n\+ four$/);
  assert.throws(() => assertGenerated(page, 'one\ntwo'), / line 3 .*\n- three\n\+ \(end of the file\)$/);
});
