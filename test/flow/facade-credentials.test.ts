// Tokens of a real OpenID provider over the whole gateway: shared, renewed, refused, away; accounts of tenants; reloads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLIENT_ID, CLIENT_SECRET, startOpenIdProvider } from '../integration/credentials/openid-provider.ts';
import type { CleanUp } from '../support/clean-up.ts';
import { answerOk, answerStatuses, type Received } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { assertProblem } from '../support/problems.ts';
import { answerJson, answerNever, HeldAnswers, startVendor, type Vendor } from '../support/vendor.ts';
import { eventually } from '../support/wait.ts';
import { open, RATES, routesOf, type Setting } from './accounted.ts';

const OAUTH_ENV = { C_SECRET: CLIENT_SECRET };
const oauth2 = (tokenUrl: string, more: object = {}): object => ({
  oauth2: { token_url: tokenUrl, client_id: CLIENT_ID, client_secret: '${env:C_SECRET}', scope: 'rates', ...more },
});

/** A vendor that asks the provider about every token. */
async function startResourceServer(
  t: CleanUp,
  introspect: (token: string) => Promise<Readonly<Record<string, unknown>>>,
): Promise<Vendor> {
  return startVendor(t, {
    answer: async (request, response, index) => {
      const known = await introspect(tokenOf(request));
      const answer = known['active'] === true && known['scope'] === 'rates' ? answerOk : answerStatuses(401);
      return answer(request, response, index);
    },
  });
}

function tokenOf(request: Received): string {
  return request.header('authorization')?.replace(/^Bearer /, '') ?? '';
}

/** No other tries than those that credentials ask for, and a breaker that the first failure opens. */
const STRICT = { retry: 0, breaker: { failures: '1%', min: 1, open: '5m' } };

test('a token of an OpenID provider serves all calls, and is replaced once when the vendor refuses it', async (t) => {
  const provider = await startOpenIdProvider(t, { lifeS: 3600 });
  const vendor = await startResourceServer(t, (token) => provider.introspect(token));
  const stage = await open(t, {
    integration: { url: vendor.url, auth: oauth2(provider.tokenUrl), ...STRICT },
    env: OAUTH_ENV,
  });
  assert.deepEqual(await stage.statuses(20, '/rates'), new Set([200]));
  assert.equal((await stage.ask('/rates')).status, 200);
  assert.equal(provider.asked, 1);
  const tokens = new Set(vendor.calls.map(tokenOf));
  assert.deepEqual([vendor.calls.length, tokens.size], [21, 1]);

  const [first = ''] = tokens;
  await provider.revoke(first);
  const answer = await stage.ask('/rates');
  assert.equal(answer.status, 200);
  assert.deepEqual([provider.asked, vendor.calls.length], [2, 23]);
  const line = await stage.observed.line(answer.header('x-request-id') ?? '');
  assert.deepEqual([line.status, line['attempts']], [200, 2]);

  const second = tokenOf(await vendor.call(22));
  assert.notEqual(second, first);
  await provider.revoke(second);
  assert.deepEqual(await stage.statuses(20, '/rates'), new Set([200]));
  assert.equal(provider.asked, 3);
  assert.equal(stage.events('token_refreshed').length, 3);
  assert.equal(await stage.observed.metric('sluice_retries_total', { upstream: 'carrier' }), 0);
  assert.equal(await stage.observed.metric('sluice_breaker_state', { upstream: 'carrier', state: 'closed' }), 1);
  await stage.assertSecret([CLIENT_SECRET, ...new Set(vendor.calls.map(tokenOf))]);
});

test('a vendor that refuses a fresh token, too, is asked twice and no more', async (t) => {
  const provider = await startOpenIdProvider(t, { lifeS: 3600 });
  const vendor = await startVendor(t, { answer: answerJson({ error: 'no' }, 401) });
  const stage = await open(t, {
    integration: { url: vendor.url, auth: oauth2(provider.tokenUrl), retry: 3, pace: { rate: '5/s', concurrency: 1 } },
    env: OAUTH_ENV,
  });
  const problem = assertProblem(await stage.ask('/rates'), 502, 'integration.error');
  assert.equal(problem['vendor_status'], 401);
  assert.deepEqual([vendor.calls.length, provider.asked], [2, 2]);
  const [first, second] = [await vendor.call(0), await vendor.call(1)];
  // 200 ms apart when they are sent; the first had to connect, and came later than that.
  assert.ok(second.atMs - first.atMs >= 100, `the second one waits for its turn, too: ${second.atMs - first.atMs} ms`);
  // It has given its turn back.
  assertProblem(await stage.ask('/rates'), 502, 'integration.error');
  await stage.assertSecret([CLIENT_SECRET, ...vendor.calls.map(tokenOf)]);
});

test('a wrong secret is a 502 that says so to operators, and to nobody else', async (t) => {
  const provider = await startOpenIdProvider(t, { lifeS: 3600 });
  const vendor = await startVendor(t);
  const env = { C_SECRET: 'not-the-one-it-knows' };
  const stage = await open(t, { integration: { url: vendor.url, auth: oauth2(provider.tokenUrl), ...STRICT }, env });
  const { detail } = assertProblem(await stage.ask('/rates'), 502, 'integration.credentials');
  assert.doesNotMatch(detail ?? '', /invalid_client|127\.0\.0\.1/);
  assert.equal(vendor.calls.length, 0);
  await stage.observed.atRest();
  const [event = '', ...more] = stage.events('token_failed');
  assert.match(event, /"integration":"carrier".*token_endpoint_refused.*401 invalid_client/);
  assert.deepEqual(more, []);
  await stage.assertSecret([env.C_SECRET]);
});

