import assert from 'node:assert/strict';
import { test } from 'node:test';
import { token, traceparent, uuidv7 } from '../../src/edge/ids.ts';

/** Far more than one pool of random bytes is enough for. */
const MANY = 10_000;

test('request IDs are UUIDs of version 7, and no two are the same however many are drawn', () => {
  const drawn = Array.from({ length: MANY }, () => uuidv7());
  for (const id of drawn) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(drawn).size, MANY);
  assert.equal(new Set(drawn.map((id) => id.slice(-12))).size, MANY, 'their random parts differ, too');
  assert.deepEqual(new Set(drawn.map((id) => id.charAt(19))), new Set(['8', '9', 'a', 'b']));
});

test('no two traces, spans or tokens are the same, whatever is drawn in between', () => {
  const drawn = Array.from({ length: MANY }, () => {
    const [, trace, span] = traceparent(undefined).split('-');
    return [trace, span, uuidv7().slice(-12), token()];
  }).flat();
  assert.equal(new Set(drawn).size, 4 * MANY);
});
