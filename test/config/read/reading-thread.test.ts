// The thread reads as the process itself would: the same tree, places and findings, whatever a file holds.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { ONE_TURN, type Turns } from '../../../src/config/load/turns.ts';
import { readSource } from '../../../src/config/read/read-source.ts';
import { readOnThread } from '../../../src/config/read/reading-thread.ts';
import type { CleanUp } from '../../support/clean-up.ts';
import { temporaryDirectory } from '../../support/files.ts';

const env = { NAME: 'orders', EMPTY: '', ABSENT: undefined };

const FILES: readonly (readonly [what: string, text: string])[] = [
  ['scalars of every type', 'a: text\nb: 1.50\nc: true\nd:\ne: ~\nf: "quoted ü"\ng: |\n  two\n  lines\n'],
  ['maps and lists in each other', 'a: [1, { b: [c, { d: e }] }]\nf:\n  - g\n  -\n    h: i\n'],
  ['JSON', '{"version": 1, "routes": {"one": {"match": "GET /a"}, "two": {}}}'],
  ['what references stand for', 'a: ${env:NAME}\nb: x-${env:EMPTY:-fallback}\nc: [$${env:NAME}]\n'],
  ['aliases and merge keys', 'a: &a { b: &b [1, 2], c: 3 }\nd: *a\ne: { <<: *a, c: 4 }\nf: *b\n'],
  ['keys that objects have by themselves', '__proto__: { constructor: 1 }\ntoString: 2\n'],
  ['findings beside a tree', 'a: 1\na: 2\nb: ${env:ABSENT}\nc: *none\n'],
  ['findings and no tree', 'a: [1\nb: {'],
  ['nothing', ''],
  ['a list', '- a\n- b\n'],
];

suite('a file is read on a thread as it is read in place', () => {
  for (const [what, text] of FILES) {
    test(what, async (t) => {
      const file = await written(t, text);
      assert.deepEqual(await readOnThread(file, env, ONE_TURN), await readSource(file, env));
    });
  }

  test('a file that is not there', async () => {
    const file = '/no/such/routes.yaml';
    assert.deepEqual(await readOnThread(file, env, ONE_TURN), await readSource(file, env));
  });

  test('a node that an alias repeats stays one', async (t) => {
    const { root } = await readOnThread(await written(t, 'a: &a { b: c }\nd: *a\n'), env, ONE_TURN);
    assert.ok(root?.kind === 'map');
    const [first, second] = root.entries;
    assert.equal(first?.value, second?.value);
  });
});

test('files that are read at once, and one after them', async (t) => {
  const files = await Promise.all(['a: 1\n', 'b: [2\n', 'c: { d: 3 }\n'].map((text) => written(t, text)));
  const read = await Promise.all(files.map((file) => readOnThread(file, env, ONE_TURN)));
  for (const file of files) read.push(await readOnThread(file, env, ONE_TURN));
  const expected = await Promise.all(files.map((file) => readSource(file, env)));
  assert.deepEqual(read, [...expected, ...expected]);
});

test('between any two entries of a section there may be a rest', async (t) => {
  const names = Array.from({ length: 50 }, (_, index) => `route-${index}`);
  const file = await written(t, `routes:\n${names.map((name) => `  ${name}: { to: a }\n`).join('')}`);
  let rests = 0;
  const turns: Turns = { isOver: true, rest: async () => void rests++ };
  assert.deepEqual(await readOnThread(file, env, turns), await readSource(file, env));
  assert.ok(rests >= names.length, `${rests} rests`);
});

async function written(t: CleanUp, text: string): Promise<string> {
  return join(await temporaryDirectory(t, { 'routes.yaml': text }), 'routes.yaml');
}
