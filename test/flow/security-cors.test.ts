// Pages of other origins: a preflight asks about the request that is to come, needs no credentials, and every answer that a
// page gets can be read by it, refusals above all.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { type Origin, startOrigin } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { type RawResponse, rawRequest } from '../support/raw.ts';

const KEY = 'acme-secret-one-aaaaaaaa';
const PAGE = 'https://app.example';

suite('cross-origin requests', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t, (_request, response) => {
      response.writeHead(200, {
        'Access-Control-Allow-Origin': '*',
        'access-control-allow-credentials': 'true',
        Vary: 'Accept',
      });
      response.end();
    });
    const to = { to: 'orders' };
    const cors = { origins: [PAGE], credentials: true, headers: ['X-Api-Key', 'Content-Type'] };
    gateway = await startGateway(t, {
      routes: {
        version: 1,
        defaults: { auth: 'key' },
        tenants: { acme: { keys: [KEY] } },
        upstreams: { orders: origin.url },
        routes: {
          create: { match: 'POST /v1/orders', ...to, cors, limit: '2/h' },
          list: { match: 'GET /v1/orders', ...to },
          remove: { match: 'DELETE /v1/orders/{id}', ...to, cors },
          own: { match: 'OPTIONS /v1/own', ...to, auth: 'none' },
          'own-get': { match: 'GET /v1/own', ...to, auth: 'none' },
          both: { match: 'OPTIONS /v1/both', ...to, auth: 'none' },
          'both-post': { match: 'POST /v1/both', ...to, cors },
          off: { match: 'POST /v1/off', ...to, cors, disabled: true },
        },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  function ask(each: Parameters<typeof rawRequest>[0], line: string, ...fields: string[]): Promise<RawResponse> {
    return rawRequest(
      each,
      gateway.port,
      `${line} HTTP/1.1\r\nHost: a\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`,
    );
  }
  const from = (page: string): string => `Origin: ${page}`;
  const asks = (method: string): string => `Access-Control-Request-Method: ${method}`;

  test('a preflight is answered by the route it asks about, without credentials', async (each) => {
    const id = newId();
    const response = await ask(
      each,
      'OPTIONS /v1/orders',
      from(PAGE),
      asks('POST'),
      'Access-Control-Request-Headers: x-api-key, content-type',
      `X-Request-Id: ${id}`,
    );
    assert.equal(response.status, 204);
    assert.equal(response.header('access-control-allow-origin'), PAGE);
    assert.equal(response.header('access-control-allow-credentials'), 'true');
    assert.match(response.header('access-control-allow-methods') ?? '', /POST/);
    assert.match(response.header('vary') ?? '', /Origin/);
    const line = await observed.line(id);
    assert.deepEqual([line.route, line['method'], line.status], ['create', 'OPTIONS', 204]);
    assert.equal(origin.started, 0);
    assert.equal((await ask(each, 'OPTIONS /v1/orders/7', from(PAGE), asks('DELETE'))).status, 204);
  });

  test('a preflight is refused for another page, method or header', async (each) => {
    for (const fields of [
      [from('https://evil.example'), asks('POST')],
      [from('null'), asks('POST')],
      [from(`${PAGE}.evil`), asks('POST')],
      [from(PAGE), asks('POST'), 'Access-Control-Request-Headers: x-evil'],
    ]) {
      const response = await ask(each, 'OPTIONS /v1/orders', ...fields);
      assertProblem(response, 403, 'cors.refused');
      assert.equal(response.header('access-control-allow-origin'), undefined);
    }
  });

  test('where pages may not call, OPTIONS is a method like any other', async (each) => {
    const refused = await ask(each, 'OPTIONS /v1/orders', from(PAGE), asks('GET'));
    assertProblem(refused, 405, 'route.method_not_allowed');
    assert.equal(refused.header('allow'), 'GET, HEAD, POST');
    assertProblem(await ask(each, 'OPTIONS /v1/orders', asks('POST')), 405, 'route.method_not_allowed');
    assertProblem(await ask(each, 'OPTIONS /v1/orders', from(PAGE)), 405, 'route.method_not_allowed');
    assertProblem(await ask(each, 'OPTIONS /v1/nowhere', from(PAGE), asks('POST')), 404, 'route.not_found');
    const earlier = origin.received.length;
    assert.equal((await ask(each, 'OPTIONS /v1/own', from(PAGE), asks('GET'))).status, 200);
    assert.equal(origin.received[earlier]?.method, 'OPTIONS');
  });

  test('a route with CORS answers preflights also where OPTIONS has a route of its own', async (each) => {
    const earlier = origin.started;
    assert.equal((await ask(each, 'OPTIONS /v1/both', from(PAGE), asks('POST'))).status, 204);
    assert.equal(origin.started, earlier);
    assert.equal((await ask(each, 'OPTIONS /v1/both')).status, 200);
  });

  test('a preflight tells no more than the request would', async (each) => {
    assertProblem(await ask(each, 'OPTIONS /v1/off', from(PAGE), asks('POST')), 503, 'route.disabled');
    assertProblem(await ask(each, 'OPTIONS /v1/orders', from(PAGE), asks('CONNECT')), 405, 'route.method_not_allowed');
  });

  test('a page reads every refusal, and what the upstream says of CORS is replaced', async (each) => {
    const missing = await ask(each, 'POST /v1/orders', from(PAGE));
    assertProblem(missing, 401, 'auth.missing');
    const statuses = [];
    for (let i = 0; i < 3; i++) {
      const response = await ask(each, 'POST /v1/orders', from(PAGE), `X-Api-Key: ${KEY}`);
      statuses.push(response.status);
      for (const answer of [missing, response]) {
        assert.equal(answer.header('access-control-allow-origin'), PAGE);
        assert.match(answer.header('access-control-expose-headers') ?? '', /X-Request-Id.*RateLimit.*Retry-After/);
        assert.equal(answer.rawHeaders.filter((name) => /^access-control-allow-/i.test(name)).length, 2);
        assert.ok(answer.rawHeaders.some((value, at) => value === 'Origin' && answer.rawHeaders[at - 1] === 'Vary'));
      }
    }
    assert.deepEqual(statuses, [200, 200, 429]);
    const foreign = await ask(each, 'POST /v1/orders', from('https://evil.example'), `X-Api-Key: ${KEY}`);
    assert.equal(foreign.header('access-control-allow-origin'), undefined);
  });
});
