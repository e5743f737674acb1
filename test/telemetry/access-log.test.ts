import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { NO_BODY } from '../../src/edge/client-body.ts';
import { Exchange } from '../../src/exchange/exchange.ts';
import { defineProblem } from '../../src/exchange/problem.ts';
import { AccessLog } from '../../src/telemetry/access-log.ts';
import { createEventLog } from '../../src/telemetry/events.ts';
import { LogSink } from '../../src/telemetry/log-sink.ts';
import type { Tenant } from '../../src/tenant/tenants.ts';

const acme: Tenant = {
  id: 'acme',
  plan: undefined,
  roles: new Set(),
  headers: [],
  limits: new Map(),
  disabled: false,
};

let folder: string;
let sink: LogSink;
const dropped = { value: 0 };

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-log-'));
  sink = new LogSink({ destination: join(folder, 'log'), dropped, writeErrors: { value: 0 }, onOutage: () => {} });
});
afterEach(async () => {
  await sink.close();
  rmSync(folder, { recursive: true });
});

function exchange(headers: Record<string, string> = {}): Exchange {
  const req = new IncomingMessage(new Socket());
  Object.assign(req.headers, headers);
  const x = new Exchange(req, new ServerResponse(req), NO_BODY);
  x.requestId = '0198f2a0-0000-7000-8000-000000000000';
  x.traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  x.path = '/v1/orders';
  x.clientAddress = '10.0.0.1';
  return x;
}

async function written(): Promise<Record<string, unknown>[]> {
  await sink.close();
  const text = readFileSync(join(folder, 'log'), 'utf8');
  assert.ok(text === '' || text.endsWith('\n'));
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}

test('a line says who asked what, who answered, how and how fast', async () => {
  mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 10, 20, 9, 5, 7, 42) });
  const x = exchange({ 'user-agent': 'curl/8' });
  x.method = 'POST';
  x.query = '?api_key=hunter2';
  x.route = { name: 'create-order', params: [] };
  x.tenant = acme;
  x.status = 201;
  x.source = 'upstream';
  x.bytesOut = 512;
  x.upstream = 'orders';
  x.target = 'http://127.0.0.1:7001';
  x.attempts = 2;
  new AccessLog(sink, { headers: ['user-agent'] }).record(x, 12.3456);
  mock.timers.reset();

  assert.deepEqual(await written(), [
    {
      time: '2026-11-20T09:05:07.042Z',
      request_id: '0198f2a0-0000-7000-8000-000000000000',
      trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
      tenant: 'acme',
      route: 'create-order',
      method: 'POST',
      path: '/v1/orders',
      status: 201,
      source: 'upstream',
      bytes: 512,
      duration_ms: 12.35,
      upstream: 'orders',
      target: 'http://127.0.0.1:7001',
      client_ip: '10.0.0.1',
      user_agent: 'curl/8',
      attempts: 2,
    },
  ]);
});

test('a line says which calls its answer does without, and why', async () => {
  const x = exchange();
  x.upstream = 'orders,carrier';
  x.partial = [
    { call: 'shipment', reason: 'upstream.timeout' },
    { call: 'stock', reason: 'integration.error' },
  ];
  new AccessLog(sink, { headers: [] }).record(x, 1);
  assert.deepEqual(
    (await written()).map((line) => [line['upstream'], line['partial']]),
    [['orders,carrier', { shipment: 'upstream.timeout', stock: 'integration.error' }]],
  );
});

test('the time is right on both sides of a second', async () => {
  const log = new AccessLog(sink, { headers: [] });
  const times = [Date.UTC(1999, 11, 31, 23, 59, 59, 999), Date.UTC(2000, 0, 1), Date.UTC(2000, 0, 1, 0, 0, 0, 7)];
  for (const now of times) {
    mock.timers.enable({ apis: ['Date'], now });
    log.record(exchange(), 1);
    mock.timers.reset();
  }
  assert.deepEqual(
    (await written()).map((line) => line['time']),
    times.map((time) => new Date(time).toISOString()),
  );
});

