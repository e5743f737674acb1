import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { PolicyMetrics } from '../../src/policies/policy.ts';
import type { ExpositionFormat } from '../../src/telemetry/families.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';

let metrics: Metrics;
beforeEach(() => {
  metrics = new Metrics({ version: '1.2.3', maxTenants: 3 });
});
afterEach(() => metrics.close());

const ALL = { has: () => true };

async function scrape(format: ExpositionFormat = 'prometheus', of = metrics): Promise<string[]> {
  let page = '';
  for await (const piece of of.exposition(format)) page += piece;
  return page.split('\n');
}

/** Samples of our own metrics: those of the process vary. */
async function series(part = ''): Promise<string[]> {
  return (await scrape()).filter((line) => line.startsWith('sluice_') && line.includes(part));
}

test('counters of a known route exist from load with 0, histograms from first use', async () => {
  metrics.route('orders', ['GET', 'POST']).limiterDecision('limit', 'reject');
  assert.deepEqual(await series('route="orders"'), [
    'sluice_http_requests_total{route="orders",method="GET",code="200",source="upstream"} 0',
    'sluice_http_requests_total{route="orders",method="POST",code="200",source="upstream"} 0',
    'sluice_http_requests_in_flight{route="orders"} 0',
    'sluice_http_request_body_bytes_total{route="orders"} 0',
    'sluice_http_response_body_bytes_total{route="orders"} 0',
    'sluice_http_responses_cut_total{route="orders",reason="truncated"} 0',
    'sluice_http_responses_cut_total{route="orders",reason="idle_timeout"} 0',
    'sluice_http_responses_cut_total{route="orders",reason="total_timeout"} 0',
    'sluice_limiter_decisions_total{route="orders",policy="limit",decision="reject"} 0',
  ]);
});

test('a request is counted once, by method, code and source, with its bytes and its time', async () => {
  const route = metrics.route('orders');
  route.start();
  route.start();
  assert.ok((await series()).includes('sluice_http_requests_in_flight{route="orders"} 2'));
  route.finish('POST', 201, 'upstream', 0.02, 100, 7);
  route.finish('POST', 429, 'gateway', 0.001, 0, 50);

  const lines = await series('route="orders"');
  assert.ok(lines.includes('sluice_http_requests_in_flight{route="orders"} 0'));
  assert.ok(lines.includes('sluice_http_requests_total{route="orders",method="POST",code="201",source="upstream"} 1'));
  assert.ok(lines.includes('sluice_http_requests_total{route="orders",method="POST",code="429",source="gateway"} 1'));
  assert.ok(lines.includes('sluice_http_request_body_bytes_total{route="orders"} 100'));
  assert.ok(lines.includes('sluice_http_response_body_bytes_total{route="orders"} 57'));
  assert.ok(lines.includes('sluice_http_request_duration_seconds_bucket{route="orders",class="2xx",le="0.01"} 0'));
  assert.ok(lines.includes('sluice_http_request_duration_seconds_bucket{route="orders",class="2xx",le="0.025"} 1'));
  assert.ok(lines.includes('sluice_http_request_duration_seconds_count{route="orders",class="4xx"} 1'));
});

test('methods nobody knows are _OTHER, requests nobody matched _unmatched', async () => {
  metrics.unmatched.start();
  metrics.unmatched.finish('PROPFIND', 404, 'gateway', 0.001, 0, 0);
  metrics.unmatched.start();
  metrics.unmatched.finish('__proto__', 404, 'gateway', 0.001, 0, 0);
  const lines = await series('route="_unmatched"');
  assert.ok(
    lines.includes('sluice_http_requests_total{route="_unmatched",method="_OTHER",code="404",source="gateway"} 2'),
  );
});

test("a tunnel's life is not the time of an answer", async () => {
  metrics.route('events').start();
  metrics.route('events').finish('GET', 101, 'upstream', 86_400, 0, 0);
  assert.deepEqual(await series('duration_seconds_count{route="events"'), []);
});

