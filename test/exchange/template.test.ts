import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Exchange } from '../../src/exchange/exchange.ts';
import { compileTemplate, type TemplatePlace } from '../../src/exchange/template.ts';
import { onExchange } from '../support/policies.ts';

const tenant: NonNullable<Exchange['tenant']> = {
  id: 'acme',
  plan: { name: 'pro', limit: [], burst: undefined, concurrency: undefined, priority: 5 },
  roles: new Set(),
  headers: [],
  limits: new Map(),
  disabled: false,
};

async function render(text: string, place: TemplatePlace, params: Record<string, string> = {}, body?: unknown) {
  const template = compileTemplate(text, place, { params: Object.keys(params) });
  assert.ok(!('error' in template), text);
  return onExchange(
    (x) => {
      x.tenant = tenant;
      x.params = Object.values(params);
      return template.render(x, body);
    },
    { path: '/v1?q=a%20b&q=second&empty=' },
  );
}

function faultOf(text: string): string {
  const template = compileTemplate(text, 'path', { params: ['id'] });
  assert.ok('error' in template, text);
  return template.error;
}

describe('template', () => {
  it('fills in parameters, the tenant, the query and the body', async () => {
    assert.equal(await render('/o/{id}/{params.id}', 'path', { id: '7' }), '/o/7/7');
    assert.equal(await render('{tenant}:{tenant.plan}', 'header'), 'acme:pro');
    assert.equal(await render('{query.q}|{query.empty}', 'header'), 'a b|');
    assert.equal(
      await render('{body.a.b}-{body.n}-{body.t}', 'header', {}, { a: { b: 'x' }, n: 1.5, t: true }),
      'x-1.5-true',
    );
  });

  it('escapes each value for where it stands', async () => {
    assert.equal(await render('/{id}', 'path', { id: 'a%2Fb%20c' }), '/a%2Fb%20c');
    assert.equal(await render('/{body.x}', 'path', {}, { x: 'a/b?c#d' }), '/a%2Fb%3Fc%23d');
    assert.equal(await render('id={id}', 'query', { id: 'a%26b=c' }), 'id=a%26b%3Dc');
    assert.equal(await render('{id}', 'header', { id: 'caf%C3%A9%20x' }), 'caf%C3%A9 x');
  });

  it('escapes for the text of an element and the value of an attribute', async () => {
    assert.equal(
      await render('<a b="{body.x}">{body.y}</a>', 'xml', {}, { x: `"'<&>`, y: 'ü\u{1f600}' }),
      '<a b="&quot;&apos;&lt;&amp;&gt;">ü\u{1f600}</a>',
    );
    assert.equal(await render('<a>{body.x}</a>', 'xml', {}, { x: 'a\0b' }), undefined);
    assert.equal(await render('<a>{body.x?}</a>', 'xml', {}, {}), '<a></a>');
  });

  it('says a number as it was sent, or not at all', async () => {
    assert.equal(
      await render('{body.n}', 'header', {}, { n: JSON.rawJSON('12345678901234567890') }),
      '12345678901234567890',
    );
    assert.equal(await render('{body.n}', 'header', {}, JSON.parse('{"n":12345678901234567890}')), undefined);
  });

  it('fills in results of earlier calls, and names the calls it needs', async () => {
    const calls = new Set(['order']);
    const template = compileTemplate('/shipments/{order.shipment.id}', 'path', { params: [], calls });
    assert.ok(!('error' in template));
    assert.deepEqual(template.calls, calls);
    const results = new Map([['order', { shipment: { id: 'a/b' } }]]);
    assert.equal(await onExchange((x) => template.render(x, undefined, results), {}), '/shipments/a%2Fb');
    assert.equal(await onExchange((x) => template.render(x, undefined, new Map()), {}), undefined);
    assert.ok('error' in compileTemplate('/{other.id}', 'path', { params: [], calls }));
  });

  it('has no text when a value is missing or cannot stand there', async () => {
    assert.equal(await render('/{query.none}', 'path'), undefined);
    assert.equal(await render('/{query.empty}/x', 'path'), undefined);
    assert.equal(await render('{body.o}', 'header', {}, { o: {} }), undefined);
    assert.equal(await render('{body.constructor}', 'header', {}, {}), undefined);
    assert.equal(await render('{id}', 'header', { id: 'a%0d%0aevil:1' }), undefined);
    assert.equal(await render('{id}', 'header', { id: '%ff' }), undefined);
    for (const dots of ['.', '..', '%2e%2E', '..%2Fb', 'b%2F..', 'b%5C..', '%00', '%252e%252e']) {
      assert.equal(await render('/a/{id}', 'path', { id: dots }), undefined, dots);
    }
    for (const x of ['../b', 'b/..', 'b\\..', '\0', 'a\nb', '%2e%2e', '%2f']) {
      assert.equal(await render('/a/{body.x}', 'path', {}, { x }), undefined, x);
    }
    assert.equal(await render('/a/{body.x}', 'path', {}, { x: '100%' }), '/a/100%25');
  });

  it('is empty for an optional value, and a brace for two', async () => {
    assert.equal(await render('a{query.none?}b', 'header'), 'ab');
    assert.equal(await render('{{"g":"{tenant}"}}', 'header'), '{"g":"acme"}');
    assert.equal(await render('plain', 'header'), 'plain');
  });

  it('refuses what it does not know', () => {
    assert.match(faultOf('/{ID}'), /\{ID\} is not known here/);
    for (const text of ['/{}', '/{params.x}', '/{headers.x}', '/{tenant.region}', '/{query.}']) {
      assert.match(faultOf(text), /is not known/, text);
    }
    const misspelt = compileTemplate('/{ordr.id}', 'path', { params: [], calls: new Set(['order', 'stock']) });
    assert.match('hint' in misspelt ? misspelt.hint : '', /did you mean "order"/);
    for (const text of ['/{id', '/id}', '/{{id}']) assert.match(faultOf(text), /a single/, text);
  });
});
