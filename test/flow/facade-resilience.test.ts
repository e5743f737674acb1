// Third parties that fail and refuse: what is tried again, what is not, when they are let be, and what stands in.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import type { Answer } from '../support/origin.ts';
import { closedPort } from '../support/ports.ts';
import { assertProblem } from '../support/problems.ts';
import {
  answerJson,
  answerNever,
  answerRaw,
  answersInTurn,
  answerText,
  HeldAnswers,
  startVendor,
  type Vendor,
} from '../support/vendor.ts';
import { eventually } from '../support/wait.ts';
import { type Ask, CANARY, type Called, type FacadeGateway, startFacades, VENDOR_AUTH } from './facades.ts';

const QUICK = '1ms..5ms';
const GENEROUS = { auth: VENDOR_AUTH, retry_budget: { ratio: '100%', min: '1000/s' }, breaker: 'none' };
const OK = answerJson({ n: 1 });
/** Vendors say this in confidence. */
const fails = (status: number, headers: Record<string, string> = {}): Answer =>
  answerJson({ reason: `${CANARY} words` }, status, headers);

/** By the name of its integration: what more it says, and the routes to it. */
const INTEGRATIONS: Readonly<Record<string, { settings: object; route?: object }>> = {
  again: { settings: {} },
  turned: { settings: {} },
  hurried: { settings: { timeout: { try: '2s' } } },
  paced: { settings: { pace: { rate: '1000/s', concurrency: 1 } } },
  thrifty: { settings: { retry_budget: { ratio: '20%', min: '3/s' } } },
  broken: { settings: { retry: 0, breaker: { min: 2, failures: '50%', window: '10m', open: '10m' } } },
  healing: { settings: { retry: 0, breaker: { min: 2, failures: '50%', window: '10m', open: '300ms' } } },
  excused: { settings: { retry: 0, breaker: { min: 2, failures: '50%', window: '10m', open: '10m' } } },
  'fallback-open': {
    settings: { retry: 0, breaker: { min: 1, failures: '1%', window: '10m', open: '10m' } },
    route: { fallback: { status: 203, body: { n: 0 } } },
  },
  'fallback-late': {
    settings: { retry: 0, timeout: { try: '300ms' } },
    route: { fallback: { status: 203, body: { n: 0 } } },
  },
  full: { settings: { retry: 0, pace: { concurrency: 1, queue: 0 } } },
  'fallback-full': {
    settings: { retry: 0, pace: { concurrency: 1, queue: 0 } },
    route: { fallback: { status: 203, body: { n: 0 } } },
  },
};