test('an upstream that invents status codes cannot make series without end', async () => {
  const route = metrics.route('wild');
  for (let status = 200; status < 600; status++) {
    for (const method of ['GET', 'POST']) {
      route.start();
      route.finish(method, status, 'upstream', 0.001, 0, 0);
    }
  }
  const lines = await series('sluice_http_requests_total{route="wild"');
  assert.ok(lines.length <= 60, `${lines.length} series`);
  assert.equal(
    lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0),
    800,
  );
  assert.ok(lines.some((line) => line.includes('method="_OTHER",code="5xx"')));
  const folded = await series('series_dropped_total{metric="sluice_http_requests_total"}');
  assert.match(folded.join(), /\} [1-9]\d+$/);
});

test('drift is counted by pointer up to a cap, then under _other', async () => {
  const route = metrics.route('orders');
  for (let item = 0; item < 100; item++) route.drift(`/items/${item}/price`, 'type').value++;
  route.drift('/items/0/price', 'missing').value++;
  const lines = await series('sluice_drift_total{');
  assert.equal(lines.length, 18);
  assert.ok(lines.includes('sluice_drift_total{route="orders",pointer="_other",kind="type"} 84'));
  assert.ok(lines.includes('sluice_drift_total{route="orders",pointer="/items/0/price",kind="missing"} 1'));
  assert.ok((await series('dropped')).includes('sluice_metrics_series_dropped_total{metric="sluice_drift_total"} 84'));
});

test('the first tenants that call have series of their own, the others share one', async () => {
  for (const id of ['a', 'b', 'c', 'd', 'e', 'a']) metrics.tenant(id).finish(200, 'upstream');
  const lines = await series('outcome="ok"');
  assert.deepEqual(lines, [
    'sluice_tenant_requests_total{tenant="_other",outcome="ok"} 2',
    'sluice_tenant_requests_total{tenant="a",outcome="ok"} 2',
    'sluice_tenant_requests_total{tenant="b",outcome="ok"} 1',
    'sluice_tenant_requests_total{tenant="c",outcome="ok"} 1',
  ]);
  assert.ok(
    (await series('dropped')).includes('sluice_metrics_series_dropped_total{metric="sluice_tenant_requests_total"} 2'),
  );
});

test("a tenant is limited by the gateway's 429, not by an upstream's", async () => {
  const tenant = metrics.tenant('acme');
  tenant.finish(204, 'upstream');
  tenant.finish(304, 'upstream');
  tenant.finish(429, 'gateway');
  tenant.finish(429, 'upstream');
  tenant.finish(499, 'gateway');
  tenant.finish(503, 'gateway');
  assert.deepEqual(await series('tenant="acme"'), [
    'sluice_tenant_requests_total{tenant="acme",outcome="ok"} 2',
    'sluice_tenant_requests_total{tenant="acme",outcome="client_error"} 2',
    'sluice_tenant_requests_total{tenant="acme",outcome="server_error"} 1',
    'sluice_tenant_requests_total{tenant="acme",outcome="limited"} 1',
  ]);
});

test('a name keeps its series over reloads, and loses them when the snapshot no longer knows it', async () => {
  const route = metrics.route('old');
  route.start();
  const upstream = metrics.upstream('legacy');
  upstream.attempts.ok.value = 3;
  metrics.breaker('legacy');
  metrics.tenant('gone');
  metrics.upstreamCertificate('legacy', 0);
  assert.equal(metrics.route('old'), route);
  assert.equal(metrics.upstream('legacy'), upstream);
  metrics.retain({ routes: ALL, upstreams: ALL, integrations: ALL, breakers: ALL, tenants: ALL });
  assert.ok((await series('"old"')).length > 0);

  const none = { has: () => false };
  metrics.retain({ routes: none, upstreams: none, integrations: none, breakers: none, tenants: none });
  route.finish('GET', 200, 'upstream', 1, 0, 0);
  route.drift('/late', 'type').value++;
  upstream.attemptFinished(1);
  for (const name of ['old', 'legacy', 'gone']) assert.deepEqual(await series(`"${name}"`), []);
  assert.notEqual(metrics.route('old'), route);
});

test('an upstream counts attempts, retries and targets', async () => {
  const upstream = metrics.upstream('orders');
  upstream.attempts.timeout.value++;
  upstream.retries.budget_exhausted.value++;
  upstream.targets.healthy.value = 2;
  assert.equal((await series('attempt_duration')).length, 0);
  upstream.attemptFinished(0.2);
  const lines = await series('upstream="orders"');
  assert.ok(lines.includes('sluice_upstream_attempts_total{upstream="orders",result="timeout"} 1'));
  assert.ok(lines.includes('sluice_upstream_attempts_total{upstream="orders",result="5xx"} 0'));
  assert.ok(lines.includes('sluice_retries_total{upstream="orders",outcome="budget_exhausted"} 1'));
  assert.ok(lines.includes('sluice_upstream_targets{upstream="orders",state="healthy"} 2'));
  assert.ok(lines.includes('sluice_upstream_attempt_duration_seconds_count{upstream="orders"} 1'));
});

