import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { test } from 'node:test';
import { loadRoutes } from '../../../src/config/load/load-routes.ts';
import type { TextSource } from '../../../src/schema/text.ts';
import type { CleanUp } from '../../support/clean-up.ts';
import { load, told } from './routes.ts';

const HEAD = `version: 1
defaults: { auth: key }
integrations: { erp: "https://erp.example" }
routes:
`;

/** The mapping of the answer of the one route, and what was loaded. */
async function mappingOf(t: CleanUp, response: string, files: Record<string, string> = {}, env = {}) {
  const loaded = await load(t, `${HEAD}  a: { match: GET /a, to: erp, response: { body: ${response} } }\n`, files, env);
  const source: TextSource =
    loaded.config?.routes.get('a')?.response?.body ?? assert.fail(told(loaded.findings).join());
  return { loaded, source };
}

test('a text that ends like a file is that file’s, which is watched', async (t) => {
  const { loaded, source } = await mappingOf(t, 'maps/out.jsonata', { 'maps/out.jsonata': '{\n  "a": b\n}\n' });
  assert.equal(loaded.texts.text(source), '{\n  "a": b\n}\n');
  assert.deepEqual(
    loaded.files.map((file) => basename(file)),
    ['routes.yaml', 'out.jsonata'],
  );
});

test('the hash follows the content of a mapping', async (t) => {
  const { loaded: one, source } = await mappingOf(t, 'out.jsonata', { 'out.jsonata': 'a' });
  const hash = async (): Promise<string> => (await loadRoutes(one.files[0] ?? assert.fail(), {})).hash;
  assert.equal(await hash(), one.hash);
  assert.equal(source.kind, 'file');
  if (source.kind === 'file') await writeFile(source.path, 'c');
  assert.notEqual(await hash(), one.hash);
  assert.equal(one.texts.text(source), 'a', 'what was read is what was loaded');
});

test('a file that cannot be read is told of wherever it is named, and watched all the same', async (t) => {
  const { config, findings, files } = await load(
    t,
    `${HEAD}  a: { match: GET /a, to: erp, response: { body: gone.jsonata } }
  b: { match: POST /b, to: erp, request: { xml: gone.xml }, response: { body: gone.jsonata } }
  c: { match: GET /c, to: erp, response: { body: empty.jsonata } }
  d: { match: POST /d, to: erp, request: { soap: { action: Do, body: . } } }
`,
    { 'empty.jsonata': ' \n' },
  );
  assert.equal(config, undefined);
  assert.deepEqual(told(findings), [
    '5:50 error text-file',
    '6:49 error text-file',
    '6:79 error text-file',
    '7:50 error text-file',
  ]);
  assert.match(findings[0]?.message ?? '', /gone\.jsonata cannot be read: there is no such file/);
  assert.match(findings[3]?.message ?? '', /empty\.jsonata is empty/);
  assert.deepEqual(files.map((file) => basename(file)).toSorted(), [
    'empty.jsonata',
    'gone.jsonata',
    'gone.xml',
    'routes.yaml',
  ]);
});

test('what is wrong inside a file is placed there', async (t) => {
  const { loaded, source } = await mappingOf(t, 'out.jsonata', { 'out.jsonata': '{\r\n  "a": b ?\r\n}' });
  const at = loaded.texts.placeAt(source, 12);
  assert.deepEqual([basename(at.file), at.line, at.column], ['out.jsonata', 2, 10]);
  assert.equal(loaded.texts.wordsFor(source, 12), '');
});

test('what is wrong inside a text in place is placed in it where it stands as it was written', async (t) => {
  const cases: readonly (readonly [written: string, offset: number, place: string])[] = [
    ['a.b + c', 6, '5:56'],
    ['"{ \'a\': b }"', 7, '5:58'],
    ['\'{ "a": b }\'', 7, '5:58'],
  ];
  for (const [written, offset, place] of cases) {
    const { loaded, source } = await mappingOf(t, written);
    const at = loaded.texts.placeAt(source, offset);
    assert.equal(`${at.line}:${at.column}`, place, written);
    assert.equal(loaded.texts.wordsFor(source, offset), '', written);
  }
});

test('in a block, the line counts and the indentation does not', async (t) => {
  const { config, texts } = await load(
    t,
    `${HEAD}  a:
    match: GET /a
    to: erp
    response:
      body: |
        {
          "a": b
        }
`,
  );
  const source = config?.routes.get('a')?.response?.body ?? assert.fail();
  assert.equal(texts.text(source), '{\n  "a": b\n}\n');
  const at = texts.placeAt(source, 9);
  assert.deepEqual([at.line, at.column], [11, 16]);
});

test('a text that was written otherwise than it reads is placed as a whole, and the rest is said in words', async (t) => {
  const cases: readonly (readonly [written: string, offset: number, words: string])[] = [
    ['"a \\u002b b"', 4, ' (column 5 of it)'],
    ['"a\\nb ="', 4, ' (line 2, column 3 of it)'],
    ['"${env:MAPPING}"', 2, ' (column 3 of it)'],
  ];
  for (const [written, offset, words] of cases) {
    const { loaded, source } = await mappingOf(t, written, {}, { MAPPING: 'a + b' });
    assert.equal(loaded.texts.placeAt(source, offset).column, 50, written);
    assert.equal(loaded.texts.wordsFor(source, offset), words, written);
  }
});