suite('attempts at third parties', () => {
  let facades: FacadeGateway;
  const vendors = new Map<string, Vendor>();
  const t = suiteCleanUp(after);

  before(async () => {
    const integrations: Record<string, unknown> = {};
    const routes: Record<string, unknown> = {};
    for (const [name, { settings, route }] of Object.entries(INTEGRATIONS)) {
      const vendor = await startVendor(t, { answer: OK });
      vendors.set(name, vendor);
      integrations[name] = { url: vendor.url, ...GENEROUS, ...settings };
      routes[name] = { match: `/${name}`, to: name, response: { body: "{ 'n': n }" }, ...route };
    }
    // The method that the vendor is called with decides.
    routes['to-post'] = { match: 'GET /to-post', to: 'turned', request: { method: 'POST' } };
    routes['to-get'] = { match: 'POST /to-get', to: 'turned', request: { method: 'GET' } };
    integrations['refusing'] = {
      url: `http://127.0.0.1:${await closedPort()}`,
      ...GENEROUS,
      pace: { rate: '1/min', concurrency: 1 },
    };
    routes['refusing'] = { match: '/refusing', to: 'refusing' };
    routes['fallback-refused'] = {
      match: '/fallback-refused',
      to: 'refusing-2',
      fallback: { status: 203, body: { n: 0 } },
    };
    integrations['refusing-2'] = { url: `http://127.0.0.1:${await closedPort()}`, ...GENEROUS };
    facades = await startFacades(t, {
      defaults: { auth: 'key', retry: { max: 2, backoff: QUICK } },
      integrations,
      routes,
    });
  });

  function vendorOf(name: string): Vendor {
    const vendor = vendors.get(name);
    assert.ok(vendor);
    return vendor;
  }

  const ask = (name: string, answer: Answer, asked: Ask = {}, path = `/${name}`): Promise<Called> =>
    facades.call(vendorOf(name), answer, path, asked);

  const POST: Ask = { method: 'POST', body: '{}' };

  test('a 503 is tried again when its Retry-After says so, where that is safe', async () => {
    const { response, line, calls } = await ask('again', answersInTurn(fails(503, { 'retry-after': '1' }), OK));
    assert.equal(response.status, 200);
    assert.equal(line['attempts'], 2);
    const [first, second] = calls;
    // Timers of this process and of the gateway's may differ by a little.
    assert.ok((second?.atMs ?? 0) - (first?.atMs ?? 0) > 950, 'the second one came a second later');
  });

  test('a POST is not tried again after a 503', async () => {
    const { response, calls } = await ask('again', answersInTurn(fails(503, { 'retry-after': '0' }), OK), POST);
    assert.equal(assertProblem(response, 502, 'integration.error')['vendor_status'], 503);
    assert.equal(calls.length, 1);
  });

  test('a POST is tried again after a 429', async () => {
    const { response, calls } = await ask('again', answersInTurn(fails(429, { 'retry-after': '0' }), OK), POST);
    assert.deepEqual([response.status, calls.length], [200, 2]);
    assert.deepEqual(
      calls.map(({ body }) => body.toString()),
      ['{}', '{}'],
    );
  });

  test('a POST that has its time-out after a 429 is not tried again: it may have been done', async () => {
    const answer = answersInTurn(fails(429, { 'retry-after': '0' }), answerNever, OK);
    const { response, line, calls } = await ask('hurried', answer, POST);
    assertProblem(response, 504, 'upstream.timeout');
    assert.deepEqual([line['attempts'], calls.length], [2, 2]);
  });

  test('a POST whose connection is reset after a 429 is not tried again', async () => {
    const answer = answersInTurn(fails(429, { 'retry-after': '0' }), answerRaw('', 'reset'), OK);
    const { response, calls } = await ask('again', answer, POST);
    assertProblem(response, 502, 'upstream.reset');
    assert.equal(calls.length, 2);
  });

  test('the last of all answers counts when none was good', async () => {
    const { response, line } = await ask('again', fails(502));
    assert.equal(assertProblem(response, 502, 'integration.error')['vendor_status'], 502);
    assert.equal(line['attempts'], 3);
  });

  test('a 500 and a 404 are no reason to try again', async () => {
    for (const status of [500, 404]) {
      const { response, calls } = await ask('again', fails(status));
      assert.equal(assertProblem(response, 502, 'integration.error')['vendor_status'], status);
      assert.equal(calls.length, 1);
    }
  });

  test('the method of the call decides, not that of the request', async () => {
    const answer = (): Answer => answersInTurn(fails(503), OK);
    const post = await ask('turned', answer(), {}, '/to-post');
    assert.deepEqual([post.response.status, post.calls.map(({ method }) => method)], [502, ['POST']]);
    const get = await ask('turned', answer(), POST, '/to-get');
    assert.deepEqual([get.response.status, get.calls.map(({ method }) => method)], [200, ['GET', 'GET']]);
    assert.equal(get.calls[0]?.body.length, 0);
  });

  test('a refused connection is a 502 at once, and takes no second turn', async () => {
    const { response, line } = await facades.ask('/refusing', POST);
    assertProblem(response, 502, 'upstream.connect');
    assert.equal(line['attempts'], 1);
    const status: unknown = await (await fetch(`${facades.gateway.adminUrl}/api/status`)).json();
    assert.match(JSON.stringify(status), /"in_flight":0,"waiting":0/);
  });

  test('a paced call gives its place back however it ends', async () => {
    for (const answer of [OK, fails(500), answerRaw('', 'reset'), answerText('text/html', '<p>'), OK]) {
      await ask('paced', answer, POST);
    }
    const vendor = vendorOf('paced');
    vendor.answer(answerNever);
    const next = vendor.calls.length;
    const { client, id } = await facades.send('/paced');
    await vendor.call(next);
    client.reset();
    await facades.observed.line(id);
    const { response } = await ask('paced', OK, POST);
    assert.equal(response.status, 200);
  });

  test('a storm: retries stay within their budget', async () => {
    const begun = performance.now();
    const vendor = vendorOf('thrifty');
    vendor.answer(fails(503));
    await Promise.all(Array.from({ length: 50 }, () => facades.ask('/thrifty')));
    const seconds = Math.ceil((performance.now() - begun) / 1_000) + 1;
    const retries = vendor.calls.length - 50;
    assert.ok(retries >= 0 && retries <= 10 + 3 * seconds, `${retries} retries of 50 requests in ${seconds} s`);
    const labels = { upstream: 'thrifty', outcome: 'budget_exhausted' };
    assert.ok((await facades.observed.metric('sluice_retries_total', labels)) > 0);
  });

  test('the breaker opens: refused at once, with the time of the next try', async () => {
    await ask('broken', fails(500));
    await ask('broken', fails(500));
    const { response, line, calls } = await ask('broken', OK);
    assertProblem(response, 503, 'upstream.breaker_open');
    const retryAfter = Number(response.header('retry-after'));
    assert.ok(retryAfter > 0 && retryAfter <= 600, `${retryAfter}`);
    assert.deepEqual([line['attempts'], calls.length], [0, 0]);
    const event = await facades.gateway.log.until(
      (each) => each.event === 'breaker_open' && each['upstream'] === 'broken',
    );
    assert.equal(event['last_error'], 'status 500');
  });

  test('the breaker closes after its probe', async () => {
    await ask('healing', fails(500));
    await ask('healing', fails(500));
    vendorOf('healing').answer(OK);
    await eventually(async () => (await facades.ask('/healing')).response.status === 200, 'a closed breaker');
    const { response } = await ask('healing', fails(404));
    assertProblem(response, 502, 'integration.error');
    assert.equal((await ask('healing', OK)).response.status, 200);
  });

  test('answers below 500 never open it', async () => {
    for (const status of [400, 401, 404, 409, 429, 302])
      assert.equal((await ask('excused', fails(status))).calls.length, 1);
    assert.equal((await ask('excused', OK)).response.status, 200);
  });

  test('a fallback stands in where there is no answer', async () => {
    const refused = await facades.ask('/fallback-refused');
    assert.deepEqual([refused.response.status, refused.text], [203, '{"n":0}']);
    assert.equal(refused.line.reason, 'upstream.connect');
    const late = await ask('fallback-late', answerNever);
    assert.deepEqual([late.response.status, late.text, late.line.reason], [203, '{"n":0}', 'upstream.timeout']);
    // What the vendor did say is not replaced.
    const said = await ask('fallback-open', fails(500));
    assertProblem(said.response, 502, 'integration.error');
    const open = await ask('fallback-open', OK);
    assert.deepEqual([open.response.status, open.text, open.line.reason], [203, '{"n":0}', 'upstream.breaker_open']);
  });

  for (const name of ['full', 'fallback-full']) {
    test(`${name}: a call that can get no place is told so at once`, async () => {
      const held = new HeldAnswers(OK);
      const vendor = vendorOf(name);
      vendor.answer(held.answer);
      const first = facades.ask(`/${name}`);
      await vendor.call(0);
      const { response, text, line } = await facades.ask(`/${name}`);
      if (name === 'full') assertProblem(response, 503, 'integration.queue_full');
      else assert.deepEqual([response.status, text], [203, '{"n":0}']);
      assert.equal(line.reason, 'integration.queue_full');
      held.release();
      assert.equal((await first).response.status, 200);
      assert.equal(vendor.calls.length, 1);
      assert.equal((await facades.ask(`/${name}`)).response.status, 200);
    });
  }
});
