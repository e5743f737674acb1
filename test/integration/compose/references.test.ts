import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { callsInMapping, callsInTemplate } from '../../../src/integration/compose/references.ts';

suite('calls in a template', () => {
  const known = { params: ['id', 'order'], calls: new Set(['order', 'shipment']) };

  test('are named by placeholders with a dot', () => {
    assert.deepEqual([...callsInTemplate('/a/{order.id}/{shipment.x.y?}/{order.no}', known)], ['order', 'shipment']);
  });

  test('are none where a parameter, the query or the body is meant', () => {
    assert.deepEqual([...callsInTemplate('/{id}/{order}/{query.order}/{body.order}/{{order.id}}', known)], []);
  });

  test('are none in a text that is no template', () => {
    assert.deepEqual([...callsInTemplate('/{order.id}/{nobody.id}', known)], []);
  });
});

suite('calls in a mapping', () => {
  const said = (text: string): readonly string[] =>
    callsInMapping(text).map(({ name, offset }) => `${name ?? '?'} ${text.slice(offset)}`);

  test('are named behind $calls', () => {
    assert.deepEqual(said('$calls.order.id'), ['order order.id']);
    assert.deepEqual(said('{ "a": items.($calls.order.id), "b": $sum($calls.stock[0].n) }'), [
      'order order.id), "b": $sum($calls.stock[0].n) }',
      'stock stock[0].n) }',
    ]);
    assert.deepEqual(
      callsInMapping('$calls.`odd`.x & $calls."told".x').map(({ name }) => name),
      ['odd', 'told'],
    );
  });

  test('are none without $calls', () => {
    assert.deepEqual(said('{ "order": calls.order, "q": $query.calls }'), []);
  });

  test('cannot be told where $calls is used as a whole', () => {
    assert.deepEqual(said('$calls'), ['? $calls']);
    assert.deepEqual(said('$merge([$calls, {}])'), ['? $calls, {}])']);
    assert.deepEqual(said('$calls.*'), ['? $calls.*']);
    assert.deepEqual(said('($c := $calls; $c.order)'), ['? $calls; $c.order)']);
    assert.deepEqual(said('$calls.(order)'), ['? $calls.(order)']);
  });
});
