// Several targets, one of which dies, fails, hangs or is busy; and tenants, one of which floods.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { type Answer, type Origin, startOrigin } from '../support/origin.ts';
import { rawConnect } from '../support/raw.ts';
import { eventually } from '../support/wait.ts';

const QUICK = '1ms..5ms';

interface Fleet {
  readonly gateway: RunningGateway;
  readonly observed: Observed;
  readonly origins: readonly Origin[];
}

/** Each origin answers with its own number. */
const named =
  (name: number): Answer =>
  (_request, response) =>
    void response.end(String(name));

async function startFleet(
  t: Parameters<typeof startOrigin>[0],
  size: number,
  upstream: Readonly<Record<string, unknown>>,
  route: Readonly<Record<string, unknown>> = {},
): Promise<Fleet> {
  const origins = await Promise.all(Array.from({ length: size }, (_, i) => startOrigin(t, named(i))));
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      defaults: { auth: 'none', retry: { max: 2, backoff: QUICK } },
      upstreams: { fleet: { targets: origins.map(({ url }) => url), ...upstream } },
      routes: { all: { match: '/**', to: 'fleet', ...route } },
    },
  });
  return { gateway, observed: new Observed(gateway), origins };
}

/** How often each answer came. */
async function tally({ gateway }: Fleet, requests: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let i = 0; i < requests; i++) {
    const response = await fetch(gateway.url);
    const answer = response.ok ? await response.text() : String(response.status);
    await response.arrayBuffer().catch(() => {});
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
  }
  return counts;
}

const at = <T>(list: readonly T[], index: number): T => {
  const item = list[index];
  assert.ok(item !== undefined);
  return item;
};

suite('one target of three', () => {
  const eject = (time: string) => ({ eject: { failures: 3, for: time, max: '50%' }, breaker: 'none' });

  test('dies: nobody notices, and it is left out', async (t) => {
    const fleet = await startFleet(t, 3, { ...eject('10m'), balance: 'round_robin' });
    const dead = at(fleet.origins, 0);
    await dead.stop();
    assert.equal((await tally(fleet, 30)).get('502'), undefined);
    const ejected = await fleet.gateway.log.until((line) => line.event === 'target_ejected');
    assert.equal(ejected['target'], dead.url);
    assert.equal(await fleet.observed.metric('sluice_upstream_targets', { state: 'ejected' }), 1);
    // Nothing is tried on it while it is away.
    const attempts = await fleet.observed.metric('sluice_upstream_attempts_total', { result: 'connect' });
    assert.equal((await tally(fleet, 20)).size, 2);
    assert.equal(await fleet.observed.metric('sluice_upstream_attempts_total', { result: 'connect' }), attempts);
    await fleet.observed.atRest();
  });

  test('that was dead comes back little by little', async (t) => {
    const fleet = await startFleet(t, 3, { ...eject('600ms'), balance: 'round_robin' });
    const dead = at(fleet.origins, 0);
    await dead.stop();
    assert.equal((await tally(fleet, 30)).get('502'), undefined);
    await fleet.gateway.log.until((line) => line.event === 'target_ejected');
    const back = await startOrigin(t, named(0), dead.port);
    await eventually(
      async () =>
        (await tally(fleet, 1)).size > 0 && fleet.gateway.log.lines.some((line) => line.event === 'target_returned'),
      'return',
    );
    const counts = await tally(fleet, 60);
    const share = (counts.get('0') ?? 0) / 60;
    assert.ok(share < 0.25, `a share of ${share} is less than a third at first`);
    assert.ok(back.received.length <= 60);
    await fleet.observed.atRest();
  });

  for (const [fault, answer] of Object.entries<Answer>({
    'answers 500': (_request, response) => void response.writeHead(500).end(),
    'resets its connections': (_request, response) => void response.socket?.resetAndDestroy(),
    hangs: () => {},
  })) {
    test(`${fault}: it is ejected, and the errors stop`, async (t) => {
      const fleet = await startFleet(
        t,
        3,
        {
          ...eject('10m'),
          balance: 'round_robin',
          // Long enough for an answer on a busy machine.
          ...(fault === 'hangs' && { timeout: { try: '2s' } }),
        },
        { retry: 0 },
      );
      at(fleet.origins, 2).answer(answer);
      const before = await tally(fleet, 12);
      const failures = [...before].filter(([key]) => key.length > 1).reduce((sum, [, count]) => sum + count, 0);
      assert.equal(failures, 3);
      assert.deepEqual([...(await tally(fleet, 30)).keys()].toSorted(), ['0', '1']);
      await fleet.observed.atRest();
    });
  }

  test('no more than `max` of them are ejected, and the only one never is', async (t) => {
    const fleet = await startFleet(t, 1, { eject: { failures: 1, for: '10m', max: '100%' }, breaker: 'none' });
    at(fleet.origins, 0).answer((_request, response) => void response.writeHead(500).end());
    assert.equal((await tally(fleet, 5)).get('500'), 5);
    at(fleet.origins, 0).answer(named(0));
    assert.equal((await tally(fleet, 1)).get('0'), 1);
  });

  test('when all are ejected, all are used', async (t) => {
    const fleet = await startFleet(
      t,
      3,
      { eject: { failures: 1, for: '10m', max: '100%' }, breaker: 'none' },
      { retry: 0 },
    );
    for (const origin of fleet.origins) origin.answer((_request, response) => void response.writeHead(500).end());
    await eventually(async () => {
      await tally(fleet, 1);
      return (await fleet.observed.metric('sluice_upstream_targets', { state: 'ejected' })) === 3;
    }, 'ejection of all');
    for (const [i, origin] of fleet.origins.entries()) origin.answer(named(i));
    assert.deepEqual([...(await tally(fleet, 30)).keys()].toSorted(), ['0', '1', '2']);
  });
});

