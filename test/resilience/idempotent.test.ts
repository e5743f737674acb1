import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIdempotent } from '../../src/resilience/idempotent.ts';

test('methods may be sent again as RFC 9110 has them, in its spelling', () => {
  const methods = ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'QUERY', 'POST', 'PATCH', 'CONNECT', 'PURGE', 'get', ''];
  assert.deepEqual(methods.filter(isIdempotent), ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'QUERY']);
});