test('a breaker is in exactly one state', async () => {
  const breaker = metrics.breaker('route:orders');
  breaker.moveTo('open');
  breaker.moveTo('half_open');
  assert.deepEqual(await series('sluice_breaker_state'), [
    'sluice_breaker_state{upstream="route:orders",state="closed"} 0',
    'sluice_breaker_state{upstream="route:orders",state="open"} 0',
    'sluice_breaker_state{upstream="route:orders",state="half_open"} 1',
  ]);
  assert.ok(
    (await series('to="open"')).includes('sluice_breaker_transitions_total{upstream="route:orders",to="open"} 1'),
  );
});

test('reloads show in count, state, time and hash', async () => {
  metrics.configLoaded('aaa', 1000);
  metrics.configLoaded('bbb', 2000);
  metrics.configRefused();
  assert.deepEqual(await series('sluice_config'), [
    'sluice_config_reloads_total{result="success"} 2',
    'sluice_config_reloads_total{result="failure"} 1',
    'sluice_config_last_reload_successful 0',
    'sluice_config_last_reload_success_timestamp_seconds 2',
    'sluice_config_info{hash="bbb"} 1',
  ]);
});

test('the process, its version and its event loop are there', async () => {
  const lines = await scrape();
  assert.ok(lines.includes(`sluice_build_info{version="1.2.3",node="${process.versions.node}"} 1`));
  assert.ok(lines.includes('sluice_eventloop_lag_seconds{percentile="99"} 0'));
  assert.ok(lines.some((line) => line.startsWith('process_cpu_seconds_total ')));
  assert.ok((await scrape('openmetrics')).includes('# TYPE process_cpu_seconds counter'));
});

test('event-loop lag is that of the last whole window', async () => {
  mock.timers.enable({ apis: ['setInterval'] });
  const watched = new Metrics({ version: '1', maxTenants: 1 });
  mock.timers.tick(15_000);
  mock.timers.reset();
  const lines = (await scrape('prometheus', watched)).join('\n');
  watched.close();
  assert.match(lines, /^sluice_eventloop_lag_seconds\{percentile="100"\} [\d.e-]+$/m);
});

/** What dashboards and alerts are written against: a change here breaks them. */
const PUBLISHED: Readonly<Record<string, readonly [type: string, ...labels: string[]]>> = {
  sluice_auth_failures_total: ['counter', 'route', 'reason'],
  sluice_breaker_state: ['gauge', 'upstream', 'state'],
  sluice_breaker_transitions_total: ['counter', 'upstream', 'to'],
  sluice_build_info: ['gauge', 'version', 'node'],
  sluice_certificate_expiry_timestamp_seconds: ['gauge', 'upstream', 'listener'],
  sluice_config_info: ['gauge', 'hash'],
  sluice_config_last_reload_success_timestamp_seconds: ['gauge'],
  sluice_config_last_reload_successful: ['gauge'],
  sluice_config_reloads_total: ['counter', 'result'],
  sluice_drift_total: ['counter', 'route', 'pointer', 'kind'],
  sluice_eventloop_lag_seconds: ['gauge', 'percentile'],
  sluice_http_request_body_bytes_total: ['counter', 'route'],
  sluice_http_request_duration_seconds: ['histogram', 'route', 'class'],
  sluice_http_requests_in_flight: ['gauge', 'route'],
  sluice_http_requests_total: ['counter', 'route', 'method', 'code', 'source'],
  sluice_http_response_body_bytes_total: ['counter', 'route'],
  sluice_limiter_decisions_total: ['counter', 'route', 'policy', 'decision'],
  sluice_metrics_series_dropped_total: ['counter', 'metric'],
  sluice_overhead_duration_seconds: ['histogram'],
  sluice_pace_pauses_total: ['counter', 'integration'],
  sluice_pace_queue_depth: ['gauge', 'integration'],
  sluice_pace_refused_total: ['counter', 'integration', 'reason'],
  sluice_pace_wait_seconds: ['histogram', 'integration'],
  sluice_retries_total: ['counter', 'upstream', 'outcome'],
  sluice_tenant_requests_total: ['counter', 'tenant', 'outcome'],
  sluice_upstream_attempt_duration_seconds: ['histogram', 'upstream'],
  sluice_upstream_attempts_total: ['counter', 'upstream', 'result'],
  sluice_upstream_targets: ['gauge', 'upstream', 'state'],
  sluice_validation_failures_total: ['counter', 'route', 'reason'],
};

