import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { beforeEach, test } from 'node:test';
import { type Ask, Resolver } from '../../src/upstream/resolver.ts';

const A: LookupAddress = { address: '10.0.0.1', family: 4 };
const B: LookupAddress = { address: '10.0.0.2', family: 4 };
const SIX: LookupAddress = { address: '::1', family: 6 };

let now = 0;
let questions: { name: string; receive: Parameters<Ask>[2] }[] = [];
let stale: string[] = [];

beforeEach(() => {
  now = 1_000;
  questions = [];
  stale = [];
});

function resolver(): Resolver {
  return new Resolver({
    now: () => now,
    ask: (name, _options, receive) => void questions.push({ name, receive }),
    onStale: (name) => void stale.push(name),
  });
}

function ask(from: Resolver, family: 0 | 4 | 6 = 0): Promise<string> {
  return new Promise((resolve, reject) => {
    from.lookup('orders.internal', { all: true, family }, (error, addresses) => {
      if (error !== null) reject(error);
      else resolve(typeof addresses === 'string' ? addresses : addresses.map((each) => each.address).join(' '));
    });
  });
}

function answer(...addresses: LookupAddress[]): void {
  questions.pop()?.receive(null, addresses);
}

function fail(): void {
  questions.pop()?.receive(Object.assign(new Error('gone'), { code: 'ENOTFOUND' }), []);
}

async function warmed(): Promise<Resolver> {
  const it = resolver();
  const first = ask(it);
  answer(A);
  assert.equal(await first, '10.0.0.1');
  return it;
}

test('one question serves all who wait for it', async () => {
  const it = resolver();
  const both = [ask(it), ask(it)];
  assert.equal(questions.length, 1);
  answer(A, B);
  assert.deepEqual(await Promise.all(both), ['10.0.0.1 10.0.0.2', '10.0.0.1 10.0.0.2']);
});

test('an answer is used for five seconds, then asked for again', async () => {
  const it = await warmed();
  now += 4_999;
  assert.equal(await ask(it), '10.0.0.1');
  assert.equal(questions.length, 0);
  now += 1;
  const next = ask(it);
  answer(B);
  assert.equal(await next, '10.0.0.2');
});

test('when the name vanishes the last good answer is used', async () => {
  const it = await warmed();
  now += 5_000;
  const next = ask(it);
  fail();
  assert.equal(await next, '10.0.0.1');
  assert.deepEqual(stale, ['orders.internal']);
});

test('an empty answer is no better than none', async () => {
  const it = await warmed();
  now += 5_000;
  const next = ask(it);
  answer();
  assert.equal(await next, '10.0.0.1');
});

test('a crawling name server holds a connect up once and briefly', async () => {
  const it = await warmed();
  now += 5_000;
  assert.equal(await ask(it), '10.0.0.1');
  now += 100;
  assert.equal(await ask(it), '10.0.0.1');
  assert.equal(questions.length, 1);
  answer(B);
  assert.equal(await ask(it), '10.0.0.2');
});

test('a name that never had an answer fails, and is asked for again', async () => {
  const it = resolver();
  const first = ask(it);
  fail();
  await assert.rejects(first, { code: 'ENOTFOUND' });
  const second = ask(it);
  answer(A);
  assert.equal(await second, '10.0.0.1');
});

test('only addresses of the wanted family are given', async () => {
  const it = resolver();
  const both = [ask(it, 4), ask(it, 6)];
  answer(SIX, A);
  assert.deepEqual(await Promise.all(both), ['10.0.0.1', '::1']);
});

test('the system’s own answer is used as it is', async () => {
  const addresses = await new Promise((resolve, reject) => {
    new Resolver().lookup('localhost', { all: false, family: 4 }, (error, address) =>
      error ? reject(error) : resolve(address),
    );
  });
  assert.equal(addresses, '127.0.0.1');
});