/** Ways for a token endpoint to be away. */
const AWAY: Readonly<Record<string, (t: CleanUp) => Promise<string>>> = {
  'refuses connections': async () => `http://127.0.0.1:${await closedPort()}/token`,
  'answers with errors': async (t) => (await startVendor(t, { answer: answerStatuses(503) })).url,
  'never answers': async (t) => (await startVendor(t, { answer: answerNever })).url,
  'answers with nonsense': async (t) => (await startVendor(t, { answer: answerJson({ token: 'x' }) })).url,
};

for (const [what, start] of Object.entries(AWAY)) {
  test(`a token endpoint that ${what} is a 502 of its own, and no failure of the vendor's`, async (t) => {
    const vendor = await startVendor(t);
    const tokenUrl = await start(t);
    const setting = { url: vendor.url, timeout: { try: '500ms' }, ...STRICT };
    const stage = await open(t, {
      integration: { ...setting, auth: oauth2(`${tokenUrl}?x=1`) },
      env: OAUTH_ENV,
    });
    for (let i = 0; i < 3; i++) assertProblem(await stage.ask('/rates'), 502, 'integration.credentials');
    assert.equal(vendor.calls.length, 0);
    const state = (name: string): Promise<number> =>
      stage.observed.metric('sluice_breaker_state', { upstream: 'carrier', state: name });
    assert.deepEqual([await state('closed'), await state('open')], [1, 0]);
    assert.equal(
      await stage.observed.metric('sluice_upstream_attempts_total', { upstream: 'carrier', result: 'ok' }),
      0,
    );
    assert.equal(
      await stage.observed.metric('sluice_upstream_attempts_total', { upstream: 'carrier', result: 'timeout' }),
      0,
    );
    await stage.assertSecret([CLIENT_SECRET]);

    // With another way to prove who we are the next call goes.
    await stage.reload(
      routesOf({ integration: { ...setting, timeout: { try: '5m' }, auth: { bearer: 'fixed-0123' } } }),
    );
    assert.equal((await stage.ask('/rates')).status, 200);
  });
}

const keyOf = (tenant: string): string => `${tenant}-secret-0123456789ab`;

test('each tenant calls with its own account, one without has none', async (t) => {
  const provider = await startOpenIdProvider(t, { lifeS: 3600 });
  const vendor = await startVendor(t);
  const stage = await open(t, {
    integration: { url: vendor.url, auth: 'per_tenant', retry: 3 },
    more: {
      tenants: {
        one: { keys: keyOf('one'), credentials: { carrier: oauth2(provider.tokenUrl) } },
        two: { keys: keyOf('two'), credentials: { carrier: { basic: { user: 'two', password: '${env:TWO}' } } } },
        none: { keys: keyOf('none') },
      },
      routes: { rates: { ...RATES, auth: 'key' } },
    },
    env: { ...OAUTH_ENV, TWO: 'password-of-two' },
  });
  for (const tenant of ['one', 'two', 'one', 'two']) {
    assert.equal((await stage.ask('/rates', { key: keyOf(tenant) })).status, 200);
  }
  const [first, second, third, fourth] = vendor.calls.map((call) => call.header('authorization'));
  const token = first?.replace(/^Bearer /, '') ?? '';
  assert.equal((await provider.introspect(token))['active'], true);
  assert.deepEqual([third, provider.asked], [first, 1]);
  assert.equal(second, `Basic ${Buffer.from('two:password-of-two').toString('base64')}`);
  assert.equal(fourth, second);

  const { detail } = assertProblem(
    await stage.ask('/rates', { key: keyOf('none') }),
    403,
    'integration.no_credentials',
  );
  assert.match(detail ?? '', /none has no account with carrier/);
  assert.equal(vendor.calls.length, 4);
  await stage.assertSecret([CLIENT_SECRET, token, 'password-of-two', 'two:password-of-two']);
});

test('other credentials hold from a reload on; what is in flight ends with those it began with', async (t) => {
  const provider = await startOpenIdProvider(t, { lifeS: 3600 });
  const held = new HeldAnswers();
  const vendor = await startVendor(t, { answer: held.answer });
  const withAuth = (auth: unknown): Setting => ({ integration: { url: vendor.url, auth, retry: 0 }, env: OAUTH_ENV });
  const stage = await open(t, withAuth({ bearer: 'before-the-reload' }));
  const first = stage.ask('/rates');
  await vendor.call(0);
  await stage.reload(routesOf(withAuth(oauth2(provider.tokenUrl))));
  const second = stage.ask('/rates');
  await vendor.call(1);
  await stage.reload(routesOf(withAuth(oauth2(provider.tokenUrl, { scope: 'tracking' }))));
  const third = stage.ask('/rates');
  await vendor.call(2);
  held.release();
  for (const answer of [first, second, third]) assert.equal((await answer).status, 200);

  const [before, rates = '', tracking = ''] = vendor.calls.map(tokenOf);
  assert.equal(before, 'before-the-reload');
  assert.equal((await provider.introspect(rates))['scope'], 'rates');
  assert.equal((await provider.introspect(tracking))['scope'], 'tracking');
  assert.equal(provider.asked, 2);

  // A reload that leaves them as they are keeps the token.
  await stage.reload({
    ...routesOf(withAuth(oauth2(provider.tokenUrl, { scope: 'tracking' }))),
    routes: { rates: RATES, more: { ...RATES, match: '/more' } },
  });
  assert.equal((await stage.ask('/more')).status, 200);
  assert.deepEqual([provider.asked, tokenOf(await vendor.call(3))], [2, tracking]);
  await eventually(() => stage.events('token_refreshed').length === 2, 'events of both tokens');
  await stage.assertSecret([CLIENT_SECRET, 'before-the-reload', rates, tracking]);
});