test('durations are right to a hundredth of a millisecond', async () => {
  const log = new AccessLog(sink, { headers: [] });
  const durations = [0, 0.004, 0.05, 0.996, 9.999, 12.3, 86_400_000.07];
  for (const durationMs of durations) log.record(exchange(), durationMs);
  assert.deepEqual(
    (await written()).map((line) => line['duration_ms']),
    [0, 0, 0.05, 1, 10, 12.3, 86_400_000.07],
  );
});

test('what does not apply is left out; a refusal names its reason', async () => {
  const x = exchange();
  x.status = 404;
  x.problem = defineProblem('route.not_found', 404, 'Not found', 'destination_not_found');
  const log = new AccessLog(sink, { headers: ['user-agent', 'x-shop'] });
  log.record(x, 0.1);
  x.reason = 'client_gone';
  log.record(x, 0.1);
  const [refused, gone] = await written();
  assert.equal(refused?.['reason'], 'route.not_found');
  assert.equal(gone?.['reason'], 'client_gone');
  for (const field of ['tenant', 'route', 'upstream', 'target', 'user_agent', 'headers']) {
    assert.ok(!(field in (refused ?? {})), field);
  }
});

test('any bytes a client sends come out as one line of correct JSON', async () => {
  const everyLatin1 = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code));
  const hostile = [
    everyLatin1,
    '"}\n{"status":200,"forged":true,"x":"',
    '\\',
    '\\"',
    '\u2028\u2029',
    '\ud800 lone',
    '\u0000',
    '</script>',
    '\u001b[2J\u009b2J',
    '{{}}',
    '\u{1f600}',
  ];
  const log = new AccessLog(sink, { headers: ['user-agent', 'x-shop', 'x-"quoted'] });
  for (const text of hostile) {
    const x = exchange({ 'user-agent': text, 'x-shop': text, 'x-"quoted': text });
    x.method = text;
    x.path = text;
    x.requestId = text;
    x.traceId = text;
    x.clientAddress = text;
    x.target = text;
    x.reason = text;
    x.route = { name: text, params: [] };
    x.tenant = { ...acme, id: text };
    log.record(x, 1);
  }
  const lines = await written();
  assert.equal(lines.length, hostile.length);
  for (const [index, line] of lines.entries()) {
    const text = hostile[index];
    const expected = { path: text, user_agent: text, tenant: text, route: text, reason: text, client_ip: text };
    for (const [field, value] of Object.entries(expected)) assert.equal(line[field], value, field);
    assert.deepEqual(line['headers'], { 'x-shop': text, 'x-"quoted': text });
    assert.ok(!('forged' in line));
  }
  const raw = readFileSync(join(folder, 'log'), 'utf8').replaceAll('\n', '');
  assert.ok(!/[\p{Cc}\u2028\u2029]/u.test(raw), 'nothing a terminal obeys');
});

test('headers are logged from the allow-list only, and cut to a bounded length', async () => {
  const x = exchange({ authorization: 'Bearer s3cret', 'x-shop': 'a'.repeat(10_000), 'x-other': 'no' });
  new AccessLog(sink, { headers: ['x-shop', 'x-absent'] }).record(x, 1);
  const [line] = await written();
  assert.deepEqual(line?.['headers'], { 'x-shop': 'a'.repeat(512) });
  assert.ok(!JSON.stringify(line).includes('s3cret'));
});

test('a header that may hold a secret is never logged, even when asked for', () => {
  for (const name of ['authorization', 'Cookie', 'x-api-key', 'x-auth-token', 'sec-websocket-protocol']) {
    assert.throws(() => new AccessLog(sink, { headers: ['user-agent', name] }), /may hold a secret/);
  }
});

test('access lines and events keep their order', async () => {
  const log = new AccessLog(sink, { headers: [] });
  const events = createEventLog(sink, 'info');
  log.record(exchange(), 1);
  events.log('warn', 'breaker_open', { upstream: 'orders' });
  log.record(exchange(), 1);
  assert.deepEqual(
    (await written()).map((line) => line['event'] ?? 'request'),
    ['request', 'breaker_open', 'request'],
  );
});
