// `npm start`, as a newcomer meets it: the commands it prints are run as printed.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type NpmStart, npmStart } from '../support/npm-start.ts';
import { spawnBound } from '../support/process.ts';
import { eventually } from '../support/wait.ts';

suite('npm start', () => {
  let start: NpmStart;
  const t = suiteCleanUp(after);

  before(async () => {
    start = await npmStart(t);
  });

  for (const status of [201, 401, 422]) {
    test(`prints a command that answers ${status}`, async () => {
      const answer = await start.run(start.command(`# ${status}:`));
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
    });
  }

  test('the refused quantity is pointed at', async () => {
    assert.match(await start.run(start.command('# 422:')), /"pointer":"\/items\/0\/quantity"/);
  });

  test('the requests it prints run into the limit', async () => {
    assert.match(await start.run(start.command('429 ')), /429/);
  });

  test('a dead catalog goes unnoticed, two are covered by the fallback', async () => {
    const [, items = ''] = /'(http\S+\/v1\/items)\?/.exec(start.output()) ?? [];
    const [, one = '', two = ''] = /kill (\d+) .*kill (\d+):/.exec(start.output()) ?? [];
    const get = (): Promise<Response> => fetch(items);
    // The limit of the test before: wait until it lets a request through.
    await eventually(async () => (await get()).ok, 'request within the limit');

    process.kill(Number(one));
    await eventually(() => start.output().includes('Bring it back with'), 'note of the dead catalog');
    const answered = await eventually(async () => {
      const response = await get();
      return response.status !== 429 && response;
    }, 'answer of the other catalog');
    assert.equal(answered.headers.get('x-served-by'), `catalog-${start.ports[2]}`);

    process.kill(Number(two));
    const stale = await eventually(async () => {
      const response = await get();
      return response.status !== 429 && !response.headers.has('x-served-by') && response;
    }, 'fallback');
    assert.deepEqual(await stale.json(), { items: [], stale: true });
  });

  test('without any catalog a breaker opens, and closes by itself once one is back', async () => {
    const command = start.command('breaker ');
    await eventually(async () => (await start.run(command)).includes('503'), 'open breaker');
    const [, restart = ''] = /Bring it back with: (.+)/.exec(start.output()) ?? [];
    const [program = '', ...args] = restart.split(' ');
    const catalog = spawnBound(program, args, { cwd: start.directory });
    t.after(() => void catalog.kill());
    // One request of the loop at a time: the plan's limit refuses some of so many.
    await eventually(
      async () => (await start.run(command.replace('seq 20', 'seq 1'))).includes('200'),
      'closed breaker',
    );
  });

  test('the metrics line it prints shows the requests', async () => {
    assert.match(await start.run(start.command('metrics ')), /sluice_http_requests_total\{.*route="create-order"/);
  });

  test('Ctrl-C ends it, exit 0', async () => {
    assert.equal(await start.stop(), 0);
  });
});
