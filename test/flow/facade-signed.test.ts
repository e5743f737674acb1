// Credentials that are the same for every call, or made of the call itself, as a vendor sees them; and nobody else.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { type Answer, answerOk, answerStatuses, type Received } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { answerJson, startVendor } from '../support/vendor.ts';
import { open, RATES } from './accounted.ts';

test('a signature covers what the vendor gets', async (t) => {
  const secret = 'a-secret-that-both-know';
  const vendor = await startVendor(t, {
    answer: (request, ...rest) =>
      (isSigned(request, vendor.url, secret) ? answerOk : answerStatuses(401))(request, ...rest),
  });
  const stage = await open(t, {
    integration: { url: `${vendor.url}/v3`, auth: { hmac: { key_id: 'ours', secret: '${env:H_SECRET}' } }, retry: 0 },
    more: {
      routes: {
        rates: RATES,
        quotes: {
          match: 'POST /quotes/{id}',
          to: 'carrier',
          auth: 'none',
          request: { path: '/q/{id}', query: { units: '{query.u}' }, body: '{ "kg": weight }' },
        },
      },
    },
    env: { H_SECRET: secret },
  });
  assert.equal((await stage.ask('/rates?x=%20y')).status, 200);
  assert.equal((await stage.ask('/rates', { body: '{"as":"it is"}' })).status, 200);
  assert.equal((await stage.ask('/quotes/a%20b?u=m%26m', { body: '{"weight":1.50}' })).status, 200);
  assert.deepEqual(
    vendor.calls.map(({ method, url }) => `${method} ${url}`),
    ['GET /v3/rates?x=%20y', 'POST /v3/rates', 'POST /v3/q/a%20b?units=m%26m'],
  );
  await stage.assertSecret([secret, ...vendor.calls.map((call) => call.header('signature') ?? '-')]);
});

/** As RFC 9421 says it, from what arrived and from what both sides know. */
function isSigned(request: Received, url: string, secret: string): boolean {
  const digest = `sha-256=:${createHash('sha256').update(request.body).digest('base64')}:`;
  const covered = [
    ['@method', request.method],
    ['@target-uri', url + request.url],
    ...(request.body.length > 0 ? [['content-digest', digest]] : []),
  ];
  const input = request.header('signature-input') ?? '';
  const [, parameters = '', names = ''] =
    /^sig1=(\(([^)]*)\);created=\d+;keyid="ours";alg="hmac-sha256")$/.exec(input) ?? [];
  const base = [...covered, ['@signature-params', parameters]].map(([name, value]) => `"${name}": ${value}`).join('\n');
  const mac = createHmac('sha256', secret).update(base).digest('base64');
  return (
    names === covered.map(([name]) => `"${name}"`).join(' ') &&
    request.header('signature') === `sig1=:${mac}:` &&
    (request.body.length === 0 || request.header('content-digest') === digest)
  );
}

test('a header and a query parameter are sent, and nobody sends them in our place', async (t) => {
  const vendor = await startVendor(t);
  const stage = await open(t, {
    integration: { url: vendor.url, auth: { query: { name: 'api key', value: '${env:Q_SECRET}' } } },
    more: {
      integrations: {
        carrier: { url: vendor.url, auth: { query: { name: 'api key', value: '${env:Q_SECRET}' } } },
        other: { url: vendor.url, auth: { header: { name: 'X-Vendor-Key', value: '${env:X_SECRET}' } } },
      },
      routes: {
        rates: RATES,
        other: {
          match: 'GET /other',
          to: 'other',
          auth: 'none',
          request: { headers: { 'x-vendor-key': '{query.mine}' } },
        },
      },
    },
    env: { Q_SECRET: 'query&secret=1', X_SECRET: 'header-secret-1' },
  });
  assert.equal((await stage.ask('/rates?a=1&api+key=mine&api%20key=mine')).status, 200);
  assert.equal((await stage.ask('/other?mine=forged')).status, 200);
  assert.equal(vendor.calls[0]?.url, '/rates?a=1&api%20key=query%26secret%3D1');
  assert.equal(vendor.calls[1]?.header('x-vendor-key'), 'header-secret-1');
  await stage.assertSecret(['query&secret=1', 'header-secret-1']);
  await stage.assertSecret(['query&secret=1', 'header-secret-1'], 'other');
});

test('what a vendor says of our credentials stays with the gateway', async (t) => {
  const echo: Answer = (request, response, index) =>
    answerJson({ you: request.header('authorization') }, 403, { 'x-you': request.header('authorization') ?? '' })(
      request,
      response,
      index,
    );
  const vendor = await startVendor(t, { answer: echo });
  const stage = await open(t, { integration: { url: vendor.url, auth: { bearer: 'token-that-is-echoed' }, retry: 0 } });
  const problem = assertProblem(await stage.ask('/rates'), 502, 'integration.error');
  assert.equal(problem['vendor_status'], 403);
  await stage.assertSecret(['token-that-is-echoed']);
});
