import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkUpstream, upstreamSchema } from '../../src/upstream/settings.ts';
import { reading } from '../support/reading.ts';

test('a URL alone is an upstream with every built-in value', () => {
  assert.deepEqual(reading(upstreamSchema, 'http://127.0.0.1:7001').value, {
    targets: [{ url: { href: 'http://127.0.0.1:7001', origin: 'http://127.0.0.1:7001', basePath: '' }, weight: 1 }],
    balance: { by: 'least_pending', hash: undefined },
    health: undefined,
    eject: { failures: 5, for: 30_000, max: 0.5 },
    breaker: { failures: 0.5, min: 20, window: 10_000, open: 30_000 },
    retry: {
      max: 2,
      when: ['connect', 'reset', 'timeout', 502, 503, 504],
      backoff: { baseMs: 50, capMs: 1_000 },
      replay: 65_536,
    },
    timeout: { connect: 2_000, try: 15_000, answer: 30_000, idle: 30_000, total: null },
    connections: 128,
    concurrency: null,
    retry_budget: { ratio: 0.2, min: { limit: 3, windowMs: 1_000, text: '3/s' } },
    tls: undefined,
    host: undefined,
  });
});

test('the documented example is read as it is written', () => {
  const { value } = reading(
    upstreamSchema,
    `
  targets: [http://127.0.0.1:7002, { url: "https://Catalog.internal:443/base/", weight: 2 }]
  balance: { hash: tenant }
  health: { path: /healthz, every: 5s, timeout: 1s, fail: 3, pass: 2 }
  eject: none
  breaker: none
  timeout: { connect: 1s, try: 3s, idle: 30s }
  concurrency: 500
  tls: { ca: certs/ca.pem, servername: catalog.internal }
  host: preserve`,
  );
  assert.deepEqual(value.targets[1], {
    url: { href: 'https://catalog.internal/base', origin: 'https://catalog.internal', basePath: '/base' },
    weight: 2,
  });
  assert.equal(value.balance.hash, 'tenant');
  assert.equal(value.eject, null);
  assert.equal(value.breaker, null);
  assert.equal(value.concurrency, 500);
  assert.equal(value.host, 'preserve');
  assert.deepEqual(checkUpstream(value), []);
});

for (const [written, finding] of [
  ['127.0.0.1:7001', 'start with http:// or https://'],
  ['ftp://127.0.0.1', 'start with http:// or https://'],
  ['http://', 'is not an http or https URL'],
  ['http://127.0.0.1:7001/?a=b', 'has a query or a fragment'],
  ['http://127.0.0.1:7001/#top', 'has a query or a fragment'],
  ['{ targets: [] }', 'this list is empty'],
  ['{ balance: least_pending }', 'needs "targets"'],
  ['{ targets: http://h, balance: random }', '"random" is not one of least_pending, round_robin'],
  ['{ targets: http://h, health: { path: healthz } }', '"healthz" is not a path such as /healthz'],
  ['{ targets: http://h, timeouts: { try: 1s } }', 'did you mean "timeout"'],
] as const) {
  test(`${written} is refused: ${finding}`, () => {
    const { told } = reading(upstreamSchema, written);
    assert.ok(
      told.some((each) => each.includes(finding)),
      told.join('\n'),
    );
  });
}

test('credentials in a URL are refused and not repeated', () => {
  const { told } = reading(upstreamSchema, 'http://user:hunter2@127.0.0.1:7001');
  assert.equal(told.length, 1);
  assert.ok(!told.join().includes('hunter2'));
});

describe('rules across settings', () => {
  for (const [name, written, code] of [
    ['a target may be listed once', '{ targets: [http://h, http://h/] }', 'duplicate-target'],
    ['a certificate needs its key', '{ targets: https://h, tls: { cert: c.pem } }', 'tls-pair'],
    ['tls needs an https target', '{ targets: http://h, tls: { ca: ca.pem } }', 'tls-unused'],
    ['checks must not overlap', '{ targets: http://h, health: { path: /, every: 1s, timeout: 2s } }', 'health-overlap'],
  ] as const) {
    test(name, () => {
      assert.deepEqual(
        checkUpstream(reading(upstreamSchema, written).value).map((issue) => issue.code),
        [code],
      );
    });
  }
});
