// Every setting of a route that no other test of a running gateway uses, end to end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { type Answer, answerOk, startOrigin } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { rawRequest } from '../support/raw.ts';

const KEYS = { acme: 'acme-secret-one-aaaaaaaa', beta: 'beta-secret-one-cccccccc' };

test('what the upstream gets, and what comes back', async (t) => {
  const origin = await startOrigin(t, (_request, response) => {
    response.writeHead(
      200,
      [
        ['server', 'secret/1.0'],
        ['x-keep', 'kept'],
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['content-type', 'application/json'],
      ].flat(),
    );
    response.end('{}');
  });
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      plans: { gold: { limit: '1000/min' } },
      tenants: { acme: { plan: 'gold', keys: KEYS.acme, headers: { 'x-tenant-tier': 'gold' } } },
      defaults: { auth: 'none' },
      upstreams: { origin: { targets: `${origin.url}/base` }, preserved: { targets: origin.url, host: 'preserve' } },
      routes: {
        rewritten: { match: 'GET /v1/orders/{id}', to: 'origin', auth: 'key', rewrite: '/orders/{id}/of/{tenant}' },
        queried: { match: 'GET /v1/find/{what}', to: 'origin', rewrite: '/search?q={what}&page={query.p?}' },
        rest: { match: '/files/**', to: 'origin', rewrite: '/storage/**' },
        stripped: { match: '/api/v2/**', to: 'preserved', strip_prefix: '/api/v2' },
        edited: {
          match: 'GET /edited/{id}',
          to: 'preserved',
          auth: 'key',
          headers: {
            request: {
              set: { 'x-tenant': '{tenant}', 'x-plan': '{tenant.plan}', 'x-item': 'item {id}', 'x-q': '{query.q?}' },
              remove: ['X-Debug'],
            },
            response: { set: { 'x-route': 'edited' }, remove: ['Server'] },
          },
        },
        slashes: { match: 'GET /slashes/{id}', to: 'preserved', encoded_slashes: true },
        plain: { match: 'GET /plain/{id}', to: 'preserved' },
      },
    },
  });
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(gateway.url + path, { headers });
    await answer.arrayBuffer();
    return answer;
  };
  const last = () => origin.received.at(-1) ?? assert.fail('nothing arrived');
  const acme = { 'x-api-key': KEYS.acme };

  await t.test(
    'rewrite: parameters stay as they were encoded, the query stays unless the rewrite has one',
    async () => {
      await ask('/v1/orders/a%20b?x=1', acme);
      assert.equal(last().url, '/base/orders/a%20b/of/acme?x=1');
      await ask('/v1/find/b%26c?p=2&other=1');
      assert.equal(last().url, '/base/search?q=b%26c&page=2');
      await ask('/v1/find/x');
      assert.equal(last().url, '/base/search?q=x&page=');
      await ask('/files/a/b.txt?v=1');
      assert.equal(last().url, '/base/storage/a/b.txt?v=1');
      await ask('/files');
      assert.equal(last().url, '/base/storage');
    },
  );

  await t.test('strip_prefix takes whole segments off', async () => {
    await ask('/api/v2/items/7?x=1');
    assert.equal(last().url, '/items/7?x=1');
    await ask('/api/v2');
    assert.equal(last().url, '/');
  });

  await t.test('headers: set from templates over what the client says, removed, and those of the tenant', async () => {
    const answer = await ask('/edited/7?q=%C3%A9', {
      ...acme,
      'x-tenant': 'beta',
      'x-plan': 'free',
      'x-debug': '1',
      'x-tenant-tier': 'fake',
    });
    const header = (name: string): string | undefined => last().header(name);
    assert.deepEqual(['x-tenant', 'x-plan', 'x-item', 'x-tenant-tier', 'x-debug', 'x-api-key'].map(header), [
      'acme',
      'gold',
      'item 7',
      'gold',
      undefined,
      undefined,
    ]);
    assert.equal(answer.headers.get('x-route'), 'edited');
    assert.equal(answer.headers.get('server'), null);
    assert.equal(answer.headers.get('x-keep'), 'kept');
    assert.deepEqual(answer.headers.getSetCookie(), ['a=1', 'b=2']);
    // What a client says of tenants reaches nobody, on any route.
    await ask('/plain/7', { 'x-tenant-tier': 'fake' });
    assert.equal(last().header('x-tenant-tier'), undefined);
    // Also on answers of the gateway's own.
    assert.equal((await ask('/edited/7')).headers.get('x-route'), 'edited');
  });

  await t.test('the request ID is kept when it is a good one, and made otherwise', async () => {
    const kept = await ask('/plain/1', { 'x-request-id': 'client-id-0001' });
    assert.equal(kept.headers.get('x-request-id'), 'client-id-0001');
    assert.equal(last().header('x-request-id'), 'client-id-0001');
    for (const bad of ['short', 'has spaces in it', 'x'.repeat(129)]) {
      const made = (await ask('/plain/1', { 'x-request-id': bad })).headers.get('x-request-id') ?? '';
      assert.match(made, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/);
      assert.equal(last().header('x-request-id'), made);
      await new Observed(gateway).line(made);
    }
  });

  await t.test('a trace is continued, and begun where there is none', async () => {
    const sent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const id = newId();
    await ask('/plain/1', { traceparent: sent, tracestate: 'a=1', 'x-request-id': id });
    const continued = last().header('traceparent') ?? '';
    assert.match(continued, /^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
    assert.notEqual(continued, sent);
    assert.equal(last().header('tracestate'), 'a=1');
    assert.equal((await new Observed(gateway).line(id))['trace_id'], '4bf92f3577b34da6a3ce929d0e0e4736');
    await ask('/plain/1', { traceparent: '00-nonsense' });
    assert.match(last().header('traceparent') ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
  });

  await t.test('an encoded slash passes where the route allows it, and only there', async () => {
    assert.equal((await ask('/slashes/a%2Fb')).status, 200);
    assert.match(last().url, /^\/slashes\/a%2[fF]b$/);
    const refused = await fetch(`${gateway.url}/plain/a%2Fb`);
    assert.deepEqual([refused.status, JSON.parse(await refused.text()).code], [400, 'route.encoded_slash']);
  });
});

