import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gcra } from '../../src/store/gcra.ts';
import { BucketTable, WindowTables } from '../../src/store/memory.ts';
import { stateKey } from '../../src/store/state-key.ts';

const perMinute = (limit: number) => new Gcra({ limit, windowMs: 60_000, text: `${limit}/min` });

/** What a caller's bucket holds. */
const tatMs = (table: BucketTable, caller: string, nowMs: number) => table.get(table.place(caller, nowMs));

test('a caller finds its bucket again, and nobody else does', () => {
  const table = new BucketTable();
  table.set(table.place('acme', 0), 12.5);
  table.set(table.place('gamma', 0), 7);
  assert.equal(tatMs(table, 'acme', 1), 12.5);
  assert.equal(tatMs(table, 'gamma', 1), 7);
  assert.equal(tatMs(table, 'beta', 1), 0);
});

test('a bucket is remembered for as long as it takes to fill', () => {
  const table = new BucketTable();
  const gcra = perMinute(10);
  table.serve(gcra);
  for (const startMs of [0, 59_999, 60_000, 61_000, 150_000, 3_600_000]) {
    const caller = `caller ${startMs}`;
    const bucket = { tatMs: tatMs(table, caller, startMs) };
    for (let i = 0; i < 10; i++) gcra.charge(bucket, startMs);
    table.set(table.place(caller, startMs), bucket.tatMs);
    // Others keep coming, so that generations pass.
    for (let ms = startMs; ms < startMs + gcra.horizonMs; ms += 500) table.place(`other ${ms % 1500}`, ms);
    assert.equal(tatMs(table, caller, startMs + gcra.horizonMs - 1), bucket.tatMs, `charged at ${startMs}`);
  }
});

test('idle callers are forgotten once their bucket is full', () => {
  const table = new BucketTable();
  table.serve(perMinute(10));
  for (let i = 0; i < 1000; i++) table.place(`tenant-${i}`, 0);
  assert.equal(table.size, 1000);
  table.place('other', 60_000);
  table.place('other', 120_000);
  assert.ok(table.size <= 2);
});

test('after a long silence the first request forgets everyone', () => {
  const table = new BucketTable();
  for (let i = 0; i < 1000; i++) table.place(`tenant-${i}`, 0);
  table.place('other', 10_000_000);
  assert.equal(table.size, 1);
});

test('a flood of addresses does not fill the memory', () => {
  const table = new BucketTable();
  for (let i = 0; i < 2_500_000; i++) table.place(String(i), 0);
  assert.ok(table.size <= 2_000_000);
});

test('limits with one window share buckets, those of different windows do not', () => {
  const tables = new WindowTables();
  assert.equal(tables.serve(perMinute(10)), tables.serve(perMinute(200)));
  assert.notEqual(tables.serve(perMinute(10)), tables.serve(new Gcra({ limit: 1, windowMs: 1000, text: '1/s' })));
});

test('keys of different parts are different, whatever the parts hold', () => {
  assert.notEqual(stateKey('a:b', 'c'), stateKey('a', 'b:c'));
  assert.notEqual(stateKey('a', ''), stateKey('', 'a'));
  assert.notEqual(stateKey('1:a', 'b'), stateKey('1', 'a1:b'));
  assert.equal(stateKey('a', 'b'), stateKey('a', 'b'));
});
