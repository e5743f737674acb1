// Every kind of refusal, as a client and an operator meet it: the document, its headers, one log line, one count.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { type Origin, startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { assertProblem } from '../support/problems.ts';
import { rawConnect, rawRequest } from '../support/raw.ts';
import { type RawOrigin, replying, startRawOrigin } from '../support/raw-origin.ts';
import { startBlackHole } from '../upstream/black-hole.ts';

const KEY = 'acme-secret-one-aaaaaaaa';
const OTHER = 'beta-secret-one-bbbbbbbb';
const DISABLED = 'gone-secret-one-cccccccc';

interface Case {
  readonly status: number;
  readonly code: string;
  /** `GET /path` or another request line without its version. */
  readonly line: string;
  readonly fields?: readonly string[];
  readonly body?: string;
  /** The route that is named, where one is known. */
  readonly route?: string;
  readonly retryAfter?: boolean;
}

const key = (secret: string): string => `X-Api-Key: ${secret}`;
const json = 'Content-Type: application/json';

const CASES: readonly Case[] = [
  { status: 400, code: 'request.target', line: 'GET /%00' },
  { status: 400, code: 'request.framing', line: 'POST /open', fields: ['Transfer-Encoding: gzip'] },
  { status: 400, code: 'body.empty', line: 'POST /checked', fields: [json], route: 'checked' },
  {
    status: 400,
    code: 'body.malformed_json',
    line: 'POST /checked',
    fields: [json],
    body: '{"a":1,"a":2}',
    route: 'checked',
  },
  { status: 401, code: 'auth.missing', line: 'GET /keyed', route: 'keyed' },
  { status: 401, code: 'auth.unknown', line: 'GET /keyed', fields: [key('nobody-has-this-key-1')], route: 'keyed' },
  {
    status: 401,
    code: 'auth.conflict',
    line: 'GET /keyed',
    fields: [key(KEY), `Authorization: Bearer ${OTHER}`],
    route: 'keyed',
  },
  { status: 401, code: 'auth.conflict', line: 'GET /keyed', fields: [key(KEY), key(OTHER)], route: 'keyed' },
  { status: 401, code: 'auth.key_in_query', line: `GET /keyed?api_key=${KEY}`, route: 'keyed' },
  { status: 403, code: 'auth.role_missing', line: 'GET /role', fields: [key(KEY)], route: 'role' },
  { status: 403, code: 'tenant.disabled', line: 'GET /keyed', fields: [key(DISABLED)], route: 'keyed' },
  { status: 403, code: 'ip.denied', line: 'GET /inner', route: 'inner' },
  { status: 404, code: 'route.not_found', line: 'GET /nowhere' },
  { status: 405, code: 'route.method_not_allowed', line: 'DELETE /checked' },
  { status: 405, code: 'request.method', line: 'TRACE /open' },
  {
    status: 413,
    code: 'request.body_too_large',
    line: 'POST /checked',
    fields: [json],
    body: 'x'.repeat(2_000),
    route: 'checked',
  },
  { status: 414, code: 'request.url_too_long', line: `GET /${'x'.repeat(9_000)}` },
  {
    status: 415,
    code: 'body.media_type',
    line: 'POST /checked',
    fields: ['Content-Type: text/xml'],
    body: '<a/>',
    route: 'checked',
  },
  { status: 417, code: 'request.expectation', line: 'POST /open', fields: ['Expect: banana'], body: 'x' },
  { status: 422, code: 'body.invalid', line: 'POST /checked', fields: [json], body: '{"n":"x"}', route: 'checked' },
  { status: 429, code: 'rate_limit.exceeded', line: 'GET /limited', route: 'limited', retryAfter: true },
  { status: 431, code: 'request.headers_too_large', line: 'GET /open', fields: [`X: ${'x'.repeat(17_000)}`] },
  { status: 500, code: 'internal', line: 'GET /broken', route: 'broken' },
  { status: 501, code: 'request.transfer_coding', line: 'POST /open', fields: ['Transfer-Encoding: gzip, chunked'] },
  { status: 502, code: 'upstream.connect', line: 'GET /refusing', route: 'refusing' },
  { status: 502, code: 'upstream.reset', line: 'GET /reset', route: 'reset' },
  { status: 502, code: 'upstream.protocol', line: 'GET /garbage', route: 'garbage' },
  { status: 503, code: 'route.disabled', line: 'GET /disabled', route: 'disabled', retryAfter: true },
  { status: 503, code: 'upstream.breaker_open', line: 'GET /tripped', route: 'tripped', retryAfter: true },
  { status: 504, code: 'upstream.connect_timeout', line: 'GET /hole', route: 'hole' },
  { status: 504, code: 'upstream.timeout', line: 'GET /silent', route: 'silent' },
];

