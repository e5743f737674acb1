// Calls that fail: an answer can do without some of them, and where it cannot the others are ended, and nothing of them is left.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { newId } from '../support/observed.ts';
import { rawConnect } from '../support/raw.ts';
import { answerJson, answerRaw, answerText } from '../support/vendor.ts';
import { within } from '../support/wait.ts';
import { API_KEY, type Asked, type Composed, startComposed } from './composed.ts';

const order = { to: 'orders', path: '/orders/{id}' };
const shipment = { to: 'carrier', path: '/shipments/{id}' };
const never = { to: 'silent', path: '/never/{id}' };

const ROUTES = {
  partial: {
    match: 'GET /partial/{id}',
    calls: {
      order,
      shipment: { ...shipment, optional: true, default: { state: 'unknown' } },
      note: { ...order, path: '/notes/{id}', optional: true },
    },
    response: { body: '{ "no": order.no, "state": shipment.state, "note": note, "partial": [$partial] }' },
  },
  chained: {
    match: 'GET /chained/{id}',
    calls: {
      order: { ...order, optional: true },
      shipment: { ...shipment, path: '/shipments/{order.shipment}', optional: true },
      note: { ...order, path: '/notes/{order.note}' },
    },
  },
  needed: {
    match: 'GET /needed/{id}',
    calls: { order, shipment: { ...shipment, path: '/shipments/{order.shipment}' } },
  },
  'after-all': {
    match: 'GET /after-all/{id}',
    calls: { shipment: { ...shipment, optional: true }, order: { ...order, query: { state: '{shipment.state?}' } } },
  },
  ended: {
    match: 'GET /ended/{id}',
    calls: { never, shipment, more: { ...never, path: '/more/{id}', optional: true } },
  },
  keyed: {
    match: 'GET /keyed/{id}',
    auth: 'key',
    calls: { never, more: { ...never, path: '/more/{id}', optional: true } },
  },
  late: { match: 'GET /late/{id}', timeout: '2s', calls: { never, order: { ...order, optional: true } } },
  'late-optional': {
    match: 'GET /late-optional/{id}',
    timeout: '2s',
    calls: { never: { ...never, optional: true, default: [] }, after: { ...order, path: '/after/{never.x?}' } },
  },
  'late-body': { match: 'GET /late-body/{id}', timeout: '2s', calls: { order } },
  stands: {
    match: 'GET /stands/{id}',
    timeout: '1s',
    fallback: { status: 200, body: { items: [] } },
    calls: { never, order: { ...order, optional: true } },
  },
  stays: { match: 'GET /stays/{id}', fallback: { status: 200, body: { items: [] } }, calls: { order } },
  mapped: { match: 'GET /mapped/{id}', calls: { order }, response: { body: '{ "sum": order.no + 1 }' } },
  short: { match: 'POST /short', body_max: '10B', calls: { order: { to: 'orders', path: '/short' } } },
} as const;

