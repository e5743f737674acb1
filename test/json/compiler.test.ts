import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SchemaCompiler } from '../../src/json/compiler.ts';
import type { SchemaSource } from '../../src/json/source.ts';
import type { CompiledSchema } from '../../src/json/validators.ts';
import { githubOperations } from '../support/openapi.ts';

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-schemas-'));
});
after(async () => {
  await rm(folder, { recursive: true });
});

async function write(name: string, schema: unknown): Promise<SchemaSource> {
  const path = join(folder, name);
  await writeFile(path, typeof schema === 'string' ? schema : JSON.stringify(schema));
  return { kind: 'file', reading: 'exact', path, at: { file: 'routes.yaml', line: 7, column: 11, length: 4 } };
}

interface Compiled {
  readonly schema: CompiledSchema | undefined;
  readonly found: readonly string[];
}

async function compile(source: SchemaSource, compiler = new SchemaCompiler()): Promise<Compiled> {
  const found: string[] = [];
  const schema = await compiler.compile(source, ({ message, severity = 'error', hint }, { file, line, column }) => {
    found.push(
      `${file.replace(`${folder}/`, '')}:${line}:${column} ${severity}: ${message}${hint ? ` (${hint})` : ''}`,
    );
  });
  return { schema, found };
}

describe('SchemaCompiler', () => {
  it('follows references between files, also in a circle, and says what to watch', async () => {
    await write('line.json', {
      $defs: { sku: { type: 'string' } },
      type: 'object',
      properties: { parent: { $ref: 'order.json' } },
    });
    const source = await write('order.json', {
      $id: 'https://example.com/order.json',
      properties: { sku: { $ref: './line.json#/$defs/sku' }, line: { $ref: 'line.json' } },
    });
    const compiler = new SchemaCompiler();
    const { schema, found } = await compile(source, compiler);
    assert.deepEqual(found, []);
    assert.equal(schema?.accepts({ sku: 'a', line: { parent: { sku: 'b' } } }), true);
    assert.equal(schema?.accepts({ line: { parent: { sku: 1 } } }), false);
    assert.deepEqual([...compiler.files], [join(folder, 'order.json'), join(folder, 'line.json')]);
  });

  it('compiles equal schemas once, and takes over what did not change', async () => {
    const source = await write('same.json', { type: 'integer' });
    const compiler = new SchemaCompiler();
    const [a, b] = await Promise.all([compile(source, compiler), compile(source, compiler)]);
    assert.ok(a.schema);
    assert.equal(a.schema, b.schema);
    const next = new SchemaCompiler(compiler);
    assert.equal((await compile(source, next)).schema, a.schema);
    await write('same.json', { type: 'string' });
    const changed = (await compile(source, new SchemaCompiler(next))).schema;
    assert.equal(changed?.accepts('text'), true);
  });

  it('takes over a schema that stands elsewhere now', async () => {
    const inPlace = (line: number, schema: object): SchemaSource => {
      const at = { file: join(folder, 'routes.yaml'), line, column: 11, length: 4 };
      return { kind: 'inline', reading: 'exact', schema, file: at.file, at, places: new Map([['', at]]) };
    };
    const compiler = new SchemaCompiler();
    const first = (await compile(inPlace(7, { type: 'integer' }), compiler)).schema;
    assert.ok(first);
    const next = new SchemaCompiler(compiler);
    assert.equal((await compile(inPlace(9, { type: 'integer' }), next)).schema, first);
    const other = (await compile(inPlace(7, { type: 'string' }), next)).schema;
    assert.equal(other?.accepts('text'), true);
    const broken = { properties: { a: { $ref: '#/$defs/none' } } };
    for (const line of [3, 5]) {
      const { found } = await compile(inPlace(line, broken), next);
      assert.match(found.join(), new RegExp(`^routes.yaml:${line}:11 error: the schema cannot be used`));
    }
    const doubtful = { format: 'sku' };
    const last = new SchemaCompiler(next);
    for (const schemas of [next, last]) {
      assert.match((await compile(inPlace(8, doubtful), schemas)).found.join(), /the format "sku" is not known/);
    }
  });

  it('reports a file that is missing, malformed or no schema, where it can be seen', async () => {
    const missing: SchemaSource = { ...(await write('x.json', 'true')), kind: 'file', path: join(folder, 'none.json') };
    assert.deepEqual((await compile(missing)).found, [
      `routes.yaml:7:11 error: the schema file ${join(folder, 'none.json')} does not exist`,
    ]);
    assert.deepEqual((await compile(await write('bad.json', '{\n  "type": ,\n}'))).found, [
      'bad.json:2:11 error: the schema has "," where a value is expected',
    ]);
    assert.deepEqual((await compile(await write('list.json', '[]'))).found, [
      'list.json:1:1 error: a schema is a JSON object, or true or false',
    ]);
  });

  it('reports everything that is wrong with a schema at its place', async () => {
    const text = `{
  "properties": {
    "format": { "type": "string", "format": "emial" },
    "a": { "typ": "string" },
    "b": { "pattern": "(a|a)*\\\\b" },
    "c": { "$ref": "https://example.com/c.json" }
  },
  "examples": [{ "typ": 1, "$ref": "https://example.com" }]
}`;
    assert.deepEqual((await compile(await write('many.json', text))).found, [
      'many.json:3:45 warning: the format "emial" is not known and not checked (did you mean "email"?)',
      'many.json:4:19 error: "typ" is not a JSON Schema keyword (did you mean "type"?)',
      'many.json:5:23 error: the pattern "(a|a)*\\\\b" cannot be matched in linear time: it can read a text in several ways, and has a look-around, a back-reference, \\b or flags, or is too long',
      'many.json:6:20 error: "https://example.com/c.json" is not a local schema file (name another schema file by its relative path)',
    ]);
  });

  it('reports keywords of the wrong shape and references that lead nowhere', async () => {
    const shape = await compile(await write('shape.json', '{ "properties": { "a": { "minLength": "2" } } }'));
    assert.deepEqual(shape.found, ['shape.json:1:39 error: "minLength" must be integer']);
    const reference = await compile(await write('ref.json', '{ "properties": { "a": { "$ref": "#/$defs/none" } } }'));
    assert.equal(reference.found.length, 1);
    assert.match(reference.found[0] ?? '', /^ref\.json:1:34 error: the schema cannot be used: .*#\/\$defs\/none/);
    const draft = await compile(await write('draft.json', '{ "$schema": "http://json-schema.org/draft-07/schema#" }'));
    assert.match(
      draft.found[0] ?? '',
      /^draft\.json:1:14 error: .* is not supported \(schemas are JSON Schema 2020-12\)/,
    );
  });

  it('an unknown format is a warning, and the schema works', async () => {
    const { schema, found } = await compile(await write('format.json', { type: 'string', format: 'sku' }));
    assert.equal(found.length, 1);
    assert.equal(schema?.accepts('anything'), true);
  });

  it('gives up on a value whose texts cost a pattern too much, also where the pattern must not match', async () => {
    const { schema, found } = await compile(
      await write('costly.json', { items: { not: { pattern: '[ab]*a[ab]{300}c' } } }),
    );
    assert.deepEqual(found, []);
    const bits = Array.from({ length: 20_000 }, (_, n) => n.toString(2).replaceAll('0', 'a').replaceAll('1', 'b'));
    assert.equal(schema?.accepts(['aabb']), true);
    assert.equal(schema?.accepts([bits.join('')]), false);
    assert.deepEqual(schema?.breaches([bits.join('')], 0), [
      { pointer: '', detail: 'takes too long to be matched with its patterns', kind: 'enum' },
    ]);
    assert.equal(schema?.accepts(['aabb']), true);
  });

  it('checks formats in linear time', async () => {
    const { schema } = await compile(await write('formats.json', { items: { format: 'url' } }));
    assert.equal(
      schema?.accepts(['https://user:pw@example.com:8443/a?b#c', 'http://192.0.2.1', 'ftp://bücher.example/']),
      true,
    );
    for (const text of [
      'example.com',
      'http://localhost',
      'http://a b.example',
      'mailto:a@b.example',
      'http://[::1]/',
    ]) {
      assert.equal(schema?.accepts([text]), false, text);
    }
    assert.equal(schema?.accepts([`http://${'::'.repeat(100_000)}`]), false);
    const dates = (await compile(await write('dates.json', { items: { format: 'date-time' } }))).schema;
    assert.equal(dates?.accepts(['2026-11-20T09:30:00.123456Z']), true);
    assert.equal(dates?.accepts(['t'.repeat(1_000_000)]), false);
  });

  it('finds equal items in linear time, whatever the order of their keys', async () => {
    const { schema } = await compile(await write('unique.json', { uniqueItems: true }));
    assert.equal(schema?.accepts([1, '1', 's1', true, 'true', null, { a: 1 }, '{"a":1}', [1], '[1]']), true);
    assert.equal(
      schema?.accepts([
        { a: 1, b: [2] },
        { b: [2], a: 1 },
      ]),
      false,
    );
    assert.equal(schema?.accepts(Array.from({ length: 100_000 }, (_, id) => ({ id }))), true);
  });
});

describe('the request bodies of GitHub’s API', () => {
  it('all compile, and only a format of their own is remarked upon', async () => {
    const compiler = new SchemaCompiler();
    const bodies = githubOperations().flatMap(({ body }) => (body === undefined ? [] : [body]));
    const found = new Set<string>();
    let compiled = 0;
    for (const [index, schema] of bodies.entries()) {
      const at = { file: 'routes.yaml', line: index + 1, column: 1, length: 1 };
      const result = await compile(
        { kind: 'inline', reading: 'exact', schema, file: '/routes.yaml', at, places: new Map() },
        compiler,
      );
      if (result.schema !== undefined) compiled++;
      for (const finding of result.found) found.add(finding.replace(/^.*?: /, ''));
    }
    assert.deepEqual([bodies.length, compiled], [342, 342]);
    assert.deepEqual([...found], ['the format "repo.nwo" is not known and not checked']);
  });
});
