import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { keySchema, newKey } from '../../src/tenant/keys.ts';
import { reading, settingsOf } from '../support/reading.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('a new key is 256 random bits that fit a header, a URL and a subprotocol', () => {
  const { key, hash } = newKey();
  assert.match(key, /^slc_[A-Za-z0-9_-]{43}$/);
  assert.equal(hash, `sha256:${sha256(key)}`);
  assert.notEqual(newKey().key, key);
});

test('a key in a file is its hash, or a secret that is hashed at once', () => {
  const digest = sha256('some-secret-in-clear');
  assert.equal(settingsOf(keySchema, `"sha256:${digest}"`), digest);
  assert.equal(settingsOf(keySchema, `"sha256:${digest.toUpperCase()}"`), digest);
  assert.equal(settingsOf(keySchema, 'some-secret-in-clear'), digest);
});

test('what cannot be a key is refused without being repeated', () => {
  const texts = ['""', 'tooshort', '"has spaces in it, several"', '"ключключключключ"', 'sha256:9f2c', 'a'.repeat(600)];
  for (const text of [...texts, `SHA256:${sha256('x')}`]) {
    const { told } = reading(keySchema, text);
    assert.equal(told.length, 1, text);
    if (text.length > 2) assert.ok(!told.join().includes(text.replaceAll('"', '')), told.join());
  }
});
