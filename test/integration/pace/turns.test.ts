import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Turns, type Waiting } from '../../../src/integration/pace/turns.ts';

interface Call extends Waiting {
  readonly name: string;
}

const call = (name: string, tenant: string, priority = 5): Call => ({ name, tenant, priority });

function drawn(turns: Turns<Call>, priority = 5): string[] {
  const names: string[] = [];
  for (let next = turns.next(priority); next !== undefined; next = turns.next(priority)) names.push(next.name);
  return names;
}

test('tenants take turns: one that floods waits behind itself', () => {
  const turns = new Turns<Call>('fair');
  for (const name of ['a1', 'a2', 'a3', 'a4']) turns.add(call(name, 'a'));
  for (const name of ['b1', 'b2']) turns.add(call(name, 'b'));
  turns.add(call('c1', 'c'));
  assert.deepEqual(drawn(turns), ['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  assert.equal(turns.size, 0);
});

test('who has just been served waits behind who has not', () => {
  const turns = new Turns<Call>('fair');
  turns.add(call('a1', 'a'));
  turns.add(call('b1', 'b'));
  assert.equal(turns.next(5)?.name, 'a1');
  turns.add(call('a2', 'a'));
  assert.deepEqual(drawn(turns), ['b1', 'a2']);
});

test('fifo is first come, first served', () => {
  const turns = new Turns<Call>('fifo');
  for (const [name, tenant] of [
    ['a1', 'a'],
    ['a2', 'a'],
    ['b1', 'b'],
  ] as const)
    turns.add(call(name, tenant));
  assert.deepEqual(drawn(turns), ['a1', 'a2', 'b1']);
});

test('priorities are lines of their own', () => {
  const turns = new Turns<Call>('fair');
  turns.add(call('low', 'a', 1));
  turns.add(call('high', 'a', 9));
  assert.equal(turns.highest(), 9);
  assert.deepEqual(drawn(turns, 9), ['high']);
  assert.equal(turns.has(9), false);
  assert.deepEqual(drawn(turns, 1), ['low']);
});

test('a call that leaves is gone, once', () => {
  const turns = new Turns<Call>('fair');
  const gone = call('a1', 'a');
  turns.add(gone);
  turns.add(call('a2', 'a'));
  assert.equal(turns.remove(gone), true);
  assert.equal(turns.remove(gone), false);
  assert.deepEqual(drawn(turns), ['a2']);
});

test('how many go before a newcomer: its own, as many of each other tenant and one, and all of a higher priority', () => {
  const turns = new Turns<Call>('fair');
  for (let i = 0; i < 50; i++) turns.add(call(`a${i}`, 'a'));
  turns.add(call('b0', 'b'));
  assert.equal(turns.ahead(call('b1', 'b')), 1 + 2);
  assert.equal(turns.ahead(call('a50', 'a')), 50 + 1);
  assert.equal(turns.ahead(call('c0', 'c')), 1 + 1);
  turns.add(call('h', 'h', 9));
  assert.equal(turns.ahead(call('c0', 'c')), 3);
  assert.equal(turns.ahead(call('first', 'c', 9)), 1);
});

test('in a full house the tenant with the most waiting gives way, with its newest call of the lowest priority', () => {
  const turns = new Turns<Call>('fair');
  for (const name of ['a1', 'a2', 'a3']) turns.add(call(name, 'a'));
  turns.add(call('a-low', 'a', 2));
  turns.add(call('b1', 'b'));
  assert.equal(turns.giveWay(call('b2', 'b'))?.name, 'a-low');
  assert.equal(turns.giveWay(call('b2', 'b'))?.name, 'a3');
  assert.equal(turns.size, 3);
  assert.equal(turns.giveWay(call('b2', 'b')), undefined, 'b would have as many as a');
  assert.equal(turns.giveWay(call('a4', 'a')), undefined);
});

test('names that objects are born with are only names', () => {
  const turns = new Turns<Call>('fair');
  for (const tenant of ['constructor', '__proto__', 'toString']) turns.add(call(tenant, tenant));
  assert.deepEqual(drawn(turns), ['constructor', '__proto__', 'toString']);
});
