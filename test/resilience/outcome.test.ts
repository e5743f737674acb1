import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { errors } from 'undici';
import { classifyError, type FailureKind } from '../../src/resilience/outcome.ts';

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function parserError(code?: string): Error {
  return Object.assign(new Error('Invalid header'), { name: 'HTTPParserError', code });
}

describe('before anything was sent', () => {
  for (const [error, kind] of [
    [coded('ECONNREFUSED'), 'refused'],
    [coded('ECONNRESET'), 'refused'],
    [new errors.SocketError('other side closed'), 'refused'],
    [coded('EHOSTUNREACH'), 'unreachable'],
    [coded('ENOTFOUND'), 'dns'],
    [coded('EAI_AGAIN'), 'dns'],
    [new errors.ConnectTimeoutError('late'), 'connect_timeout'],
    [new AggregateError([coded('ECONNREFUSED'), coded('ETIMEDOUT')]), 'connect_timeout'],
    [new AggregateError([coded('ECONNREFUSED'), coded('ECONNREFUSED')]), 'refused'],
    [coded('CERT_HAS_EXPIRED'), 'tls'],
    [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls'],
    [coded('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls'],
    [coded('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'), 'tls'],
    [coded('ERR_SSL_WRONG_VERSION_NUMBER'), 'tls_protocol'],
    [coded('EPROTO'), 'tls_protocol'],
  ] as const satisfies readonly (readonly [Error, FailureKind])[]) {
    test(`${error.message || error.name} is ${kind}, and safe to send elsewhere`, () => {
      const failure = classifyError(error, false);
      assert.equal(failure.kind, kind);
      assert.equal(failure.unsent, true);
      assert.equal(failure.result, kind.startsWith('tls') ? 'tls' : kind === 'dns' ? 'dns' : 'connect');
    });
  }

  test('a request that cannot be written is nobody’s outage, and no other target would do better', () => {
    assert.deepEqual(classifyError(new errors.InvalidArgumentError('invalid header'), false), {
      kind: 'protocol',
      result: 'protocol',
      unsent: false,
    });
  });
});

describe('after the request began to be sent', () => {
  for (const [error, kind] of [
    [coded('ECONNRESET'), 'reset'],
    [coded('EPIPE'), 'reset'],
    [new errors.SocketError('other side closed'), 'reset'],
    [new errors.SocketError('bad response'), 'protocol'],
    [new errors.SocketError('bad upgrade'), 'protocol'],
    [parserError('INVALID_CHUNK_SIZE'), 'protocol'],
    [parserError(), 'protocol'],
    [new errors.HeadersOverflowError(), 'protocol'],
    [new errors.ResponseContentLengthMismatchError(), 'protocol'],
    [coded('ERR_ASSERTION'), 'protocol'],
    [new errors.HeadersTimeoutError(), 'timeout'],
    [new errors.RequestAbortedError(), 'aborted'],
    [coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'tls'],
    [new Error('anything else'), 'reset'],
  ] as const satisfies readonly (readonly [Error, FailureKind])[]) {
    test(`${error.message} is ${kind}, and may have been executed`, () => {
      const failure = classifyError(error, true);
      assert.equal(failure.kind, kind);
      assert.equal(failure.unsent, false);
    });
  }
});