suite('a refusal', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  let silent: RawOrigin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t);
    const refusing = `http://127.0.0.1:${await closedPort()}`;
    const reset = await startRawOrigin(t, async (connection) => {
      await connection.heads();
      connection.reset();
    });
    const garbage = await startRawOrigin(t, replying('no HTTP\r\n\r\n'));
    silent = await startRawOrigin(t, () => {});
    const route = (to: string, more: object = {}) => ({ to, ...more });
    gateway = await startGateway(t, {
      files: { 'broken.mjs': "export default (_req, _res, _next) => { throw new Error('canary of the stack'); };" },
      routes: {
        version: 1,
        defaults: { auth: 'none', retry: 0 },
        tenants: { acme: { keys: [KEY] }, beta: { keys: [OTHER] }, gone: { keys: [DISABLED], disabled: true } },
        upstreams: {
          origin: origin.url,
          refusing,
          failing: { targets: refusing, breaker: { failures: '50%', min: 1, open: '60m' } },
          reset: reset.url,
          garbage: garbage.url,
          silent: silent.url,
          hole: { targets: `http://127.0.0.1:${await startBlackHole(t)}`, timeout: { connect: '100ms' } },
        },
        routes: {
          open: { match: '/open', ...route('origin') },
          checked: {
            match: 'POST /checked',
            ...route('origin', { body_max: '1KiB', body: { type: 'object', properties: { n: { type: 'integer' } } } }),
          },
          keyed: { match: '/keyed', ...route('origin', { auth: 'key' }) },
          role: { match: '/role', ...route('origin', { auth: { key: { roles: ['admin'] } } }) },
          inner: { match: '/inner', ...route('origin', { ip: { allow: ['10.0.0.0/8'] } }) },
          limited: { match: '/limited', ...route('origin', { limit: '1/h' }) },
          narrow: { match: '/narrow', ...route('silent', { concurrency: 1 }) },
          broken: { match: '/broken', ...route('origin', { use: './broken.mjs' }) },
          disabled: { match: '/disabled', ...route('origin', { disabled: true }) },
          refusing: { match: '/refusing', ...route('refusing') },
          tripped: { match: '/tripped', ...route('failing') },
          reset: { match: '/reset', ...route('reset') },
          garbage: { match: '/garbage', ...route('garbage') },
          hole: { match: '/hole', ...route('hole') },
          silent: { match: '/silent', ...route('silent', { timeout: '150ms' }) },
        },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
    for (const path of ['/limited', '/tripped']) await (await fetch(gateway.url + path)).text();
  });

  for (const { status, code, line, fields = [], body = '', route, retryAfter = false } of CASES) {
    test(`${status} ${code}: ${line.slice(0, 40)}`, async (each) => {
      const id = newId();
      const length = body === '' && !line.startsWith('POST') ? [] : [`Content-Length: ${body.length}`];
      const framing = fields.some((field) => field.startsWith('Transfer-Encoding')) ? [] : length;
      const head = [`${line} HTTP/1.1`, 'Host: a', `X-Request-Id: ${id}`, ...fields, ...framing].join('\r\n');
      const labels = { route: route ?? '_unmatched', code: String(status), source: 'gateway' };
      const counted = await observed.metric('sluice_http_requests_total', labels);
      const upstream = origin.started;
      const response = await rawRequest(each, gateway.port, `${head}\r\n\r\n${body}`);
      const document = assertProblem(response, status, code);
      assert.equal(response.header('x-request-id'), id);
      assert.equal(document.route, route);
      assert.equal(response.header('retry-after') !== undefined, retryAfter);
      const entry = await observed.line(id);
      assert.deepEqual([entry.status, entry.reason, entry.route, entry['source']], [status, code, route, 'gateway']);
      assert.equal(await observed.metric('sluice_http_requests_total', labels), counted + 1);
      assert.equal(origin.started, upstream, 'the upstream saw nothing');
    });
  }

  test('of a rate limit says what the limit is', async (each) => {
    const response = await rawRequest(each, gateway.port, 'GET /limited HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(response.header('ratelimit-policy'), '"h";q=1;w=3600');
    assert.match(response.header('ratelimit') ?? '', /^"h";r=0;t=\d+$/);
  });

  test('of concurrency says when to come back', async (each) => {
    const held = await rawConnect(each, gateway.port);
    const reached = silent.next();
    held.send('GET /narrow HTTP/1.1\r\nHost: a\r\n\r\n');
    const upstream = await reached;
    await upstream.heads();
    const probe = await rawConnect(each, gateway.port);
    const refused = await probe.send('GET /narrow HTTP/1.1\r\nHost: a\r\n\r\n').response();
    assertProblem(refused, 429, 'concurrency.exceeded');
    assert.equal(refused.header('ratelimit'), undefined);
    upstream.write('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n').end();
    assert.equal((await held.response()).status, 204);
  });

  test('of a schema lists what is wrong by pointer', async (each) => {
    const body = '{"n":"x"}';
    const response = await rawRequest(
      each,
      gateway.port,
      `POST /checked HTTP/1.1\r\nHost: a\r\n${json}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const { errors } = assertProblem(response, 422, 'body.invalid');
    assert.ok(Array.isArray(errors));
    assert.equal(errors[0].pointer, '/n');
    assert.equal(typeof errors[0].detail, 'string');
  });

  test('of our own making tells the client an incident, and only the log what it was', async (each) => {
    const response = await rawRequest(each, gateway.port, 'GET /broken HTTP/1.1\r\nHost: a\r\n\r\n');
    const { incident } = assertProblem(response, 500, 'internal');
    assert.match(String(incident), /^[0-9a-f-]{36}$/);
    assert.doesNotMatch(response.body.toString(), /canary/);
    const line = await gateway.log.until((entry) => entry['incident_id'] === incident);
    assert.match(JSON.stringify(line), /canary of the stack/);
  });
});
