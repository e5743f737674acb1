import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { TlsSource } from '../../src/upstream/tls.ts';
import { temporaryDirectory } from '../support/files.ts';
import { within } from '../support/wait.ts';
import { createAuthority } from './certificates.ts';

const NOTHING = { ca: undefined, cert: undefined, key: undefined, servername: undefined };
const DAY_MS = 86_400_000;

test('material may be paths, relative to the routes file, or PEM text', async (t) => {
  const authority = await createAuthority(t);
  const { cert, key } = authority.issue('gateway.internal');
  const folder = await temporaryDirectory(t, { 'certs/gw.pem': cert, 'certs/gw.key': key });
  const source = new TlsSource({ ...NOTHING, ca: authority.cert, cert: 'certs/gw.pem', key: 'certs/gw.key' }, folder);
  const days = ((source.expiresAtMs ?? 0) - Date.now()) / DAY_MS;
  assert.ok(days > 29 && days <= 30, `${days} days`);
});

test('nothing given is nothing that expires', () => {
  assert.equal(new TlsSource({ ...NOTHING, servername: 'catalog.internal' }, '.').expiresAtMs, undefined);
});

test('there is no start with a file that is missing or no PEM, or a key of another certificate', async (t) => {
  const authority = await createAuthority(t);
  const one = authority.issue('one.internal');
  const other = authority.issue('other.internal');
  const folder = await temporaryDirectory(t, { 'text.pem': 'hello' });
  assert.throws(() => new TlsSource({ ...NOTHING, ca: 'absent.pem' }, folder), /absent\.pem/);
  assert.throws(() => new TlsSource({ ...NOTHING, ca: 'text.pem' }, folder), /tls ca: .*text\.pem is not PEM/);
  assert.throws(() => new TlsSource({ ...NOTHING, key: 'MHcC\nAQEE' }, folder), {
    message: 'tls key: neither a path nor PEM text',
  });
  assert.throws(() => new TlsSource({ ...NOTHING, cert: one.cert, key: other.key }, folder), /mismatch/);
});

test('files are read again when they are replaced; until they fit, the last good ones stay', async (t) => {
  const authority = await createAuthority(t);
  const old = authority.issue('old.internal');
  const next = authority.issue('new.internal');
  const folder = await temporaryDirectory(t, { 'gw.pem': old.cert, 'gw.key': old.key });
  const source = new TlsSource({ ...NOTHING, cert: 'gw.pem', key: 'gw.key' }, folder);
  t.after(() => source.close());
  const before = source.context;
  const refused = Promise.withResolvers<Error>();
  const changed = Promise.withResolvers<void>();
  source.watch(changed.resolve, refused.resolve);

  const replace = async (file: string, text: string): Promise<void> => {
    await writeFile(join(folder, `${file}.next`), text);
    await rename(join(folder, `${file}.next`), join(folder, file));
  };
  await replace('gw.pem', next.cert);
  assert.match((await within(refused.promise, 'refusal of half a change')).message, /mismatch/);
  assert.equal(source.context, before);
  await replace('gw.key', next.key);
  await within(changed.promise, 'new material');
  assert.notEqual(source.context, before);
});
