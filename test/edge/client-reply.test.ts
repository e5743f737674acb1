// Whole answers, which wait for the end of the round: what else happens in it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askWhetherLeft } from '../../src/edge/half-close.ts';
import type { Exchange } from '../../src/exchange/exchange.ts';
import { answering } from '../support/answering.ts';
import { rawConnect } from '../support/raw.ts';

for (const version of ['1.0', '1.1']) {
  test(`what ends an exchange of HTTP/${version} that is answered cuts nothing, and leaves its line as it is`, async (t) => {
    const { port, ended } = await answering(t, (x) => {
      x.reply.complete('whole');
      x.reply.abort('drain_timeout');
    });
    const client = await rawConnect(t, port);
    client.send(`GET / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.equal((await client.response()).body.toString(), 'whole');
    assert.equal((await client.rest()).ending, 'fin');
    const [x] = ended;
    assert.deepEqual([x?.cut, x?.reason], [false, '']);
  });

  test(`an HTTP/${version} client that has ended its half gets an answer made just before it is asked whether it left`, async (t) => {
    const { port } = await answering(t, (x) => {
      // As long as until the first time that it is asked.
      setTimeout(() => x.reply.complete('whole'), 40);
      askWhetherLeft(x.req.socket, x);
      // Both are due when the event loop gets round to them.
      for (const begun = performance.now(); performance.now() < begun + 60; );
    });
    const client = await rawConnect(t, port);
    client.send(`GET / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`).halfClose();
    assert.equal((await client.response()).body.toString(), 'whole');
  });
}

test('an answer that throws on its way out is an incident, and those behind it go out', async (t) => {
  const failure = new Error('a listener');
  const waiting: Exchange[] = [];
  const { port, ended, thrown } = await answering(t, (x) => {
    if (waiting.push(x) < 2) return;
    for (const { reply, req, res } of waiting) {
      reply.complete(String(req.url));
      if (req.url !== '/fails') continue;
      res.once('prefinish', () => {
        throw failure;
      });
    }
  });
  const [first, second] = [await rawConnect(t, port), await rawConnect(t, port)];
  first.send('GET /fails HTTP/1.1\r\nHost: a\r\n\r\n');
  second.send('GET /fine HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  assert.equal((await second.response()).body.toString(), '/fine');
  await Promise.all([first.ended, second.ended]);
  assert.deepEqual(thrown, [failure]);
  assert.deepEqual(ended.find((x) => x.req.url === '/fails')?.reason, 'internal');
});
