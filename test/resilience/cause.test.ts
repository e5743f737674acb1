import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { errors } from 'undici';
import { causeOf } from '../../src/resilience/cause.ts';

const coded = (message: string, fields: object): Error => Object.assign(new Error(message), fields);

suite('the cause of a failure', () => {
  test('is code and message, the code once', () => {
    assert.equal(
      causeOf(coded('certificate has expired', { code: 'CERT_HAS_EXPIRED' })),
      'CERT_HAS_EXPIRED: certificate has expired',
    );
    assert.equal(causeOf(new errors.SocketError('other side closed')), 'UND_ERR_SOCKET: other side closed');
    assert.equal(
      causeOf(coded('getaddrinfo ENOTFOUND nowhere', { code: 'ENOTFOUND' })),
      'getaddrinfo ENOTFOUND nowhere',
    );
    assert.equal(causeOf(coded('read ECONNRESET', { code: 'EPIPE', syscall: 'read' })), 'read ECONNRESET');
  });

  test('of several addresses is what each of them said', () => {
    const both = new AggregateError([
      new Error('connect ECONNREFUSED ::1:1'),
      new Error('connect ECONNREFUSED 127.0.0.1:1'),
    ]);
    assert.equal(causeOf(both), 'connect ECONNREFUSED ::1:1, connect ECONNREFUSED 127.0.0.1:1');
  });

  test('never fills the log', () => {
    assert.equal(causeOf(new Error('x'.repeat(1000))).length, 200);
  });

  test('is the name of an error that says nothing', () => {
    assert.equal(causeOf(new TypeError('')), 'TypeError');
  });
});
