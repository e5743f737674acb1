import assert from 'node:assert/strict';
import { suite, type TestContext, test } from 'node:test';
import { rehearsed } from '../load/routes.ts';

const BASE = `version: 1
upstreams: { orders: "http://127.0.0.1:7001" }
integrations: { carrier: "http://127.0.0.1:7002" }
routes:
  whole:
    match: GET /whole/{id}
    auth: none
    calls:
`;
/** The first of `lines` is line 9. */
const withCalls = (...lines: string[]): string => `${BASE}${lines.map((line) => `      ${line}\n`).join('')}`;

async function findings(t: TestContext, text: string, files: Readonly<Record<string, string>> = {}) {
  return (await rehearsed(t, text, files)).map(
    ({ at, code, message, hint }) =>
      `${at.line}:${at.column} ${code}: ${message}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

suite('calls of a route', () => {
  test('that name each other in turn are sound', async (t) => {
    const text = withCalls(
      'order: { to: orders, path: "/orders/{id}" }',
      'shipment: { to: carrier, path: "/shipments/{order.no}", optional: true, default: { state: unknown } }',
      "stock: { to: orders, method: POST, path: /stock, body: \"{ 'id': $calls.order.id, 'at': $calls.shipment.state }\" }",
    );
    assert.deepEqual(await findings(t, text), []);
  });

  test('in a circle are an error where it closes', async (t) => {
    const text = withCalls(
      'order: { to: orders, path: "/orders/{stock.id}" }',
      'shipment:',
      '  to: carrier',
      '  path: /shipments',
      '  query: { ref: "{id}", order: "{order.no}" }',
      'stock: { to: orders, path: /stock, headers: { x-shipment: "{shipment.no}" } }',
    );
    const [finding = '', ...more] = await findings(t, text);
    assert.deepEqual(more, []);
    assert.match(finding, /^13:38 call-cycle: .* in a circle: order → stock → shipment → order /);
  });

  test('that wait for themselves are an error', async (t) => {
    const [finding = ''] = await findings(t, withCalls('order: { to: orders, path: "/orders/{order.id}" }'));
    assert.match(finding, /^9:\d+ call-cycle: "order" waits for its own answer/);
  });

  test('that name no call are an error, with the one that was meant', async (t) => {
    const text = withCalls(
      'order: { to: orders, path: "/orders/{id}" }',
      'shipment: { to: carrier, path: "/shipments/{ordr.no}" }',
      'stock: { to: orders, method: POST, path: /stock, body: "$calls.oder.id" }',
    );
    assert.deepEqual(await findings(t, text), [
      '10:38 template: {ordr.no} is not known here (did you mean "order"?)',
      '11:70 unknown-call: there is no call "oder" (did you mean "order"?)',
    ]);
  });

  test('circles and unknown names are found in files, at their lines', async (t) => {
    const text = withCalls(
      'order: { to: orders, path: "/orders/{stock.id}" }',
      'stock: { to: orders, method: POST, path: /stock, body: maps/stock.jsonata }',
    );
    const found = await findings(t, text, {
      'maps/stock.jsonata': '{\n  "no": $calls.order.no,\n  "all": $calls\n}\n',
    });
    assert.equal(found.length, 2, found.join('\n'));
    assert.ok(
      found.some((each) => /^3:10 unknown-call: .*uses \$calls as a whole/.test(each)),
      found.join('\n'),
    );
    assert.ok(
      found.some((each) => /^2:16 call-cycle: .*order → stock → order/.test(each)),
      found.join('\n'),
    );
  });

  test('and the mapping of their answer must be an expression', async (t) => {
    const text = `${withCalls('order: { to: orders, path: "/orders/{id}" }')}    response: { body: "{ 'order': order" }\n`;
    const [finding = ''] = await findings(t, text);
    assert.match(finding, /^10:\d+ mapping: the mapping is not a JSONata expression/);
  });
});
