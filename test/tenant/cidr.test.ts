import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cidrSchema, matcher } from '../../src/tenant/cidr.ts';
import { reading, settingsOf } from '../support/reading.ts';

const cidr = cidrSchema('A range');
const matches = (...ranges: string[]) => matcher(ranges.map((range) => settingsOf(cidr, JSON.stringify(range))));

test('a range holds its first and last address and nothing beyond', () => {
  const isInside = matches('10.0.0.0/8', '192.0.2.128/25', '203.0.113.7', '2001:db8::/33');
  for (const address of ['10.0.0.0', '10.255.255.255', '192.0.2.128', '192.0.2.255', '203.0.113.7']) {
    assert.ok(isInside(address), address);
  }
  for (const address of ['9.255.255.255', '11.0.0.0', '192.0.2.127', '192.0.3.0', '203.0.113.6', '203.0.113.8']) {
    assert.ok(!isInside(address), address);
  }
  assert.ok(isInside('2001:db8::'));
  assert.ok(isInside('2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'));
  assert.ok(!isInside('2001:db8:8000::'));
});

test('ranges inside others and in any order are one set', () => {
  const isInside = matches('10.1.0.0/16', '172.16.0.0/12', '10.0.0.0/8', '10.0.0.0/24', '10.0.0.0/8');
  for (const address of ['10.0.0.1', '10.1.2.3', '10.200.0.1', '172.31.255.255']) assert.ok(isInside(address), address);
  for (const address of ['172.32.0.0', '8.8.8.8']) assert.ok(!isInside(address), address);
});

test('every one of many ranges is found', () => {
  const isInside = matches(...Array.from({ length: 200 }, (_, i) => `10.${i}.0.0/17`));
  for (let i = 0; i < 200; i++) {
    assert.ok(isInside(`10.${i}.127.255`));
    assert.ok(!isInside(`10.${i}.128.0`));
  }
});

test('an IPv4 address mapped into IPv6 is the IPv4 address, on either side', () => {
  assert.ok(matches('10.0.0.0/8')('::ffff:10.1.2.3'));
  assert.ok(matches('::ffff:10.0.0.0/104')('10.1.2.3'));
  assert.ok(!matches('::/0')('10.1.2.3'));
  assert.ok(matches('0.0.0.0/0')('::ffff:10.1.2.3'));
});

test('a text that is not an address is in no range', () => {
  const isInside = matches('0.0.0.0/0', '::/0');
  for (const text of ['', 'unknown', '010.0.0.1', '10.0.0.1:80']) assert.ok(!isInside(text), text);
});

test('a range that is not clear is refused', () => {
  const complaint = (text: string) => reading(cidr, JSON.stringify(text)).told.join();
  assert.match(complaint('0177.0.0.1'), /leading zeros/);
  assert.match(complaint('10.0.0.1/8'), /bits beyond the prefix/);
  assert.match(complaint('2001:db8::1/32'), /bits beyond the prefix/);
  assert.match(complaint('10.0.0.0/33'), /longer than an IPv4 address/);
  assert.match(complaint('::/129'), /longer than an IPv6 address/);
  for (const text of ['10.0.0.0/', '10.0.0.0/08', '10.0.0.0/-1', '10/8', 'fe80::1%eth0', 'localhost', '10.0.0.0/8/8']) {
    assert.match(complaint(text), /is not an address or a range/, text);
  }
});
