// What a gate decides after the exchange has been answered without it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineProblem } from '../../src/exchange/problem.ts';
import { Pipeline } from '../../src/route/pipeline.ts';
import { answering } from '../support/answering.ts';
import { rawRequest } from '../support/raw.ts';

const REFUSED = defineProblem('refused', 503, 'Refused', 'destination_unavailable');
const NO_LIMITS = { maxBytes: 1, replayBytes: 0, stallMs: 1, totalMs: 1 };

test('a gate that lets pass what has just been refused elsewhere lets nothing pass', async (t) => {
  const called: string[] = [];
  const { port } = await answering(t, (x) => {
    const gate = Promise.withResolvers<undefined>();
    const incidents = (): string => assert.fail('nothing failed');
    new Pipeline(
      [{ onRequest: () => gate.promise }],
      NO_LIMITS,
      Number.POSITIVE_INFINITY,
      ({ path }) => void called.push(path),
      incidents,
    ).enter(x);
    // As a drain does, and a reload that revokes the key.
    x.reply.refuse(REFUSED);
    gate.resolve(undefined);
  });
  const { status } = await rawRequest(t, port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  assert.deepEqual([status, called], [503, []]);
});
