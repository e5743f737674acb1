// Several calls that make up one answer: what is asked of whom and when, and what the client gets of it.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { answerJson, answersInTurn, answerText, HeldAnswers } from '../support/vendor.ts';
import { eventually } from '../support/wait.ts';
import { API_KEY, type Composed, startComposed } from './composed.ts';

const KEY = `X-Api-Key: ${API_KEY}\r\n`;

suite('an answer of several calls', () => {
  const cleanUp = suiteCleanUp(after);
  let composed: Composed;

  before(async () => {
    const order = { to: 'orders', path: '/orders/{id}' };
    const shipment = { to: 'carrier', path: '/shipments/{id}' };
    composed = await startComposed(cleanUp, {
      'side-by-side': { match: 'GET /side/{id}', calls: { shipment, order } },
      chain: {
        match: 'GET /chain/{id}',
        calls: {
          shipment: {
            ...shipment,
            path: '/shipments/{order.shipment}',
            query: { ref: '{order.no}', lang: '{query.lang?}' },
          },
          order,
        },
        response: { body: '{ "no": order.no, "state": shipment.state, "partial": $partial, "lang": $query.lang }' },
      },
      told: {
        match: 'POST /told/{id}',
        auth: 'key',
        headers: { request: { set: { 'x-set': '1' }, remove: ['x-secret'] } },
        calls: {
          order: { ...order, method: 'GET', headers: { 'x-part': '{tenant}' } },
          booking: {
            to: 'carrier',
            path: '/bookings',
            body: '{ "order": $calls.order.no, "weight": weight, "by": $tenant.id }',
          },
          note: { to: 'orders', path: '/notes', body: '{ "text": $calls.booking.text }' },
        },
        response: { body: '{ "asked": $request.weight, "booking": booking }' },
      },
      passed: { match: 'POST /passed', calls: { order: { to: 'orders', path: '/passed' } } },
      patient: {
        match: 'GET /patient/{id}',
        retry: { max: 2, when: [503], backoff: '1ms..2ms' },
        calls: { order, shipment },
      },
      held: {
        match: 'GET /held/{id}',
        calls: { order },
        response: {
          schema: { type: 'object', properties: { order: { type: 'object', required: ['no'] } } },
          on_fail: 'reject',
        },
      },
      reported: {
        match: 'GET /reported/{id}',
        calls: { order, shipment: { ...shipment, optional: true } },
        response: {
          schema: {
            type: 'object',
            properties: { order: { type: 'object', required: ['no'] }, shipment: { type: 'object' } },
          },
          sample: '100%',
        },
      },
    });
  });

  test('is made of calls that are in flight at the same time', async () => {
    const { orders, carrier, ask, observed } = composed;
    const [order, shipment] = [new HeldAnswers(answerJson({ no: 7 })), new HeldAnswers(answerJson({ state: 'sent' }))];
    orders.at('/orders/7', order.answer);
    carrier.at('/v3/shipments/7', shipment.answer);
    const asked = ask('/side/7');
    await eventually(() => order.size === 1 && shipment.size === 1, 'both requests at once');
    order.release();
    shipment.release();
    const { response, text, line } = await asked;
    assert.equal(response.status, 200);
    assert.equal(text, '{"shipment":{"state":"sent"},"order":{"no":7}}', 'in the order of the file');
    assert.equal(response.header('content-type'), 'application/json');
    assert.equal(response.header('content-length'), String(response.body.length));
    assert.equal(response.header('partial-results'), undefined);
    assert.deepEqual(
      [line['attempts'], line['source'], line['target'], line['partial']],
      [2, 'upstream', undefined, undefined],
    );
    assert.deepEqual(String(line['upstream']).split(',').toSorted(), ['carrier', 'orders']);
    for (const upstream of ['orders', 'carrier']) {
      assert.ok((await observed.metric('sluice_upstream_attempts_total', { upstream, result: 'ok' })) >= 1);
    }
  });

  test('makes a call that names another as soon as that has answered', async () => {
    const { orders, carrier, ask } = composed;
    const order = new HeldAnswers(answerText('application/json', '{"no":12345678901234567890,"shipment":"a/b"}'));
    orders.at('/orders/8', order.answer);
    carrier.at('/v3/shipments/a%2Fb', answerJson({ state: 'sent' }));
    const asked = ask('/chain/8?lang=d%C3%A4');
    await eventually(() => order.size === 1, 'the order to be asked for');
    assert.equal(carrier.received('/v3/shipments/a%2Fb').length, 0);
    order.release();
    const { text } = await asked;
    assert.equal(text, '{"no":12345678901234567890,"state":"sent","partial":[],"lang":"dä"}', 'no digit is lost');
    const [call, ...more] = carrier.received('/v3/shipments/a%2Fb');
    assert.deepEqual(more, []);
    assert.equal(call?.url, '/v3/shipments/a%2Fb?ref=12345678901234567890&lang=d%C3%A4');
  });

  test('asks each with a request of its own', async () => {
    const { orders, carrier, ask } = composed;
    orders.at('/orders/9', answerText('application/json', '{"no":98765432109876543210}'));
    carrier.at('/v3/bookings', answerJson({ text: 'booked' }, 201));
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
    const { response, text } = await ask('/told/9?x=1', {
      method: 'POST',
      head: `${KEY}Content-Type: application/json\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\nIf-None-Match: "a"\r\nRange: bytes=0-1\r\nCookie: c=1\r\nX-Secret: s\r\ntraceparent: 00-${trace}-00f067aa0ba902b7-01\r\n`,
      body: '{"weight":1.5}',
    });
    assert.equal(text, '{"asked":1.5,"booking":{"text":"booked"}}');
    assert.equal(response.status, 200);
    const [order, note] = [await orders.first('/orders/9'), await orders.first('/notes')];
    assert.deepEqual([order.method, order.url, order.body.length], ['GET', '/orders/9', 0]);
    for (const gone of ['content-type', 'content-length', 'if-none-match', 'range', 'x-secret', 'x-api-key']) {
      assert.equal(order.header(gone), undefined, gone);
    }
    assert.deepEqual(
      ['accept', 'accept-encoding', 'cookie', 'x-part', 'x-set', 'x-tier', 'x-forwarded-host'].map((name) =>
        order.header(name),
      ),
      ['application/json', 'identity', 'c=1', 'acme', '1', 'gold', 'gateway.test'],
    );
    assert.equal(order.header('x-request-id'), response.header('x-request-id'));
    const spans = [order, note].map((each) => /^00-(\w+)-(\w+)-01$/.exec(each.header('traceparent') ?? '') ?? []);
    assert.deepEqual(
      spans.map(([, id]) => id),
      [trace, trace],
    );
    assert.equal(new Set(['00f067aa0ba902b7', ...spans.map(([, , span]) => span)]).size, 3, 'a span for each call');
    assert.deepEqual([note.method, note.body.toString()], ['POST', '{"text":"booked"}']);
    assert.equal(note.header('content-type'), 'application/json');
    assert.equal(note.header('content-length'), String(note.body.length));
    const booking = await carrier.first('/v3/bookings');
    assert.deepEqual([booking.method, booking.header('x-set'), booking.header('cookie')], ['POST', '1', undefined]);
    assert.equal(booking.body.toString(), '{"order":98765432109876543210,"weight":1.5,"by":"acme"}');
  });

  test('passes the client’s body on where a call has none of its own', async () => {
    const { orders, ask } = composed;
    const { text } = await ask('/passed', {
      method: 'POST',
      head: 'Content-Type: text/csv\r\nContent-Language: de\r\n',
      body: 'a;b',
    });
    assert.equal(text, '{"order":{"ok":true}}');
    const passed = await orders.first('/passed');
    assert.deepEqual([passed.method, passed.body.toString()], ['POST', 'a;b']);
    assert.deepEqual([passed.header('content-type'), passed.header('content-length')], ['text/csv', '3']);
  });

  test('has no body for HEAD, and its calls are made with GET', async () => {
    const { orders, carrier, ask } = composed;
    orders.at('/orders/10', answerJson({ no: 10 }));
    carrier.at('/v3/shipments/10', answerText('application/json', '', 204));
    const { response } = await ask('/side/10', { method: 'HEAD' });
    assert.equal(response.status, 200);
    assert.equal(response.header('content-length'), String('{"shipment":null,"order":{"no":10}}'.length));
    assert.deepEqual(
      [(await orders.first('/orders/10')).method, (await carrier.first('/v3/shipments/10')).method],
      ['GET', 'GET'],
    );
  });

  test('tries each call again as the route says, and tells all attempts in its one line', async () => {
    const { orders, carrier, ask, observed } = composed;
    orders.at('/orders/11', answersInTurn(answerJson({}, 503), answerJson({}, 503), answerJson({ no: 11 })));
    carrier.at('/v3/shipments/11', answersInTurn(answerJson({}, 503), answerJson({ state: 'sent' })));
    const earlier = await observed.metric('sluice_upstream_attempts_total', { upstream: 'orders' });
    const { text, line } = await ask('/patient/11');
    assert.equal(text, '{"order":{"no":11},"shipment":{"state":"sent"}}');
    assert.equal(line['attempts'], 5);
    const failed = line['failed'];
    assert.ok(Array.isArray(failed) && failed.length === 3, JSON.stringify(line));
    assert.equal((await observed.metric('sluice_upstream_attempts_total', { upstream: 'orders' })) - earlier, 3);
    assert.equal(await observed.metric('sluice_retries_total', { upstream: 'orders', outcome: 'success' }), 1);
    assert.equal(await observed.metric('sluice_retries_total', { upstream: 'carrier', outcome: 'success' }), 1);
  });

  test('is held against its schema before it is mapped', async () => {
    const { orders, ask } = composed;
    orders.at('/orders/12', answerJson({ no: 12 }));
    orders.at('/orders/13', answerJson({ number: 13 }));
    assert.equal((await ask('/held/12')).text, '{"order":{"no":12}}');
    const { response, text, line } = await ask('/held/13');
    const { code, detail } = JSON.parse(text);
    assert.deepEqual([response.status, code], [502, 'calls.drifted']);
    assert.match(detail, /\/order\/no/);
    assert.equal(line['error'], detail);
  });

  test('is no drift for what a call that failed has left out', async () => {
    const { orders, carrier, ask, gateway, observed } = composed;
    orders.at('/orders/14', answerJson({ no: 14 }));
    carrier.at('/v3/shipments/14', answerJson({}, 500));
    orders.at('/orders/15', answerJson({}));
    carrier.at('/v3/shipments/15', answerJson({}));
    assert.equal((await ask('/reported/14')).text, '{"order":{"no":14},"shipment":null}');
    assert.equal((await ask('/reported/15')).text, '{"order":{},"shipment":{}}');
    await gateway.log.until(({ event, pointer }) => event === 'response_drift' && pointer === '/order/no');
    assert.equal(await observed.metric('sluice_drift_total', { route: 'reported' }), 1);
  });
});
