// The files that docs/integrations.md shows, in a gateway before a vendor.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesOf } from '../support/documented.ts';
import { startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { answerJson, answersInTurn, startVendor } from '../support/vendor.ts';

const PAGE = 'docs/integrations.md';
const QUOTE = { svc: 'EXP', amt: '12.50', cur: 'EUR', eta_days: 2 };
const { eta_days: _, ...WITHOUT_DAYS } = QUOTE;

test('the route of docs/integrations.md does what the page says', async (t) => {
  const account = { id: 'us', secret: 'a-secret-of-this-test' };
  const vendor = await startVendor(t, {
    account,
    answer: answersInTurn(
      answerJson({ quotes: [QUOTE] }),
      answerJson({ quotes: [WITHOUT_DAYS] }),
      answerJson({ error: 'too heavy, in words of its own' }, 422),
    ),
  });
  const { 'routes.yaml': routes = '', ...files } = await filesOf(PAGE);
  assert.equal(Object.keys(files).length, 4);
  const env = { ACME_KEY: 'a-key-of-this-test', CARRIER_ID: account.id, CARRIER_SECRET: account.secret };
  const gateway = await startGateway(t, {
    routes: routes.replaceAll('https://api.carrier.example', vendor.url),
    files,
    env,
  });
  const observed = new Observed(gateway);
  const ask = (body: string, key = env.ACME_KEY): Promise<Response> =>
    fetch(`${gateway.url}/v1/shipping/quotes?lang=d%C3%A4`, {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body,
    });
  // What the page has curl send.
  const [, body = ''] = /-d '(.+)'$/m.exec(await readFile(join(import.meta.dirname, '../..', PAGE), 'utf8')) ?? [];

  const quoted = await ask(body);
  assert.equal(quoted.status, 200);
  assert.deepEqual(await quoted.json(), {
    quotes: [{ service: 'express', price: { amount: '12.50', currency: 'EUR' }, days: 2 }],
  });
  const call = await vendor.call(0);
  assert.deepEqual([call.method, call.url], ['POST', '/v3/rates?units=metric&lang=d%C3%A4']);
  assert.deepEqual(JSON.parse(call.body.toString()), { to_zip: '04109', parcels: [{ weight_g: 1200 }], ref: 'acme' });

  assert.equal((await ask('{"parcels":[]}')).status, 422);
  assert.equal((await ask(body, 'nobody')).status, 401);
  assert.equal(vendor.calls.length, 1, 'what is refused never reaches the vendor');

  assert.deepEqual(await (await ask(body)).json(), {
    quotes: [{ service: 'express', price: { amount: '12.50', currency: 'EUR' }, days: null }],
  });
  const drift = await gateway.log.until(({ event }) => event === 'response_drift');
  assert.deepEqual([drift['pointer'], drift['kind']], ['/quotes/*/eta_days', 'missing']);
  assert.equal(await observed.metric('sluice_drift_total', { pointer: '/quotes/*/eta_days', kind: 'missing' }), 1);

  const refused = await ask(body);
  const problem = await refused.text();
  assert.equal(refused.status, 422);
  assert.match(problem, /"title":"The carrier does not take these parcels"/);
  assert.match(problem, /"vendor_status":422/);
  assert.doesNotMatch(problem, /in words of its own/);
  assert.equal(vendor.tokenRequests.length, 1, 'one token for all calls');
});
