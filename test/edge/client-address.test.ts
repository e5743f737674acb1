import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientAddress } from '../../src/edge/client-address.ts';
import { cidrSchema, matcher } from '../../src/tenant/cidr.ts';
import { settingsOf } from '../support/reading.ts';

const trusting = (...ranges: string[]) =>
  matcher(ranges.map((range) => settingsOf(cidrSchema('A proxy'), JSON.stringify(range))));

const proxies = trusting('10.0.0.0/8', '2001:db8:ffff::/48');

test('a peer that is not a trusted proxy is the client, whatever it claims', () => {
  assert.equal(clientAddress('192.0.2.9', '198.51.100.1', proxies), '192.0.2.9');
  assert.equal(clientAddress('192.0.2.9', undefined, proxies), '192.0.2.9');
});

test('behind trusted proxies the client is the right-most address that is not one', () => {
  assert.equal(clientAddress('10.0.0.1', '198.51.100.1', proxies), '198.51.100.1');
  assert.equal(clientAddress('10.0.0.1', '203.0.113.66, 198.51.100.1, 10.0.0.2', proxies), '198.51.100.1');
  assert.equal(clientAddress('2001:db8:ffff::1', '2001:DB8:0::7 ,2001:db8:ffff::2', proxies), '2001:db8::7');
});

test('a forged left part is never believed', () => {
  assert.equal(clientAddress('10.0.0.1', '10.0.0.9, 127.0.0.1, 198.51.100.1', proxies), '198.51.100.1');
});

test('an entry that is not an address ends the walk where it was still vouched for', () => {
  assert.equal(clientAddress('10.0.0.1', '198.51.100.1, unknown, 10.0.0.2', proxies), '10.0.0.2');
  for (const broken of ['', ',', ' , ', 'x', '010.0.0.1', '1.2.3.4, ']) {
    assert.equal(clientAddress('10.0.0.1', broken, proxies), '10.0.0.1', broken);
  }
});

test('when every address is a trusted proxy the client is the first of them', () => {
  assert.equal(clientAddress('10.0.0.1', '10.0.0.3, 10.0.0.2', proxies), '10.0.0.3');
  assert.equal(clientAddress('10.0.0.1', ',10.0.0.3', proxies), '10.0.0.3');
});

test('ports that proxies add are no part of the address', () => {
  assert.equal(clientAddress('10.0.0.1', '198.51.100.1:4711', proxies), '198.51.100.1');
  assert.equal(clientAddress('10.0.0.1', '[2001:db8::7]:4711', proxies), '2001:db8::7');
  assert.equal(clientAddress('10.0.0.1', '[2001:db8::7]', proxies), '2001:db8::7');
});

test('a dual-stack socket reports IPv4 peers as what they are', () => {
  assert.equal(clientAddress('::ffff:10.0.0.1', '::ffff:198.51.100.1', proxies), '198.51.100.1');
});
