// The third party of `npm start`, as a newcomer meets it: the commands that the tour prints are run as printed.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type NpmStart, npmStart } from '../support/npm-start.ts';
import { spawnBound } from '../support/process.ts';
import { eventually } from '../support/wait.ts';

const RATE = 10;

suite('the third party of npm start', () => {
  let start: NpmStart;
  const t = suiteCleanUp(after);
  const run = (label: string): Promise<string> => start.run(start.command(label));

  before(async () => {
    start = await npmStart(t);
    // Failures now and then are for who looks around, not for who counts.
    await control('{"fail_one_in":0}');
  });

  test('a quote is asked for and answered in our terms', async () => {
    const answer = await run('# quote:');
    assert.match(answer, /^HTTP\/1.1 200 /);
    assert.deepEqual(bodyOf(answer), {
      quotes: [
        { service: 'standard', price: { amount: '6.70', currency: 'EUR' }, days: 5 },
        { service: 'express', price: { amount: '12.50', currency: 'EUR' }, days: 2 },
      ],
      parcels: 1,
    });
  });

  test('an order comes with its parcel', async () => {
    await run('# 201:');
    const answer = await run('# 360:');
    assert.match(answer, /^HTTP\/1.1 200 /);
    assert.match(answer, /"customer":"c-1"/);
    assert.match(answer, /"state":"in_transit"/);
  });

  test('stock comes from SOAP, and 007 stays a text', async () => {
    assert.deepEqual(bodyOf(await run('# stock:')), {
      sku: '007',
      in_stock: 15,
      warehouses: [
        { code: 'W-01', in_stock: 12 },
        { code: 'W-02', in_stock: 3 },
      ],
    });
    const unknown = await start.run(start.command('# stock:').replace('/007', '/008'));
    assert.match(unknown, /^HTTP\/1.1 404 [\s\S]*"fault_string":"Unknown SKU 008"/);
  });

  test('a tenant that floods does not keep another from its turn, nor the vendor from its rate', async () => {
    const first = await control();
    const beganAt = performance.now();
    // Longer than anybody waits: it is ended below.
    const flood = spawnBound('sh', ['-c', `exec ${start.command('flood').replace('[1-90]', '[1-5000]')}`]);
    t.after(() => void flood.kill());
    await eventually(async () => (await metric('sluice_pace_queue_depth{integration="carrier"}')) > 10, 'queue');
    assert.match(await run('fair'), /^200 /);
    assert.equal(flood.exitCode, null, 'the flood goes on');
    flood.kill();
    const seen = await control();
    const seconds = (performance.now() - beganAt) / 1000;
    assert.ok(seen.calls - first.calls <= seconds * RATE + 1, `${seen.calls} calls in ${seconds} s`);
    assert.match(await run('rate'), /"most_in_a_second":\d/);
  });

  test('a field that the vendor leaves out is in the log and in the metrics', async () => {
    await run('drift');
    assert.match(await run('# quote:'), /"days":null/);
    await eventually(
      () => start.output().includes('"pointer":"/quotes/*/eta_days","kind":"missing"'),
      'event of the drift',
    );
    assert.match(
      await run('pointer'),
      /sluice_drift_total\{route="quote-shipping",pointer="\/quotes\/\*\/eta_days",kind="missing"\} \d/,
    );
    await run('promise');
    assert.match(await run('# quote:'), /"days":5/);
  });

  test('without the vendor there is the fallback or a fast problem, and with it all is well again', async () => {
    await run('down');
    assert.deepEqual(bodyOf(await run('# quote:')), { quotes: [], stale: true });
    const partial = await run('# 360:');
    assert.match(partial, /^HTTP\/1.1 200 /);
    assert.match(partial, /^partial-results: shipment\r$/im);
    assert.match(partial, /"parcel":null/);
    assert.match(await run('# stock:'), /^HTTP\/1.1 50[23] [\s\S]*"code":"upstream\.(connect|breaker_open)"/);
    await run('up');
    await eventually(async () => (await run('# quote:')).includes('standard'), 'quote of the vendor');
    assert.match(await run('# stock:'), /^HTTP\/1.1 200 /);
  });

  test('explain shows every setting, and no secret', async () => {
    const command = start.command('the CLI');
    const told = await start.run(command);
    assert.match(told, /auth\.oauth2\.client_secret\s+\[redacted\]/);
    assert.match(told, /pace\.rate\s+10\/s/);
    assert.match(told, /request\.body\s+config\/maps\/quote\.jsonata/);
    const secrets = [...command.matchAll(/='([^']+)'/g)].map(([, secret]) => String(secret));
    assert.equal(secrets.length, 4);
    for (const secret of secrets) assert.ok(!told.includes(secret), 'no secret is told');
  });

  test('no secret is in what it logs', async () => {
    const [tour = '', ...logged] = start.output().split('Sluice is ready.');
    const log =
      tour +
      logged
        .join('')
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .join('\n');
    const secrets = [...start.command('the CLI').matchAll(/='([^']+)'/g)].map(([, secret]) => String(secret));
    for (const secret of secrets) assert.ok(!log.includes(secret), 'no secret is logged');
  });

  /** What the vendor says of itself, after it was told something or not. */
  async function control(told?: string): Promise<{ calls: number }> {
    const url = `http://127.0.0.1:${start.ports[4]}`;
    const answer = await fetch(url, told === undefined ? {} : { method: 'POST', body: told });
    const [, calls] = /"calls":(\d+)/.exec(await answer.text()) ?? [];
    return { calls: Number(calls) };
  }

  async function metric(series: string): Promise<number> {
    const [, url = ''] = /(http\S+\/metrics)/.exec(start.command('metrics')) ?? [];
    const line = (await (await fetch(url)).text()).split('\n').find((each) => each.startsWith(series));
    return Number(line?.split(' ').at(-1));
  }
});

function bodyOf(answer: string): unknown {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
}