test('each published metric keeps its name, its type and its labels', () => {
  const declared = new Map(metrics.families.map(({ name, type, labels }) => [name, [type, ...labels]]));
  for (const [name, expected] of Object.entries(PUBLISHED)) assert.deepEqual(declared.get(name), expected, name);
});

test('no tenant, path, key or user is on a histogram', () => {
  const labels = metrics.families.flatMap((family) => (family.type === 'histogram' ? family.labels : []));
  assert.deepEqual([...new Set(labels)].toSorted(), ['class', 'integration', 'route', 'upstream']);
});

test('histograms keep their buckets', async () => {
  metrics.route('orders').start();
  metrics.route('orders').finish('GET', 200, 'upstream', 0.01, 0, 0);
  metrics.upstream('orders').attemptFinished(0.01);
  const bounds = async (name: string): Promise<string> =>
    (await series(`${name}_bucket{`)).map((line) => /le="([^"]+)"/.exec(line)?.[1]).join(' ');
  const durations = '0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 30 60 +Inf';
  assert.equal(await bounds('sluice_http_request_duration_seconds'), durations);
  assert.equal(await bounds('sluice_upstream_attempt_duration_seconds'), durations);
  assert.equal(
    await bounds('sluice_overhead_duration_seconds'),
    '0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.1 +Inf',
  );
});

test('no family or series appears twice, and every line is one that Prometheus reads', async () => {
  metrics.route('r "x"\n', ['GET']).start();
  metrics.upstream('u').attemptFinished(1);
  metrics.breaker('u');
  metrics.overhead.observe(0.0002);
  const sample = /^[a-z_][a-z0-9_]*(\{([a-z_]+="([^"\\\n]|\\["\\n])*",?)+\})? -?([\d.]+(e[+-]\d+)?|\+?Inf|NaN)$/i;
  const lines = (await scrape()).filter((line) => line !== '');
  for (const line of lines) if (!line.startsWith('# ')) assert.match(line, sample);
  const names = lines.map((line) => line.replace(/ [^ ]+$/, ''));
  assert.equal(new Set(names).size, names.length);
});

test('what `promtool check metrics` frowns at is not there', async () => {
  const lines = await scrape();
  const types = lines.flatMap((line) => {
    const [, name = '', type = ''] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    return name === '' ? [] : [{ name, type }];
  });
  assert.ok(types.length > 0);
  assert.deepEqual(
    types.filter(({ name, type }) => name.endsWith('_total') !== (type === 'counter')),
    [],
    'counters, and only they, end in _total',
  );
  assert.deepEqual(
    types.filter(({ name, type }) => name.includes(type)),
    [],
    'a name does not say its type',
  );
  assert.deepEqual(
    lines.filter((line) => /[{,]quantile="/.test(line)),
    [],
    'quantile is the label of summaries, and there are none',
  );
});

test('200 busy routes stay under 20,000 series', async () => {
  for (let number = 0; number < 200; number++) {
    const route = metrics.route(`route-${number}`, ['GET']);
    for (const status of [200, 304, 400, 401, 404, 429, 499, 502, 503, 504]) {
      route.start();
      route.finish('GET', status, status < 400 ? 'upstream' : 'gateway', 0.01, 0, 0);
    }
    for (const decision of ['allow', 'reject'] as const) route.limiterDecision('limit', decision);
    for (const reason of ['missing', 'unknown', 'conflict']) route.authFailure(reason);
  }
  const { length } = await series();
  assert.ok(length < 20_000, `${length} series`);
});

test('a route is what policies count with', () => {
  const forPolicies: PolicyMetrics = metrics.route('orders');
  assert.equal(forPolicies.authFailure('missing'), forPolicies.authFailure('missing'));
});
