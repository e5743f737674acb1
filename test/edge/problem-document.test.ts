import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemDocument, proxyStatus } from '../../src/edge/problem-document.ts';
import { defineProblem } from '../../src/exchange/problem.ts';
import { exchange } from '../support/policies.ts';

const BASE = 'urn:sluice:problem:';
const problem = defineProblem('area.reason', 418, 'A "title" of ☕', 'http_request_error');
const standard = { type: `${BASE}area.reason`, title: problem.title, status: 418, code: 'area.reason' };

/** What a client reads, and the names of its members in their order. */
function read(text: string): { readonly document: Record<string, unknown>; readonly names: readonly string[] } {
  const document: Record<string, unknown> = JSON.parse(text);
  return { document, names: Object.keys(document) };
}

test('what is not known is left out', () => {
  const x = exchange();
  x.requestId = 'request-1';
  assert.deepEqual(read(problemDocument(x, problem, BASE)).document, { ...standard, request_id: 'request-1' });
});

test('any text is read as it was said', () => {
  for (const text of [
    'say "no"',
    'back\\slash',
    'line\nbreak',
    'é, ☕ and 😀',
    '\u0085\u2028\u007f',
    '\ud800',
    'x'.repeat(9),
  ]) {
    const x = exchange();
    x.requestId = 'request-1';
    x.route = { name: text, params: [] };
    x.retryAfter = 12;
    x.violations = [{ pointer: '/a', detail: text }];
    x.refuse(problem, text, 12);
    const { document, names } = read(problemDocument(x, problem, `https://errors.example/${text}/`));
    assert.deepEqual(document, {
      ...standard,
      type: `https://errors.example/${text}/area.reason`,
      detail: text,
      request_id: 'request-1',
      route: text,
      retry_after: 12,
      errors: [{ pointer: '/a', detail: text }],
    });
    assert.equal(names.join(), 'type,title,status,detail,code,request_id,route,retry_after,errors');
  }
});

test('further members come last, and are no other word for a standard one', () => {
  const x = exchange();
  x.extensions = { vendor: 'parcels', status: 200, route: 'mine', nothing: undefined, fault: { code: 7 } };
  const { document, names } = read(problemDocument(x, problem, BASE));
  assert.deepEqual(document, { ...standard, request_id: '', vendor: 'parcels', fault: { code: 7 } });
  assert.deepEqual(names.slice(-2), ['vendor', 'fault']);
});

test('a problem made from another one says what it is itself', () => {
  const x = exchange();
  assert.equal(read(problemDocument(x, problem, BASE)).document['status'], 418);
  const other = { ...problem, status: 404, title: 'Gone for coffee' };
  const { document } = read(problemDocument(x, other, BASE));
  assert.deepEqual([document['status'], document['title']], [404, 'Gone for coffee']);
  assert.equal(proxyStatus(other), 'sluice; error=http_request_error');
});
