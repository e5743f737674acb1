import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cors } from '../../src/policies/cors.ts';
import { build, exchange, headerIn, recordingEnv } from '../support/policies.ts';
import { reading, settingsOf } from '../support/reading.ts';

const PAGE = 'https://app.example';

function preflight(yaml: string, origin: string, method: string, headers?: string) {
  const asked = headers === undefined ? [] : ['Access-Control-Request-Headers', headers];
  const x = exchange({
    method: 'OPTIONS',
    headers: ['Origin', origin, 'Access-Control-Request-Method', method, ...asked],
  });
  return { x, verdict: build(cors, yaml, recordingEnv())?.onRequest?.(x) };
}

function answerTo(yaml: string, headers: readonly string[], upstream: readonly string[] = []): readonly string[] {
  const policy = build(cors, yaml, recordingEnv());
  const x = exchange({ headers });
  assert.equal(policy?.onRequest?.(x), undefined);
  x.status = 200;
  x.responseHeaders = [...upstream];
  policy?.onResponse?.(x);
  return x.responseHeaders;
}

test('a preflight of an allowed page is answered on the spot', () => {
  const { x, verdict } = preflight(`{ origins: ["${PAGE}"], max_age: 1m }`, PAGE, 'POST', 'content-type, X-Api-Key');
  assert.equal(verdict, 'answered');
  assert.equal(x.status, 204);
  assert.equal(headerIn(x.responseHeaders, 'access-control-allow-origin'), PAGE);
  assert.match(headerIn(x.responseHeaders, 'access-control-allow-methods') ?? '', /\bPOST\b/);
  assert.match(headerIn(x.responseHeaders, 'access-control-allow-headers') ?? '', /X-Api-Key/);
  assert.equal(headerIn(x.responseHeaders, 'access-control-max-age'), '60');
  assert.match(headerIn(x.responseHeaders, 'vary') ?? '', /Origin/);
  assert.equal(headerIn(x.responseHeaders, 'access-control-allow-credentials'), undefined);
});

test('a preflight of a foreign page, method or header is refused with its reason', () => {
  const yaml = `{ origins: ["${PAGE}"], methods: [GET] }`;
  for (const { x, verdict } of [
    preflight(yaml, 'https://evil.example', 'GET'),
    preflight(yaml, `${PAGE}.evil.example`, 'GET'),
    preflight(yaml, PAGE, 'DELETE'),
    preflight(yaml, PAGE, 'GET', 'x-secret'),
  ]) {
    assert.equal(Object(verdict).code, 'cors.refused');
    assert.match(x.detail, /evil|DELETE|x-secret/);
    assert.equal(headerIn(x.responseHeaders, 'access-control-allow-origin'), undefined);
  }
});

test('a preflight is answered once: unwinding adds nothing to it', () => {
  const policy = build(cors, `{ origins: ["${PAGE}"] }`, recordingEnv());
  const x = exchange({ method: 'OPTIONS', headers: ['Origin', PAGE, 'Access-Control-Request-Method', 'GET'] });
  assert.equal(policy?.onRequest?.(x), 'answered');
  const before = [...x.responseHeaders];
  policy?.onResponse?.(x);
  assert.deepEqual(x.responseHeaders, before);
});

test('an OPTIONS request that is no preflight goes on', () => {
  const policy = build(cors, `{ origins: ["${PAGE}"] }`, recordingEnv());
  assert.equal(policy?.onRequest?.(exchange({ method: 'OPTIONS', headers: ['Origin', PAGE] })), undefined);
});

test('every answer to an allowed page lets it read the request id and the limits', () => {
  const headers = answerTo(`{ origins: ["${PAGE}"], credentials: true, expose: [X-Total] }`, ['Origin', PAGE]);
  assert.equal(headerIn(headers, 'access-control-allow-origin'), PAGE);
  assert.equal(headerIn(headers, 'access-control-allow-credentials'), 'true');
  assert.equal(headerIn(headers, 'vary'), 'Origin');
  const exposed = headerIn(headers, 'access-control-expose-headers') ?? '';
  for (const name of ['X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Total']) {
    assert.ok(exposed.split(', ').includes(name), name);
  }
});

test('legacy limit headers are exposed where they are sent', () => {
  const policy = build(cors, '{ origins: "*" }', recordingEnv({ ratelimitHeaders: ['legacy'] }));
  const x = exchange({ headers: ['Origin', PAGE] });
  policy?.onResponse?.(x);
  assert.match(headerIn(x.responseHeaders, 'access-control-expose-headers') ?? '', /X-RateLimit-Remaining/);
});

test('a foreign page gets its answer without leave to read it, and caches are told why', () => {
  const headers = answerTo(`{ origins: ["${PAGE}"] }`, ['Origin', 'https://evil.example']);
  assert.deepEqual(headers, ['Vary', 'Origin']);
  assert.deepEqual(answerTo(`{ origins: ["${PAGE}"] }`, []), ['Vary', 'Origin']);
});

test('any origin is one answer for all, so caches may share it', () => {
  const headers = answerTo('{ origins: "*" }', ['Origin', 'https://anyone.example']);
  assert.equal(headerIn(headers, 'access-control-allow-origin'), '*');
  assert.equal(headerIn(headers, 'vary'), undefined);
});

test('what the upstream says about CORS is replaced, the rest is kept in order', () => {
  const upstream = [
    'Set-Cookie',
    'a',
    'ACCESS-Control-Allow-Origin',
    '*',
    'Set-Cookie',
    'b',
    'access-control-max-age',
    '9',
  ];
  const headers = answerTo(`{ origins: ["${PAGE}"] }`, ['Origin', PAGE], upstream);
  assert.deepEqual(headers.slice(0, 4), ['Set-Cookie', 'a', 'Set-Cookie', 'b']);
  assert.equal(headers.filter((text) => text.toLowerCase() === 'access-control-allow-origin').length, 1);
  assert.equal(headerIn(headers, 'access-control-allow-origin'), PAGE);
  assert.equal(headerIn(headers, 'access-control-max-age'), undefined);
});

test('credentials for any page on the web is refused', () => {
  const issues = cors.check?.(settingsOf(cors.schema, '{ origins: ["*"], credentials: true }')) ?? [];
  assert.deepEqual(
    issues.map(({ code }) => code),
    ['cors-credentials'],
  );
  assert.deepEqual(cors.check?.(settingsOf(cors.schema, '{ origins: ["*"] }')), []);
});

test('an origin is what a browser sends, or it is refused', () => {
  const complaint = (origin: string) => reading(cors.schema, `{ origins: ["${origin}"] }`).told.join();
  assert.match(complaint('https://app.example/'), /did you mean "https:\/\/app.example"/);
  assert.match(complaint('https://App.example'), /did you mean "https:\/\/app.example"/);
  assert.match(complaint('https://app.example:443'), /did you mean "https:\/\/app.example"/);
  assert.match(complaint('https://*.example'), /name each origin/);
  assert.match(complaint('null'), /sandboxed/);
  assert.match(complaint('app.example'), /is not an origin/);
  assert.equal(complaint('http://localhost:3000'), '');
  assert.equal(complaint('chrome-extension://abcdef'), '');
});