test('which route a request is for', async (t) => {
  const origin = await startOrigin(t);
  const named = (name: string, match: object | string, more: object = {}): [string, object] => [
    name,
    { match, to: 'origin', headers: { response: { set: { 'x-route': name } } }, ...more },
  ];
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      upstreams: { origin: origin.url },
      routes: Object.fromEntries([
        named('any', 'GET /things/{id}'),
        named('host', { method: 'GET', path: '/things/{id}', host: 'api.example.com' }),
        named('beta', { method: ['GET', 'PUT'], path: '/things/{id}', headers: { 'x-beta': '1' } }),
        named('v2', { method: 'GET', path: '/things/{id}', query: { v: '2' }, host: 'api.example.com' }),
        named('both', { method: 'GET', path: '/things/{id}', headers: { 'x-beta': '1' }, query: { v: '2' } }),
        named('literal', 'GET /things/new'),
        named('deep', '/things/**'),
        named('off', 'GET /off', { disabled: true }),
      ]),
    },
  });
  const routed = async (target: string, headers: Record<string, string> = {}, method = 'GET'): Promise<string> => {
    const lines = Object.entries({ host: 'other.example', connection: 'close', ...headers }).map(
      ([n, v]) => `${n}: ${v}\r\n`,
    );
    const answer = await rawRequest(t, gateway.port, `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`);
    return answer.header('x-route') ?? `${answer.status} ${JSON.parse(answer.body.toString()).code}`;
  };

  assert.equal(await routed('/things/7'), 'any');
  assert.equal(await routed('/things/7', { host: 'API.Example.com:8080' }), 'host');
  assert.equal(await routed('/things/7', { 'x-beta': '1' }), 'beta');
  assert.equal(await routed('/things/7', { 'x-beta': '2' }), 'any');
  assert.equal(await routed('/things/7?v=2', { host: 'api.example.com' }), 'v2');
  assert.equal(await routed('/things/7?a=1&v=2', { 'x-beta': '1' }), 'both');
  assert.equal(await routed('/things/new'), 'literal');
  assert.equal(await routed('/things/7', {}, 'DELETE'), 'deep');
  assert.equal(await routed('/things'), 'deep');
  assert.equal(await routed('/things/7/more'), 'deep');
  assert.equal(await routed('/thing'), '404 route.not_found');
  assert.equal(await routed('/off', {}, 'POST'), '405 route.method_not_allowed');
  const off = await fetch(`${gateway.url}/off`);
  assert.deepEqual([off.status, JSON.parse(await off.text()).code], [503, 'route.disabled']);
  assert.ok(Number(off.headers.get('retry-after')) > 0);
});

