import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createEventLog, type EventLevel, type EventLog } from '../../src/telemetry/events.ts';
import { reportIncident } from '../../src/telemetry/incident.ts';
import { LogSink } from '../../src/telemetry/log-sink.ts';

interface Written {
  readonly events: EventLog;
  lines: () => Promise<Record<string, unknown>[]>;
}

function eventLog(t: TestContext, level: EventLevel): Written {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-events-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const sink = new LogSink({
    destination: join(folder, 'log'),
    dropped: { value: 0 },
    writeErrors: { value: 0 },
    onOutage: () => {},
  });
  return {
    events: createEventLog(sink, level),
    async lines() {
      await sink.close();
      const text = readFileSync(join(folder, 'log'), 'utf8');
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    },
  };
}

test('an event is a line with its level, its time and a stable name', async (t) => {
  const { events, lines } = eventLog(t, 'info');
  events.log('warn', 'target_ejected', { upstream: 'orders', target: 'http://127.0.0.1:7001', for_ms: 30_000 });
  const [line] = await lines();
  assert.match(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(
    { ...line, time: '' },
    {
      level: 'warn',
      time: '',
      event: 'target_ejected',
      upstream: 'orders',
      target: 'http://127.0.0.1:7001',
      for_ms: 30_000,
    },
  );
});

test('events below the level are not written', async (t) => {
  const { events, lines } = eventLog(t, 'warn');
  for (const level of ['debug', 'info', 'warn', 'error'] as const) events.log(level, level);
  assert.deepEqual(
    (await lines()).map((line) => line['event']),
    ['warn', 'error'],
  );
});

test('fields that may hold a secret are blanked, however deep', async (t) => {
  const { events, lines } = eventLog(t, 'info');
  events.log('info', 'config_loaded', {
    token: 'hunter2',
    headers: { Authorization: 'Bearer hunter2', accept: '*/*' },
    list: [{ apiKey: 'hunter2' }],
    table: new Map([['client_secret', 'hunter2']]),
  });
  const [line] = await lines();
  assert.ok(!JSON.stringify(line).includes('hunter2'));
  assert.deepEqual(line?.['headers'], { Authorization: '[redacted]', accept: '*/*' });
});

test('errors keep message, code and cause; what JSON cannot hold does no harm', async (t) => {
  const { events, lines } = eventLog(t, 'info');
  const error = Object.assign(new Error('no'), { code: 'ECONNREFUSED', config: { headers: { authorization: 'x' } } });
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  events.log('error', 'odd', { error: new Error('outer', { cause: error }), big: 10n ** 30n, circle });
  const [line] = await lines();
  const outer = JSON.stringify(line?.['error']);
  assert.ok(outer.includes('"message":"outer"') && outer.includes('"code":"ECONNREFUSED"'));
  assert.ok(!outer.includes('authorization'));
  assert.equal(line?.['big'], '1000000000000000000000000000000');
});

test('a bug is logged once under the id that is answered, wherever it is met', async (t) => {
  const { events, lines } = eventLog(t, 'info');
  const bug = new TypeError('x is not a function');
  const id = reportIncident(events, bug, { request_id: 'r-1' });
  assert.equal(reportIncident(events, bug, { request_id: 'r-1' }), id);
  const written = await lines();
  assert.equal(written.length, 1);
  assert.equal(written[0]?.['incident_id'], id);
  assert.equal(written[0]?.['request_id'], 'r-1');
  assert.match(JSON.stringify(written[0]?.['error']), /TypeError.*events\.test\.ts/);
});

test('whatever is thrown has an incident', async (t) => {
  const { events, lines } = eventLog(t, 'info');
  const thrown = [undefined, null, 'text', 7, { odd: true }, Object.create(null), Symbol('s')];
  const ids = thrown.map((value) => reportIncident(events, value));
  assert.equal(new Set(ids).size, thrown.length);
  assert.equal((await lines()).length, thrown.length);
});
