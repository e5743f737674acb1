import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type LookupAddress, lookup } from 'node:dns';
import { type LookupFunction, Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { Client } from '../../../src/integration/client/client.ts';
import { Egress } from '../../../src/integration/client/egress.ts';
import type { AddressMatcher } from '../../../src/tenant/cidr.ts';
import { startOrigin } from '../../support/origin.ts';
import { errorOf, never, openClient, vendorRequest } from './open-client.ts';

const REFUSED = { kind: 'egress', result: 'connect', unsent: true };

/** A name server that knows one answer. */
function resolvingTo(...addresses: string[]): LookupFunction {
  return (_name, options, callback) => {
    const all: LookupAddress[] = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (options.all === true) callback(null, all);
    else callback(null, all[0]?.address ?? '', all[0]?.family);
  };
}

/** The addresses that this process tries to connect to, from here to the end of the test. */
function attempts(t: TestContext): readonly string[] {
  const tried: string[] = [];
  const watch = (message: unknown): void => {
    if (typeof message !== 'object' || message === null || !('socket' in message)) return;
    const { socket } = message;
    assert.ok(socket instanceof Socket);
    socket.on('connectionAttempt', (address: string) => tried.push(address));
  };
  subscribe('net.client.socket', watch);
  t.after(() => {
    unsubscribe('net.client.socket', watch);
  });
  return tried;
}

const named =
  (...addresses: string[]): AddressMatcher =>
  (address) =>
    addresses.includes(address);

describe('without addresses', () => {
  for (const address of [
    '169.254.169.254',
    '169.254.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '0.0.0.0',
    '0.1.2.3',
    '224.0.0.1',
    '239.255.255.255',
    '255.255.255.255',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'ff02::1',
    'fd00:ec2::254',
    'FD00:EC2:0:0:0:0:0:254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '0:0:0:0:0:ffff:a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    '2002:a9fe:a9fe::1',
    '0251.0376.0251.0376',
    '0177.0.0.1',
    '2852039166',
    '0xa9fea9fe',
    '127.1',
    'localhost',
    '',
  ]) {
    test(`${address} is not to be reached`, () => {
      assert.equal(new Egress(undefined).allows(address), false);
    });
  }

  for (const address of [
    '127.0.0.1',
    '10.0.0.1',
    '172.16.5.4',
    '192.168.0.1',
    '100.64.0.1',
    '93.184.216.34',
    '::1',
    'fd00::1',
    '2001:db8::1',
    '::ffff:10.0.0.1',
    '64:ff9b::8.8.8.8',
  ]) {
    test(`${address} is`, () => {
      assert.equal(new Egress(undefined).allows(address), true);
    });
  }
});

describe('a name', () => {
  test('that leads to a metadata service is not followed there, in either spelling of its address', async (t) => {
    const tried = attempts(t);
    for (const address of ['169.254.169.254', '::ffff:169.254.169.254', 'fd00:ec2::254', '0251.0376.0251.0376']) {
      const client = openClient(t, 'http://api.vendor.example', {}, { lookup: resolvingTo(address) });
      const error = await errorOf(client.send(vendorRequest('/'), never()));
      assert.deepEqual(error.failure, REFUSED);
      assert.match(error.message, /api\.vendor\.example .*addresses/);
    }
    assert.deepEqual(tried, []);
  });

  test('with several addresses is reached at the allowed ones only', async (t) => {
    const origin = await startOrigin(t);
    const tried = attempts(t);
    const answer = resolvingTo('169.254.169.254', 'fe80::1', '127.0.0.1', '::ffff:169.254.169.254');
    const client = openClient(t, `http://api.vendor.example:${origin.port}`, {}, { lookup: answer });
    assert.equal((await client.send(vendorRequest('/'), never())).status, 200);
    assert.equal((await origin.request(0)).header('host'), `api.vendor.example:${origin.port}`);
    assert.deepEqual(tried, ['127.0.0.1']);
  });

  test('that leads elsewhere on a later connect is followed there only if that is allowed', async (t) => {
    const origin = await startOrigin(t, (_request, response) => void response.setHeader('connection', 'close').end());
    let address = '127.0.0.1';
    const client = openClient(
      t,
      `http://api.vendor.example:${origin.port}`,
      {},
      { lookup: (...args) => resolvingTo(address)(...args) },
    );
    assert.equal((await client.send(vendorRequest('/'), never())).status, 200);
    address = '169.254.169.254';
    assert.deepEqual((await errorOf(client.send(vendorRequest('/'), never()))).failure, REFUSED);
  });
});

describe('addresses', () => {
  test('names what is reached, link-local or not', () => {
    const allows = (address: string) => new Egress(named('169.254.169.254', '127.0.0.1')).allows(address);
    assert.ok(allows('169.254.169.254'));
    assert.ok(allows('::ffff:169.254.169.254'));
    assert.ok(allows('127.0.0.1'));
    assert.ok(!allows('10.0.0.1'));
    assert.ok(!allows('0177.0.0.1'));
  });

  test('leaves out all else', async (t) => {
    const origin = await startOrigin(t);
    const env = { lookup: resolvingTo('127.0.0.1') };
    const url = `http://api.vendor.example:${origin.port}`;
    const inside = openClient(t, url, { addresses: named('127.0.0.1') }, env);
    assert.equal((await inside.send(vendorRequest('/'), never())).status, 200);
    const outside = openClient(t, url, { addresses: named('10.0.0.1') }, env);
    assert.deepEqual((await errorOf(outside.send(vendorRequest('/'), never()))).failure, REFUSED);
    const literal = openClient(t, origin.url, { addresses: named('10.0.0.1') });
    assert.deepEqual((await errorOf(literal.send(vendorRequest('/'), never()))).failure, REFUSED);
    assert.equal(origin.started, 1);
  });
});

describe('a url', () => {
  for (const url of [
    'http://169.254.169.254',
    'http://[fe80::1]',
    'http://[::ffff:169.254.169.254]',
    'http://0.0.0.0',
  ]) {
    test(`of ${url} connects to nothing`, async (t) => {
      const tried = attempts(t);
      assert.deepEqual((await errorOf(openClient(t, url).send(vendorRequest('/'), never()))).failure, REFUSED);
      assert.deepEqual(tried, []);
    });
  }
});

test('an address that is spelled to look like another one is no origin', () => {
  const env = { lookup, folder: '.', onEvent: () => {} };
  const limits = { connectMs: 1000, responseMaxBytes: 1000, requestMaxBytes: 1000 };
  for (const origin of [
    'http://0251.0376.0251.0376',
    'http://2852039166',
    'http://0x7f.1',
    'http://a.example/',
    'http://A.example',
  ]) {
    assert.throws(
      () => new Client({ url: { origin, basePath: '' }, ...limits }, env),
      /not spelled as an origin is: write http:/,
    );
  }
});