test('what is asked for must fit its schemas, and so must the answer', async (t) => {
  const answers = new Map<string, Answer>([
    [
      '/good',
      (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":1}'),
    ],
    [
      '/bad',
      (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"1"}'),
    ],
    ['/error', (_request, response) => void response.writeHead(404, { 'content-type': 'text/plain' }).end('no')],
    ['/text', (_request, response) => void response.writeHead(200, { 'content-type': 'text/plain' }).end('no')],
  ]);
  const origin = await startOrigin(t, (request, response, index) =>
    (answers.get(request.url.slice(request.url.lastIndexOf('/'))) ?? answerOk)(request, response, index),
  );
  const schema = { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } };
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      upstreams: { origin: origin.url },
      routes: {
        asked: {
          match: 'GET /asked/{id}',
          to: 'origin',
          params: { properties: { id: { type: 'integer', minimum: 1 } } },
          query: {
            properties: { tag: { type: 'array', maxItems: 2 }, page: { type: 'integer' } },
            additionalProperties: false,
          },
          headers: {
            request: {
              schema: { required: ['x-version'], properties: { 'x-version': { type: 'integer', maximum: 2 } } },
            },
          },
        },
        watched: { match: 'GET /watched/{what}', to: 'origin', response: { schema, sample: '100%' } },
        held: { match: 'GET /held/{what}', to: 'origin', response: { schema, on_fail: 'reject' } },
      },
    },
  });
  const observed = new Observed(gateway);
  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(gateway.url + path, { headers });
    return { status: answer.status, text: await answer.text() };
  };
  const refusal = async (path: string, headers?: Record<string, string>): Promise<readonly unknown[]> => {
    const { status, text } = await ask(path, headers);
    const { code, errors } = JSON.parse(text);
    return [status, code, errors?.[0]?.pointer];
  };

  const version = { 'x-version': '2' };
  assert.equal((await ask('/asked/7?page=2&tag=a&tag=b', version)).status, 200);
  assert.equal(origin.received.at(-1)?.url, '/asked/7?page=2&tag=a&tag=b');
  assert.deepEqual(await refusal('/asked/x', version), [422, 'params.invalid', '/id']);
  assert.deepEqual(await refusal('/asked/7?page=two', version), [422, 'query.invalid', '/page']);
  assert.deepEqual(await refusal('/asked/7?tag=a&tag=b&tag=c', version), [422, 'query.invalid', '/tag']);
  assert.deepEqual(await refusal('/asked/7?unknown=1', version), [422, 'query.invalid', '/unknown']);
  assert.deepEqual(await refusal('/asked/7', { 'x-version': '3' }), [422, 'headers.invalid', '/x-version']);
  assert.equal(origin.received.length, 1);
  assert.equal(
    await observed.metric('sluice_validation_failures_total', { route: 'asked', reason: 'query_invalid' }),
    3,
  );

  // Reported: the client gets what there is, and the very first answer that drifts is counted.
  assert.deepEqual(await ask('/watched/good'), { status: 200, text: '{"id":1}' });
  assert.equal(await observed.metric('sluice_drift_total'), 0);
  assert.deepEqual(await ask('/watched/bad'), { status: 200, text: '{"id":"1"}' });
  assert.equal(await observed.metric('sluice_drift_total', { route: 'watched', pointer: '/id', kind: 'type' }), 1);
  const drift = await gateway.log.until(({ event }) => event === 'response_drift');
  assert.deepEqual([drift.route, drift['pointer'], drift['kind']], ['watched', '/id', 'type']);

  // Held: it never gets out.
  assert.deepEqual(await ask('/held/good'), { status: 200, text: '{"id":1}' });
  assert.deepEqual(await refusal('/held/bad'), [502, 'response.invalid', undefined]);
  assert.deepEqual(await refusal('/held/text'), [502, 'response.invalid', undefined]);
  assert.deepEqual(await ask('/held/error'), { status: 404, text: 'no' });
  await observed.atRest();
});

