import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Expansion, expand } from '../../../src/config/read/expand.ts';
import { readYaml } from '../../../src/config/read/yaml.ts';
import * as s from '../../../src/schema/schema.ts';
import { readingOf, tell } from '../../support/reading.ts';

function scalar({ root }: Expansion): s.ScalarNode {
  const value = root.kind === 'map' ? root.entries[0]?.value : undefined;
  assert.ok(value?.kind === 'scalar');
  return value;
}

describe('references', () => {
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-expand-'));
    await mkdir(join(folder, 'secrets'));
    await writeFile(join(folder, 'secrets', 'key'), '\uFEFFs3cr3t-from-file\r\n');
  });

  after(() => rm(folder, { recursive: true }));

  async function expanded(text: string, env: Record<string, string> = {}): Promise<Expansion> {
    const { root, findings } = readYaml(text, join(folder, 'routes.yaml'));
    assert.deepEqual(findings, []);
    assert.ok(root);
    return expand(root, env);
  }

  it('stand for variables and files, also inside a longer text', async () => {
    const expansion = await expanded('a: "${env:USER_NAME}:${file:secrets/key}@host"', {
      USER_NAME: 'me',
    });
    assert.deepEqual(expansion.findings, []);
    assert.equal(scalar(expansion).text, 'me:s3cr3t-from-file@host');
    assert.deepEqual(expansion.files, [join(folder, 'secrets', 'key')]);
    assert.deepEqual([...expansion.secrets], ['me', 's3cr3t-from-file']);
  });

  it('mark what they stand for as secret, and nothing else', async () => {
    assert.equal(scalar(await expanded('a: ${env:X}', { X: '1' })).secret, true);
    assert.equal(scalar(await expanded('a: $${env:X}')).secret, false);
    assert.equal(scalar(await expanded('a: plain')).secret, false);
  });

  it('take the default when a variable is missing or empty', async () => {
    assert.equal(scalar(await expanded('a: "${env:X:-8080}"')).text, '8080');
    assert.equal(scalar(await expanded('a: "${env:X:-8080}"', { X: '' })).text, '8080');
    assert.equal(scalar(await expanded('a: "${env:X:-}"')).text, '');
    assert.equal(scalar(await expanded('a: "${env:X:-http://h:1/a-b}"')).text, 'http://h:1/a-b');
  });

  it('are coerced to what the field wants', async () => {
    const value = scalar(await expanded('a: ${env:N}', { N: '7' }));
    assert.equal(readingOf(s.integer({ doc: '' }), value).value, 7);
    const [finding] = readingOf(s.integer({ doc: '' }), scalar(await expanded('a: ${env:N}', { N: 'hunter2' }))).told;
    assert.equal(finding, '1:4 bad-value expected a whole number, which the referenced value is not');
  });

  it('cannot change the shape of a configuration', async () => {
    const value = scalar(await expanded('a: ${env:X}', { X: '{ b: [1] }\nc: 2' }));
    assert.deepEqual([value.kind, value.type, value.text], ['scalar', 'string', '{ b: [1] }\nc: 2']);
    assert.equal(scalar(await expanded('a: ${env:X}', { X: '${env:Y}' })).text, '${env:Y}');
  });

  it('to nothing are findings where they stand, and missing files are watched', async () => {
    const { findings, files } = await expanded('a: 1\nb: ${env:NO_SUCH}\nc: [1, "x${file:gone}"]\nd: ${file:secrets}');
    assert.deepEqual(findings.map(tell), [
      '2:4 missing-variable the environment variable NO_SUCH is not set (set it, or give a default: ${env:NO_SUCH:-…})',
      `3:8 missing-file cannot read ${join(folder, 'gone')}: there is no such file`,
      `4:4 missing-file cannot read ${join(folder, 'secrets')}: it is a directory`,
    ]);
    assert.deepEqual(files, [join(folder, 'gone'), join(folder, 'secrets')]);
  });

  it('must be of a known kind, closed, and in a value', async () => {
    const { findings } = await expanded('a: "${evn:X}"\nb: "${env:X"\nc: "${env:1X}"\n"${env:X}": 1', { X: '1' });
    const forms = 'references are ${env:NAME} and ${file:path}; $${ is the text ${';
    assert.deepEqual(findings.map(tell), [
      '1:4 bad-reference "evn" is not a kind of reference (did you mean "env"?)',
      '2:4 bad-reference this reference is not closed (add the closing })',
      `3:4 bad-reference this reference does not name a variable (${forms})`,
      '4:1 reference-in-key a key cannot hold a reference (write the key itself)',
    ]);
  });

  it('leave everything else as it is, and what is shared shared', async () => {
    const { root } = readYaml('a: &a { x: 1 }\nb: *a\nc: &c { y: "${env:X}" }\nd: *c', 'routes.yaml');
    assert.ok(root?.kind === 'map');
    const later = (await expand(root, { X: '1' })).root;
    assert.ok(later.kind === 'map');
    assert.equal(later.entries[0]?.value, root.entries[0]?.value);
    assert.equal(later.entries[2]?.value, later.entries[3]?.value);
  });
});
