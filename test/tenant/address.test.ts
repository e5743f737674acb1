import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalAddress, parseIPv4, subscriber } from '../../src/tenant/address.ts';

test('an IPv4 address is four decimal numbers', () => {
  assert.equal(parseIPv4('0.0.0.0'), 0);
  assert.equal(parseIPv4('10.0.0.1'), 0x0a000001);
  assert.equal(parseIPv4('255.255.255.255'), 2 ** 32 - 1);
});

test('what other readers take for octal, hexadecimal or a short form is not an IPv4 address', () => {
  for (const text of ['0177.0.0.1', '010.0.0.1', '00.0.0.0', '0x7f.0.0.1', '127.1', '2130706433', '1.2.3.256']) {
    assert.equal(parseIPv4(text), -1, text);
  }
  for (const text of [
    '',
    '.',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    ' 1.2.3.4',
    '1.2.3.-4',
    '1.2.3.4/8',
  ]) {
    assert.equal(parseIPv4(text), -1, text);
  }
});

test('an address has one spelling', () => {
  assert.equal(canonicalAddress('192.0.2.1'), '192.0.2.1');
  assert.equal(canonicalAddress('::ffff:192.0.2.1'), '192.0.2.1');
  assert.equal(canonicalAddress('0:0:0:0:0:FFFF:C000:0201'), '192.0.2.1');
  assert.equal(canonicalAddress('2001:DB8:0:0:0:0:0:1'), '2001:db8::1');
  assert.equal(canonicalAddress('fe80::1%eth0'), 'fe80::1');
  for (const text of ['', 'unknown', 'localhost', '::ffff:0177.0.0.1', '1.2.3.4:80', '_hidden']) {
    assert.equal(canonicalAddress(text), undefined, text);
  }
});

test('an IPv6 subscriber is its /64, an IPv4 one its address', () => {
  assert.equal(subscriber('192.0.2.1'), '192.0.2.1');
  assert.equal(subscriber('2001:db8:0:1::1'), subscriber('2001:db8:0:1:ffff::2'));
  assert.notEqual(subscriber('2001:db8:0:1::1'), subscriber('2001:db8:0:2::1'));
});