test('of two targets one cannot be reached and the other is busy for a moment: that one is asked again', async (t) => {
  const fleet = await startFleet(t, 2, {
    eject: 'none',
    balance: 'round_robin',
    retry_budget: { ratio: '100%', min: '1000/s' },
  });
  await at(fleet.origins, 0).stop();
  let asked = 0;
  at(fleet.origins, 1).answer((_request, response) => {
    asked += 1;
    response.writeHead(asked % 2 === 1 ? 503 : 200).end('1');
  });
  assert.deepEqual([...(await tally(fleet, 4))], [['1', 4]]);
});

suite('balance', () => {
  test('a target that still streams counts as busy', async (t) => {
    const fleet = await startFleet(t, 2, { balance: 'least_pending' });
    for (const [i, origin] of fleet.origins.entries()) {
      origin.answer((request, response) => {
        response.writeHead(200).write(String(i));
        if (request.url !== '/stream') response.end();
      });
    }
    const client = await rawConnect(t, fleet.gateway.port);
    const id = newId();
    client.send(`GET /stream HTTP/1.1\r\nHost: gw\r\nX-Request-Id: ${id}\r\n\r\n`);
    const busy = await eventually(() => /\r\n\r\n1\r\n([01])/.exec(client.unread.toString())?.[1], 'first byte');
    const others = await tally(fleet, 10);
    assert.deepEqual([...others.keys()], [busy === '0' ? '1' : '0']);
    client.reset();
    await fleet.observed.line(id);
    assert.equal((await tally(fleet, 10)).size, 2);
  });

  test('hash: a caller keeps its target, and only those of a dead one move', async (t) => {
    const fleet = await startFleet(t, 3, { balance: { hash: 'client' }, breaker: 'none', eject: 'none' });
    const counts = await tally(fleet, 20);
    assert.equal(counts.size, 1);
    const [mine = ''] = counts.keys();
    await at(fleet.origins, (Number(mine) + 1) % 3).stop();
    assert.deepEqual([...(await tally(fleet, 10)).keys()], [mine]);
    await at(fleet.origins, Number(mine)).stop();
    const moved = await tally(fleet, 10);
    assert.deepEqual([...moved.keys()], [String((Number(mine) + 2) % 3)]);
  });
});

test('a tenant that floods costs another nothing', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, {
    routes: {
      version: 1,
      plans: { small: { limit: '5/min', concurrency: 5 }, calm: { limit: '1000/s' } },
      tenants: {
        loud: { plan: 'small', keys: ['loud-tenant-secret-one'] },
        quiet: { plan: 'calm', keys: ['quiet-tenant-secret-one'] },
      },
      upstreams: { origin: { targets: origin.url, concurrency: 50 } },
      routes: { all: { match: '/**', to: 'origin', auth: 'key' } },
    },
  });
  const call = async (key: string): Promise<number> => {
    const response = await fetch(gateway.url, { headers: { 'x-api-key': key } });
    await response.arrayBuffer();
    return response.status;
  };
  const loud: Promise<number>[] = [];
  const quiet: number[] = [];
  for (let i = 0; i < 50; i++) {
    for (let each = 0; each < 8; each++) loud.push(call('loud-tenant-secret-one'));
    quiet.push(await call('quiet-tenant-secret-one'));
  }
  assert.deepEqual([...new Set(quiet)], [200]);
  const admitted = (await Promise.all(loud)).filter((status) => status === 200).length;
  assert.ok(admitted < 60, `${admitted} of 400 are within the plan`);
  assert.ok(loud.length - admitted > 300);
  await new Observed(gateway).atRest();
});
