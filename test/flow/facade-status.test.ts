// What the admin plane says of third parties: calls in flight, what failed last, and that one that fails is not healthy.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { closedPort } from '../support/ports.ts';
import { answerNever, startVendor, type Vendor } from '../support/vendor.ts';
import { eventually } from '../support/wait.ts';
import { CANARY, type FacadeGateway, startFacades } from './facades.ts';

suite('the status of integrations', () => {
  const t = suiteCleanUp(after);
  let slow: Vendor;
  let facades: FacadeGateway;
  let routes: Readonly<Record<string, unknown>>;
  let integrations: Readonly<Record<string, object>>;

  before(async () => {
    slow = await startVendor(t, { answer: answerNever });
    const gone = `http://127.0.0.1:${await closedPort()}`;
    const oauth2 = { token_url: `${gone}/token`, client_id: 'us', client_secret: `${CANARY}-client-secret` };
    integrations = {
      slow: { url: slow.url },
      tokenless: { url: slow.url, auth: { oauth2 } },
      gone: { url: gone, breaker: { min: 2, open: '1h' } },
    };
    routes = {
      defaults: { auth: 'key', retry: 0 },
      routes: Object.fromEntries(Object.keys(integrations).map((name) => [name, { match: `/${name}`, to: name }])),
    };
    facades = await startFacades(t, { ...routes, integrations });
  });

  async function statusOf(name: string): Promise<Readonly<Record<string, unknown>>> {
    const status: unknown = await (await fetch(`${facades.gateway.adminUrl}/api/status`)).json();
    return Object(status).integrations[name];
  }

  function targets(upstream: string, state: string): Promise<number> {
    return facades.observed.metric('sluice_upstream_targets', { upstream, state });
  }

  test('counts the calls in flight, also without a pace', async () => {
    const { client, id } = await facades.send('/slow');
    await slow.call(0);
    assert.equal((await statusOf('slow'))['in_flight'], 1);
    client.reset();
    await facades.observed.line(id);
    await eventually(async () => (await statusOf('slow'))['in_flight'] === 0, 'end of the call');
    assert.equal((await statusOf('slow'))['last_error'], undefined, 'a client that leaves is no failure');
  });

  test('says what failed last, a token included', async () => {
    await facades.ask('/tokenless');
    const { last_error, last_error_at, breaker } = await statusOf('tokenless');
    assert.match(String(last_error), /^no token from .*ECONNREFUSED/);
    assert.ok(Date.parse(String(last_error_at)) <= Date.now());
    assert.equal(breaker, 'closed');
  });

  test('is not healthy while its breaker is open', async () => {
    assert.deepEqual([await targets('gone', 'healthy'), await targets('gone', 'unhealthy')], [1, 0]);
    for (let i = 0; i < 2; i++) await facades.ask('/gone');
    assert.equal((await statusOf('gone'))['breaker'], 'open');
    assert.deepEqual([await targets('gone', 'healthy'), await targets('gone', 'unhealthy')], [0, 1]);
  });

  test('is remembered over a reload', async () => {
    const earlier = await statusOf('gone');
    const { gateway } = facades;
    const reloaded = gateway.log.until(({ event }) => event === 'config_reloaded');
    const changed = { ...integrations, gone: { ...integrations['gone'], response_max: '1MiB' } };
    await gateway.process.writeRoutes({ version: 1, ...routes, integrations: changed });
    await reloaded;
    assert.equal((await statusOf('gone'))['last_error'], earlier['last_error']);
    assert.match(String(earlier['last_error']), /ECONNREFUSED/);
  });
});
