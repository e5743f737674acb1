// What a client says stays inside the value it is put into: a template's header, path segment or answer never grows a second
// line, segment or field, and a JSON body is read as the upstream will read it.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { type Origin, startOrigin } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { type RawResponse, rawRequest } from '../support/raw.ts';

suite('injection', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t);
    const to = { to: 'orders', auth: 'none' };
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        upstreams: { orders: origin.url },
        routes: {
          header: {
            match: 'GET /header',
            ...to,
            headers: {
              request: { set: { 'x-note': '{query.note?}' } },
              response: { set: { 'x-echo': '{query.echo?}' } },
            },
          },
          path: { match: 'GET /path/{name}', ...to, rewrite: '/items/{name}/{query.sub}' },
          body: {
            match: 'POST /body',
            ...to,
            headers: { request: { set: { 'x-name': '{body.name}' } } },
            rewrite: '/items/{body.name}',
          },
          checked: { match: 'POST /checked', ...to, body: { type: 'object' } },
        },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  const get = (each: Parameters<typeof rawRequest>[0], target: string): Promise<RawResponse> =>
    rawRequest(each, gateway.port, `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);

  function post(each: Parameters<typeof rawRequest>[0], path: string, body: string): Promise<RawResponse> {
    const fields = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}`;
    return rawRequest(each, gateway.port, `POST ${path} HTTP/1.1\r\nHost: a\r\n${fields}\r\n\r\n${body}`);
  }

  for (const value of [
    'a%0d%0aX-Evil:%201',
    'a%0aX-Evil:%201',
    'a%0dX-Evil:%201',
    'a%00b',
    '%0d%0a%0d%0aGET%20/smuggled',
    '%e2%80%a8x',
  ]) {
    test(`a header of the request cannot be broken by ${value}`, async (each) => {
      const earlier = origin.received.length;
      const response = await get(each, `/header?note=${value}`);
      assert.ok([200, 400].includes(response.status), response.body.toString());
      for (const request of origin.received.slice(earlier)) {
        assert.equal(request.header('x-evil'), undefined);
        assert.match(request.url, /^\/header\?/);
        assert.match(request.header('x-note') ?? '', /^[ -~]*$/);
      }
    });

    test(`a header of the answer cannot be broken by ${value}`, async (each) => {
      const response = await get(each, `/header?echo=${value}`);
      assert.equal(response.status, 200);
      assert.equal(response.header('x-evil'), undefined);
      assert.match(response.header('x-echo') ?? '', /^[ -~]*$/);
      assert.equal(response.body.toString(), '{"ok":true}');
    });
  }

  for (const value of [
    '..',
    '.',
    '../admin',
    '..%2f..%2fadmin',
    '%2e%2e',
    'a/b',
    'a?x=1',
    'a%23b',
    '%5c..',
    'a%00',
    'a;b',
    '%252e%252e',
    '//evil',
  ]) {
    test(`a segment of the path cannot be left by ${value}`, async (each) => {
      const earlier = origin.received.length;
      const response = await get(each, `/path/x?sub=${value}`);
      const [request] = origin.received.slice(earlier);
      if (request === undefined) return assert.equal(response.status, 400, response.body.toString());
      const [path = ''] = request.url.split('?');
      assert.match(path, /^\/items\/x\/[^/]+$/, 'one segment, where the template has one');
      assert.doesNotMatch(decodeURIComponent(path), /(?:^|[/\\])\.\.?(?:[/\\]|$)/, 'no step, however it is decoded');
      assert.doesNotMatch(path, /%(?:00|5c|25)/i);
    });
  }

  test('values of a body are held to the same', async (each) => {
    for (const name of ['a\r\nX-Evil: 1', '../admin', 'a/../../b', '..', '\u0000']) {
      const earlier = origin.received.length;
      const response = await post(each, '/body', JSON.stringify({ name }));
      for (const request of origin.received.slice(earlier)) {
        assert.equal(request.header('x-evil'), undefined);
        assert.match(request.url, /^\/items\/[^/]+$/);
        assert.doesNotMatch(decodeURIComponent(request.url), /\/\.\.?(?:\/|$)/);
      }
      if (origin.received.length === earlier) assertProblem(response, 400, 'template.missing_value');
    }
  });

  const malformed: Readonly<Record<string, string>> = {
    'a key that comes twice': '{"a":1,"a":2}',
    'a key that comes twice, once escaped': '{"a":1,"\\u0061":2}',
    'a nesting beyond any use': `${'['.repeat(65)}${']'.repeat(65)}`,
    'a nesting that would fill a stack': '['.repeat(200_000),
    'something after the end': '{}{}',
    'a comment': '{/**/}',
    'a byte order mark': '\ufeff{}',
    'a number that is none': '{"a":NaN}',
  };
  for (const [name, body] of Object.entries(malformed)) {
    test(`a JSON body with ${name} is refused with its position`, async (each) => {
      const earlier = origin.started;
      const { detail } = assertProblem(await post(each, '/checked', body), 400, 'body.malformed_json');
      assert.match(detail ?? '', /line \d+, column \d+/);
      assert.equal(origin.started, earlier);
    });
  }
});
