import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../../src/policies/ip.ts';
import { build, exchange, recordingEnv } from '../support/policies.ts';
import { reading, settingsOf } from '../support/reading.ts';

function verdict(yaml: string, address: string): unknown {
  const answer = build(ip, yaml, recordingEnv())?.onRequest?.(exchange({ address }));
  return answer && 'code' in Object(answer) ? (answer as { code: string }).code : answer;
}

test('a route without it, or with none, has no such policy', () => {
  assert.equal(build(ip, undefined, recordingEnv()), undefined);
  assert.equal(build(ip, 'none', recordingEnv()), undefined);
});

test('only allowed addresses are served', () => {
  const yaml = '{ allow: [10.0.0.0/8, "2001:db8::/32"] }';
  for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::1']) assert.equal(verdict(yaml, address), undefined);
  for (const address of ['11.0.0.1', '2001:db9::1', '']) assert.equal(verdict(yaml, address), 'ip.denied');
});

test('a denied address is refused also when it is allowed', () => {
  const yaml = '{ allow: 10.0.0.0/8, deny: 10.66.0.0/16 }';
  assert.equal(verdict(yaml, '10.1.0.1'), undefined);
  assert.equal(verdict(yaml, '10.66.0.1'), 'ip.denied');
});

test('with only deny everyone else is served, but an address that cannot be read is not', () => {
  const yaml = '{ deny: [192.0.2.0/24] }';
  for (const address of ['198.51.100.1', '2001:db8::1']) assert.equal(verdict(yaml, address), undefined);
  for (const address of ['192.0.2.1', '::ffff:192.0.2.1', '', 'unknown'])
    assert.equal(verdict(yaml, address), 'ip.denied');
});

test('a refusal names the address', () => {
  const x = exchange({ address: '192.0.2.1' });
  assert.ok(build(ip, '{ deny: 192.0.2.1 }', recordingEnv())?.onRequest?.(x));
  assert.equal(x.detail, '192.0.2.1 may not call this route');
});

test('settings that say nothing, or say it wrongly, are refused', () => {
  assert.equal(ip.check?.(settingsOf(ip.schema, '{}'))[0]?.code, 'empty-ip');
  assert.match(reading(ip.schema, '{ allow: [0177.0.0.1] }').told.join(), /leading zeros/);
  assert.match(reading(ip.schema, '{ alow: [10.0.0.0/8] }').told.join(), /did you mean "allow"/);
});