test('how much a tenant may, and what is answered when there is no answer', async (t) => {
  const release = Promise.withResolvers<void>();
  const origin = await startOrigin(t, async (request, response, index) => {
    if (request.url === '/slow') await release.promise;
    await answerOk(request, response, index);
  });
  const gateway = await startGateway(t, {
    gateway: { http: { ratelimit_headers: ['standard', 'legacy'] } },
    routes: {
      version: 1,
      plans: { small: { limit: '100/h' } },
      tenants: {
        acme: { plan: 'small', keys: KEYS.acme, limits: { item: '3/h' } },
        beta: { plan: 'small', keys: KEYS.beta },
      },
      defaults: { auth: 'key' },
      upstreams: { origin: origin.url, dead: `http://127.0.0.1:${await closedPort()}` },
      routes: {
        item: { match: 'GET /item', to: 'origin', limit: '1/h' },
        slow: { match: 'GET /slow', to: 'origin', concurrency: 1 },
        stale: { match: 'GET /stale', to: 'dead', fallback: { status: 200, body: { items: [] } } },
        bare: { match: 'GET /bare', to: 'dead', fallback: { status: 204 } },
      },
    },
  });
  const observed = new Observed(gateway);
  const ask = (path: string, tenant: 'acme' | 'beta') =>
    fetch(gateway.url + path, { headers: { 'x-api-key': KEYS[tenant] } });

  await t.test('an override replaces the limit of the route; the plan still counts', async () => {
    const first = await ask('/item', 'acme');
    assert.equal(first.headers.get('ratelimit-policy'), '"h";q=3;w=3600, "plan-h";q=100;w=3600');
    assert.equal(first.headers.get('x-ratelimit-limit'), '3');
    assert.equal(first.headers.get('x-ratelimit-remaining'), '2');
    assert.deepEqual([(await ask('/item', 'acme')).status, (await ask('/item', 'acme')).status], [200, 200]);
    assert.equal((await ask('/item', 'acme')).status, 429);
    assert.deepEqual([(await ask('/item', 'beta')).status, (await ask('/item', 'beta')).status], [200, 429]);
    const decisions = (decision: string) =>
      observed.metric('sluice_limiter_decisions_total', { route: 'item', decision });
    assert.equal(await decisions('reject'), 2);
    assert.equal(await observed.metric('sluice_tenant_requests_total', { tenant: 'acme', outcome: 'limited' }), 1);
  });

  await t.test('concurrency is per tenant', async () => {
    const held = httpGet(`${gateway.url}/slow`, { headers: { 'x-api-key': KEYS.acme } });
    const answered = once(held, 'response');
    await origin.request(origin.started);
    const refused = await ask('/slow', 'acme');
    assert.deepEqual([refused.status, JSON.parse(await refused.text()).code], [429, 'concurrency.exceeded']);
    assert.equal(refused.headers.get('retry-after'), '1');
    const other = ask('/slow', 'beta');
    release.resolve();
    assert.equal((await other).status, 200);
    const [answer]: IncomingMessage[] = await answered;
    assert.ok(answer);
    await once(answer.resume(), 'end');
    assert.equal((await ask('/slow', 'acme')).status, 200);
  });

  await t.test('a fallback is the answer when nobody answers', async () => {
    const id = newId();
    const answer = await fetch(`${gateway.url}/stale`, { headers: { 'x-api-key': KEYS.beta, 'x-request-id': id } });
    assert.deepEqual([answer.status, await answer.text()], [200, '{"items":[]}']);
    assert.equal(answer.headers.get('content-type'), 'application/json');
    const line = await observed.line(id);
    assert.deepEqual([line.status, line['source'], line.reason], [200, 'gateway', 'upstream.connect']);
    const bare = await ask('/bare', 'beta');
    assert.deepEqual([bare.status, await bare.text(), bare.headers.get('content-length')], [204, '', null]);
  });

  await observed.atRest();
});
