// Bytes in pieces: the same bytes, in order, in few objects.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ByteList } from '../../src/exchange/byte-list.ts';

suite('a list of bytes', () => {
  test('gives a lone piece back as it is', () => {
    const piece = Buffer.from('{}');
    const list = new ByteList();
    list.push(piece);
    assert.equal(list.toBuffer(), piece);
  });

  test('keeps every byte in order, whatever the sizes and however often it is read', () => {
    const list = new ByteList();
    const all: Buffer[] = [];
    for (const [i, size] of [1, 3, 5_000, 1, 1, 16_384, 20_000, 7, 0, 4_095, 4_095, 4_095, 4_095, 4_095, 2].entries()) {
      const piece = Buffer.alloc(size, i + 1);
      all.push(piece);
      list.push(piece);
      if (i % 4 === 0) assert.deepEqual(Buffer.concat(list.pieces), Buffer.concat(all));
    }
    assert.deepEqual(list.toBuffer(), Buffer.concat(all));
  });

  test('a megabyte in pieces of one byte is a few dozen objects', () => {
    const list = new ByteList();
    const bytes = Buffer.alloc(1_048_576, 'sluice');
    for (let i = 0; i < bytes.length; i++) list.push(bytes.subarray(i, i + 1));
    assert.ok(list.pieces.length < 100, `${list.pieces.length} objects`);
    assert.ok(list.toBuffer().equals(bytes));
  });
});
