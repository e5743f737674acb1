// Why a request gets the route it gets, and why the near ones do not.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { explainMatch } from '../../src/route/explain-match.ts';
import { type Conditions, request, routes } from './matches.ts';

const entries = routes(
  'GET /v1/orders/{id}',
  'POST /v1/orders/7',
  ['GET /v1/orders/7', { headers: { 'x-beta': '1' } }],
  ['GET /v1/orders/{id}', { query: { v: '2' } }],
  ['GET /v1/orders/7', { host: 'api.example.com' }],
  '/v1/**',
  'GET /v1/offers/{id}',
  'GET /v1/orders/{id}/lines',
  'GET /v1/orders/{id}/',
  'GET /health',
);

function explained(text: string, conditions?: Conditions): Record<string, string> {
  const { others } = explainMatch(entries, request(text, conditions));
  return Object.fromEntries(others.map(({ route, miss, detail }) => [route, `${miss}: ${detail}`]));
}

suite('an explanation', () => {
  test('names the winner', () => {
    assert.equal(explainMatch(entries, request('GET /v1/orders/7')).winner, 'GET /v1/orders/{id}');
    assert.equal(explainMatch(entries, request('GET /other')).winner, undefined);
  });

  test('says of each near route why it is not the one, the nearest first', () => {
    assert.deepEqual(Object.entries(explained('GET /v1/orders/7')), [
      ['/v1/**', 'less_specific: it matches too, and is less specific'],
      ['POST /v1/orders/7', 'method: it serves POST'],
      ['GET /v1/orders/{id} {"query":{"v":"2"}}', 'query: query v is not "2"'],
      ['GET /v1/orders/7 {"headers":{"x-beta":"1"}}', 'header: header x-beta is not "1"'],
      ['GET /v1/orders/7 {"host":"api.example.com"}', 'host: the host is not api.example.com'],
      ['GET /v1/offers/{id}', 'path: segment 2 is "orders", not "offers"'],
      ['GET /v1/orders/{id}/lines', 'path: the path ends before /lines'],
      ['GET /v1/orders/{id}/', 'path: a trailing slash is a different path'],
    ]);
  });

  test('says where a path goes on', () => {
    const reasons = explained('GET /v1/orders/7/items');
    assert.equal(reasons['GET /v1/orders/{id}'], 'path: the path goes on after its end: /items');
    assert.equal(reasons['GET /v1/orders/{id}/lines'], 'path: segment 4 is "items", not "lines"');
    assert.equal(reasons['GET /v1/orders/{id}/'], 'path: the path goes on after its end: /items');
    assert.equal(reasons['GET /v1/offers/{id}'], undefined);
  });

  test('leaves out routes that have nothing to do with the path', () => {
    assert.equal(explained('GET /v1/orders/7')['GET /health'], undefined);
    assert.deepEqual(explained('GET /other'), {});
  });

  test('says which methods a 405 would allow', () => {
    const few = routes('GET /a', 'PUT /a');
    const { winner, allow, others } = explainMatch(few, request('POST /a'));
    assert.deepEqual([winner, allow], [undefined, ['GET', 'HEAD', 'PUT']]);
    assert.deepEqual(
      others.map(({ detail }) => detail),
      ['it serves GET', 'it serves PUT'],
    );
  });

  test('says why another spelling of a path is nobody’s', () => {
    const other = explainMatch(routes('/admin', '/**'), request('GET /Admin'));
    assert.equal(other.winner, undefined);
    assert.match(
      other.others.find(({ route }) => route === '/admin')?.detail ?? '',
      /case, a trailing slash or an encoded slash/,
    );
  });
});
