import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readNamedFile, readNamedFileSync, readToEnd } from '../src/named-file.ts';
import { temporaryDirectory } from './support/files.ts';

const MIB = 1024 ** 2;

/** Both ways to read a file say the same. */
async function assertRefused(path: string, message: RegExp | { code: string }): Promise<void> {
  await assert.rejects(readNamedFile(path), message);
  assert.throws(() => readNamedFileSync(path), message);
}

async function folder(t: TestContext) {
  const directory = await temporaryDirectory(t, { 'v1/text': 'one' });
  return (name: string): string => join(directory, name);
}

test('a file is read through links to it and to its folder, as Kubernetes mounts one', async (t) => {
  const at = await folder(t);
  await symlink('v1', at('..data'));
  await symlink('..data/text', at('text'));
  assert.equal((await readNamedFile(at('text'))).toString(), 'one');
  assert.equal(readNamedFileSync(at('text')).toString(), 'one');
});

test('what is no file is refused and not waited for', async (t) => {
  const at = await folder(t);
  execFileSync('mkfifo', [at('pipe')]);
  await symlink('pipe', at('link'));
  await assertRefused(at('pipe'), /\/pipe: it is a pipe, not a file/);
  await assertRefused(at('link'), /\/link: it is a pipe/);
  await assertRefused('/dev/zero', /\/dev\/zero: it is a device/);
  await assertRefused(at('v1'), /\/v1: it is a directory/);
  await assertRefused(at('none'), { code: 'ENOENT' });
});

test('a socket is refused', async (t) => {
  const at = await folder(t);
  const server = createServer().listen(at('socket'));
  t.after(() => void server.close());
  await once(server, 'listening');
  await assertRefused(at('socket'), { code: 'ENXIO' });
});

test('a file that nobody would hold in memory is refused unread', async (t) => {
  const at = await folder(t);
  await writeFile(at('large'), '');
  await truncate(at('large'), 64 * MIB + 1);
  await assertRefused(at('large'), /\/large: it is larger than 64 MiB/);
  await assert.rejects(readNamedFile(at('v1/text'), 2), /it is larger than/);
});

test('what is read once may be anything that ends in time', async (t) => {
  const at = await folder(t);
  execFileSync('mkfifo', [at('pipe')]);
  const [bytes] = await Promise.all([readToEnd(at('pipe')), writeFile(at('pipe'), 'through a pipe')]);
  assert.equal(bytes.toString(), 'through a pipe');
  await assert.rejects(readToEnd('/dev/zero'), /\/dev\/zero: it is larger than 64 MiB/);
  await assert.rejects(readToEnd(at('v1')), { code: 'EISDIR' });
});