suite('a call that fails', () => {
  const cleanUp = suiteCleanUp(after);
  let composed: Composed;

  before(async () => {
    composed = await startComposed(cleanUp, ROUTES);
  });

  /** The problem that was answered, which the one log line also has. */
  function problem({ response, text, line }: Asked, status: number, code: string): Record<string, unknown> {
    assert.equal(response.status, status, text);
    const document: Record<string, unknown> = JSON.parse(text);
    assert.deepEqual([document['code'], document['status'], line.reason, line.status], [code, status, code, status]);
    return document;
  }

  test('leaves its default, and the answer says so', async () => {
    const { orders, carrier, ask } = composed;
    orders.at('/orders/1', answerJson({ no: 1 }));
    orders.at('/notes/1', answerText('text/html', '<p>no</p>'));
    carrier.at('/v3/shipments/1', answerJson({ error: 'inside' }, 500));
    const { response, text, line } = await ask('/partial/1');
    assert.equal(response.status, 200);
    assert.equal(text, '{"no":1,"state":"unknown","note":null,"partial":["shipment","note"]}');
    assert.equal(response.header('partial-results'), 'shipment, note');
    assert.deepEqual(line['partial'], { shipment: 'integration.error', note: 'integration.not_json' });
    assert.deepEqual([line['attempts'], line.reason], [3, undefined]);
  });

  test('fails those that need what it would have brought, unless they can do without', async () => {
    const { orders, ask } = composed;
    orders.at('/orders/2', answerJson({}, 404));
    const { response, text, line } = await ask('/chained/2');
    const { code, call } = JSON.parse(text);
    assert.deepEqual(
      [response.status, code, call],
      [502, 'calls.missing_value', 'note'],
      'in a path nothing is no value',
    );
    assert.deepEqual(Object.keys(Object(line['partial']))[0], 'order');
    orders.at('/orders/3', answerJson({ note: 'x' }));
    orders.at('/notes/x', answerJson({ text: 'x' }));
    const partly = await ask('/chained/3');
    assert.equal(partly.text, '{"order":{"note":"x"},"shipment":null,"note":{"text":"x"}}');
    assert.deepEqual(partly.line['partial'], { shipment: 'calls.missing_value' });
  });

  test('is answered for, by its name', async () => {
    const { orders, carrier, ask } = composed;
    orders.at('/orders/4', answerJson({ shipment: 4 }));
    carrier.at('/v3/shipments/4', answerJson({}, 404));
    const missing = problem(await ask('/needed/4'), 404, 'integration.error');
    assert.deepEqual([missing['call'], missing['vendor_status']], ['shipment', 404]);
    carrier.at('/v3/shipments/4', answerJson({}, 409));
    assert.equal(problem(await ask('/needed/4'), 502, 'integration.error')['vendor_status'], 409);

    const own: readonly (readonly [answered: number, status: number])[] = [
      [404, 404],
      [409, 409],
      [401, 502],
      [405, 502],
      [500, 502],
      [302, 502],
    ];
    for (const [answered, status] of own) {
      orders.at('/orders/5', answerJson({}, answered));
      const asked = await ask('/needed/5');
      const document = problem(asked, status, 'calls.failed');
      assert.deepEqual([document['call'], document['upstream_status']], ['order', answered]);
      assert.equal(asked.line['error'], `order: orders answered with status ${answered}`);
    }
    orders.at('/orders/5', answerJson({}, 429, { 'retry-after': '17' }));
    const limited = await ask('/needed/5');
    problem(limited, 429, 'calls.failed');
    assert.equal(limited.response.header('retry-after'), '17');
    orders.at('/orders/5', answerJson({}, 503));
    assert.equal((await ask('/needed/5')).response.header('retry-after'), '1');
  });

  test('fails by what its answer is, too', async () => {
    const { orders, ask } = composed;
    const unusable = {
      '<html>': 'integration.not_json',
      '{"a":1,"a":2}': 'integration.not_json',
      [`{"a":"${'x'.repeat(6_000_000)}"}`]: 'integration.too_large',
    };
    for (const [body, code] of Object.entries(unusable)) {
      orders.at('/orders/6', answerText('application/json', body));
      assert.equal(problem(await ask('/needed/6'), 502, code)['call'], 'order');
    }
    orders.at('/orders/6', answerText('application/json', 'gzip', 200, { 'content-encoding': 'gzip' }));
    problem(await ask('/needed/6'), 502, 'integration.not_json');
    orders.at(
      '/orders/6',
      answerRaw('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"a":'),
    );
    problem(await ask('/needed/6'), 502, 'calls.incomplete');
    orders.at('/orders/6', answerRaw('', 'reset'));
    problem(await ask('/needed/6'), 502, 'upstream.reset');
    orders.at('/orders/6', answerJson({ shipment: null }));
    const missing = await ask('/needed/6');
    const { call, detail } = problem(missing, 502, 'calls.missing_value');
    assert.deepEqual([call, missing.line['error']], ['shipment', `shipment: ${String(detail)}`]);
  });

  test('is the one the log tells of, whatever else failed before', async () => {
    const { orders, carrier, ask } = composed;
    carrier.at('/v3/shipments/12', answerJson({}, 500));
    orders.at('/orders/12', answerJson({}, 404));
    const { line } = await ask('/after-all/12');
    assert.deepEqual([line.reason, line['error']], ['calls.failed', 'order: orders answered with status 404']);
    assert.deepEqual(line['partial'], { shipment: 'integration.error' });
  });

  test('ends the others at once', async () => {
    const { carrier, ask, silentFor, observed } = composed;
    carrier.at('/v3/shipments/7', async (request, response, index) => {
      await Promise.all([silentFor('/never/7'), silentFor('/more/7')]);
      return answerJson({}, 404)(request, response, index);
    });
    const asked = await ask('/ended/7');
    const document = problem(asked, 404, 'integration.error');
    assert.equal(document['call'], 'shipment');
    for (const path of ['/never/7', '/more/7']) await within((await silentFor(path)).closed, `end of ${path}`);
    assert.deepEqual([asked.line['attempts'], asked.line['partial']], [3, undefined]);
    assert.ok(
      (await observed.metric('sluice_upstream_attempts_total', { upstream: 'silent', result: 'aborted' })) >= 2,
    );
  });

  test('ends with the client that leaves', async () => {
    const { carrier, gateway, silentFor, observed } = composed;
    const vendorLeft = Promise.withResolvers<void>();
    carrier.at('/v3/shipments/8', (_request, response) => {
      response.on('close', () => vendorLeft.resolve());
    });
    const id = newId();
    const client = await rawConnect(cleanUp, gateway.port);
    client.send(`GET /ended/8 HTTP/1.1\r\nHost: gateway.test\r\nX-Request-Id: ${id}\r\n\r\n`);
    const [one, other] = [await silentFor('/never/8'), await silentFor('/more/8')];
    await carrier.first('/v3/shipments/8');
    client.reset();
    await within(Promise.all([one.closed, other.closed, vendorLeft.promise]), 'end of all calls');
    const line = await observed.line(id);
    assert.deepEqual([line.status, line.reason, line['attempts']], [499, 'client_gone', 3]);
  });

  test('is a timeout when the time of all is up', async () => {
    const { ask, silentFor, observed } = composed;
    const earlier = await observed.metric('sluice_upstream_attempts_total', { upstream: 'silent', result: 'timeout' });
    const document = problem(await ask('/late/9'), 504, 'upstream.timeout');
    assert.equal(document['call'], 'never');
    await within((await silentFor('/never/9')).closed, 'end of the call');
    const timeouts = await observed.metric('sluice_upstream_attempts_total', { upstream: 'silent', result: 'timeout' });
    assert.equal(timeouts - earlier, 1, 'which the breaker of the upstream learns of');
  });

  test('is done without when the time is up, but nothing new is begun then', async () => {
    const { orders, ask } = composed;
    const asked = await ask('/late-optional/10');
    const document = problem(asked, 504, 'calls.timeout');
    assert.equal(document['call'], 'after');
    assert.equal(asked.line['error'], document['detail']);
    assert.deepEqual(asked.line['partial'], { never: 'upstream.timeout' });
    assert.equal(orders.received('/after/').length, 0);
  });

  test('has begun to answer, and does not end in time', async () => {
    const { orders, ask } = composed;
    orders.at('/orders/11', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"no":');
    });
    assert.equal(problem(await ask('/late-body/11'), 504, 'calls.timeout')['call'], 'order');
  });

  test('has the fallback of the route stand in, when there is no answer at all', async () => {
    const { orders, ask } = composed;
    const { response, text, line } = await ask('/stands/12');
    assert.deepEqual([response.status, text, line.reason], [200, '{"items":[]}', 'upstream.timeout']);
    orders.at('/orders/13', answerJson({}, 500));
    problem(await ask('/stays/13'), 502, 'calls.failed');
  });

  test('is told from an answer that cannot be mapped', async () => {
    const { orders, ask } = composed;
    orders.at('/orders/14', answerText('application/json', '{"no":12345678901234567890}'));
    const document = problem(await ask('/mapped/14'), 502, 'calls.mapping');
    assert.equal(document['call'], undefined);
  });

  test('is not made for a body that is too large', async () => {
    const { orders, ask } = composed;
    problem(await ask('/short', { method: 'POST', body: 'eleven char' }), 413, 'request.body_too_large');
    assert.equal(orders.received('/short').length, 0);
  });

  test('ends when a reload no longer lets its tenant call', async () => {
    const { gateway, routes, silentFor, observed } = composed;
    const id = newId();
    const client = await rawConnect(cleanUp, gateway.port);
    client.send(`GET /keyed/15 HTTP/1.1\r\nHost: gateway.test\r\nX-Request-Id: ${id}\r\nX-Api-Key: ${API_KEY}\r\n\r\n`);
    const [one, other] = [await silentFor('/never/15'), await silentFor('/more/15')];
    await gateway.process.writeRoutes({ ...routes, tenants: { acme: { keys: [API_KEY], disabled: true } } });
    const response = await client.response();
    assert.equal(response.status, 403);
    await within(Promise.all([one.closed, other.closed]), 'end of all calls');
    assert.equal((await observed.line(id)).reason, 'tenant.disabled');
  });
});
