import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { contentTypes, expose, negotiateExposition } from '../../src/telemetry/exposition.ts';
import { type ExpositionFormat, type Family, NumberFamily } from '../../src/telemetry/families.ts';
import { FamilyGroup } from '../../src/telemetry/family-group.ts';

async function text(families: readonly Family[], format: ExpositionFormat, others = new Registry()): Promise<string> {
  return (await all(expose(families, others, format))).join('');
}

async function all(pieces: AsyncIterable<string>): Promise<string[]> {
  const list: string[] = [];
  for await (const piece of pieces) list.push(piece);
  return list;
}

class SampleFamilies extends FamilyGroup {
  readonly requests = this.counter('x_total', 'Xs.', 'route', 'code');
  readonly flights = this.gauge('y', 'Ys,\nof "all" kinds\\.');
  readonly times = this.histogram('z_seconds', 'Zs.', [0.5, 1], 'route');
}

test('a scrape reads what was added to the cells', async () => {
  const { requests, flights, times, all: families } = new SampleFamilies(new Registry());
  requests.cell('a', '200').value += 2;
  requests.cell('b', '404').value++;
  flights.cell().value = -1.5;
  for (const seconds of [0.1, 0.5, 0.7, 9]) times.cell('a').observe(seconds);

  assert.equal(
    await text(families, 'prometheus'),
    [
      '# HELP x_total Xs.',
      '# TYPE x_total counter',
      'x_total{route="a",code="200"} 2',
      'x_total{route="b",code="404"} 1',
      '# HELP y Ys,\\nof "all" kinds\\\\.',
      '# TYPE y gauge',
      'y -1.5',
      '# HELP z_seconds Zs.',
      '# TYPE z_seconds histogram',
      'z_seconds_bucket{route="a",le="0.5"} 2',
      'z_seconds_bucket{route="a",le="1"} 3',
      'z_seconds_bucket{route="a",le="+Inf"} 4',
      'z_seconds_sum{route="a"} 10.3',
      'z_seconds_count{route="a"} 4',
      '',
    ].join('\n'),
  );
});

test('OpenMetrics names counters by family, writes bounds as floats, escapes quotes in help and ends with EOF', async () => {
  const { requests, times, all: families } = new SampleFamilies(new Registry());
  requests.cell('a', '200').value = 1;
  times.cell('a').observe(1);
  const lines = (await text(families, 'openmetrics')).split('\n');

  assert.ok(lines.includes('# TYPE x counter'));
  assert.ok(lines.includes('x_total{route="a",code="200"} 1'));
  assert.ok(lines.includes('# HELP y Ys,\\nof \\"all\\" kinds\\\\.'));
  assert.ok(lines.includes('z_seconds_bucket{route="a",le="1.0"} 1'));
  assert.deepEqual(lines.slice(-2), ['# EOF', '']);
  assert.ok(!lines.slice(0, -1).includes(''), 'no blank lines');
});

/** The samples of a page, the labels of each in alphabetical order. */
function samples(page: string): string[] {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => line.replace(/\{(.*)\}/, (_, labels: string) => labels.split(',').toSorted().join()));
}

test("prom-client's own renderer gives the same series", async () => {
  const registry = new Registry();
  const { requests, flights, times, all: families } = new SampleFamilies(registry);
  requests.cell('a "quoted" \\ name\n', '200').value = 7;
  flights.cell().value = Number.POSITIVE_INFINITY;
  times.cell('a').observe(0.2);

  assert.deepEqual(samples(await text(families, 'prometheus')), samples(await registry.metrics()));
});

test('an embedder reads the same values through prom-client', async () => {
  const registry = new Registry();
  const { requests, times } = new SampleFamilies(registry);
  requests.cell('a', '200').value = 7;
  times.cell('a').observe(0.7);
  const [counter, , histogram] = await registry.getMetricsAsJSON();
  assert.deepEqual(counter?.values, [{ value: 7, labels: { route: 'a', code: '200' } }]);
  assert.deepEqual(histogram?.values.slice(1, 4), [
    { metricName: 'z_seconds_bucket', labels: { le: 1, route: 'a' }, value: 1 },
    { metricName: 'z_seconds_bucket', labels: { le: '+Inf', route: 'a' }, value: 1 },
    { metricName: 'z_seconds_sum', labels: { route: 'a' }, value: 0.7 },
  ]);
});

test('the same labels give the same cell, other labels another one', () => {
  const { requests } = new SampleFamilies(new Registry());
  assert.equal(requests.cell('a', '200'), requests.cell('a', '200'));
  assert.notEqual(requests.cell('a', '200'), requests.cell('a', '201'));
  assert.notEqual(requests.cell('a', '200'), requests.cell('b', '200'));
});

test('an owner goes with all its series and comes back at zero', async () => {
  const { requests, all: families } = new SampleFamilies(new Registry());
  const held = requests.cell('a', '200');
  held.value = 5;
  requests.cell('b', '200').value = 1;
  requests.removeOwner('a');
  held.value++;

  assert.ok(!(await text(families, 'prometheus')).includes('route="a"'));
  assert.equal(requests.cell('a', '200').value, 0);
});

test('an empty label value is no label', async () => {
  const registry = new Registry();
  const expiry = new NumberFamily(registry, 'gauge', { name: 'e', help: 'E.', labels: ['upstream', 'listener'] });
  expiry.cell('', 'main').value = 1;
  expiry.cell('orders').value = 2;
  assert.match(await text([expiry], 'prometheus'), /^e\{listener="main"\} 1\ne\{upstream="orders"\} 2$/m);
});

test('a long exposition comes in pieces, with turns of the loop between them', async () => {
  const { requests } = new SampleFamilies(new Registry());
  for (let route = 0; route < 5000; route++) requests.cell(`route-${route}`, '200');
  let turns = 0;
  let running = true;
  const turn = (): void => {
    turns++;
    if (running) setImmediate(turn);
  };
  setImmediate(turn);
  const pieces = await all(expose([requests], new Registry(), 'prometheus'));
  running = false;

  assert.ok(pieces.length >= 3);
  assert.ok(pieces.every((piece) => piece.length < 100_000));
  assert.ok(turns >= pieces.length - 1);
  assert.equal(pieces.join('').match(/^x_total\{/gm)?.length, 5000);
});

test('a route added or removed during a scrape does not disturb it', async () => {
  const { requests } = new SampleFamilies(new Registry());
  for (let route = 0; route < 5000; route++) requests.cell(`route-${route}`, '200');
  const pieces = expose([requests], new Registry(), 'prometheus');
  let page = (await pieces.next()).value ?? '';
  requests.removeOwner('route-4999');
  requests.cell('late', '200');
  for await (const piece of pieces) page += piece;
  assert.ok(!page.includes('"route-4999"'));
  assert.ok(page.includes('"late"'));
});

test('the format is negotiated by quality and version', () => {
  const prometheus3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,' +
    'text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  const cases: [accept: string | undefined, format: ExpositionFormat][] = [
    [undefined, 'prometheus'],
    ['', 'prometheus'],
    ['*/*', 'prometheus'],
    ['text/html', 'prometheus'],
    ['text/plain', 'prometheus'],
    [prometheus3, 'openmetrics'],
    ['application/openmetrics-text', 'openmetrics'],
    ['Application/OpenMetrics-Text; Version=1.0.0', 'openmetrics'],
    ['application/openmetrics-text; version=0.0.1', 'prometheus'],
    ['application/openmetrics-text;q=0', 'prometheus'],
    ['application/openmetrics-text;q=0.2, text/plain;q=0.9', 'prometheus'],
    ['application/openmetrics-text;q=junk', 'prometheus'],
  ];
  for (const [accept, format] of cases) assert.equal(negotiateExposition(accept), format, accept ?? 'no Accept');
  assert.equal(contentTypes.openmetrics, 'application/openmetrics-text; version=1.0.0; charset=utf-8');
});
