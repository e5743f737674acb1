import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { describe, it } from 'node:test';
import { Client } from '../../../src/integration/client/client.ts';
import type { CleanUp } from '../../support/clean-up.ts';
import { type Received, startOrigin } from '../../support/origin.ts';
import { applied, authorization, never, openCredentials, requestTo } from './open-credentials.ts';

/** What arrives at a vendor when a request for `path` is sent with these credentials. */
async function received(t: CleanUp, auth: string, path: string): Promise<Received> {
  const vendor = await startOrigin(t);
  const client = new Client(
    { url: { origin: vendor.url, basePath: '' }, connectMs: 30_000, responseMaxBytes: 1_000, requestMaxBytes: 1_000 },
    { lookup, folder: '.', onEvent: () => {} },
  );
  t.after(() => client.close());
  const { credentials } = openCredentials(t, auth);
  await client.send(await applied(credentials, requestTo(path)), never());
  return vendor.request(0);
}

describe('credentials that never change', () => {
  it('are a bearer token', async (t) => {
    assert.equal((await received(t, '{ bearer: abc.def== }', '/')).header('authorization'), 'Bearer abc.def==');
  });

  it('are a user and a password, in UTF-8', async (t) => {
    const { credentials } = openCredentials(t, '{ basic: { user: Aladdin, password: open sesame } }');
    // The example of RFC 7617 §2.
    assert.equal(await authorization(credentials), 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==');
    const { credentials: other } = openCredentials(t, '{ basic: { user: test, password: 123£ } }');
    // The example of RFC 7617 §2.1.
    assert.equal(await authorization(other), 'Basic dGVzdDoxMjPCow==');
  });

  it('may have no password', async (t) => {
    const { credentials } = openCredentials(t, '{ basic: { user: sk_1, password: "" } }');
    assert.equal(await authorization(credentials), `Basic ${Buffer.from('sk_1:').toString('base64')}`);
  });

  it('are a header, instead of one that the request has', async (t) => {
    const { credentials } = openCredentials(t, '{ header: { name: X-Api-Key, value: "a b" } }');
    const request = await applied(credentials, requestTo('/', { 'x-api-key': 'of a client' }));
    assert.deepEqual([...request.headers], [['x-api-key', 'a b']]);
  });

  it('are a query parameter, escaped for where it stands', async (t) => {
    const { url } = await received(t, '{ query: { name: api key, value: "a&b=c #é+/?" } }', '/rates');
    assert.equal(url, '/rates?api%20key=a%26b%3Dc%20%23%C3%A9%2B%2F%3F');
    const params = new URL(url, 'http://vendor').searchParams;
    assert.deepEqual([...params], [['api key', 'a&b=c #é+/?']]);
  });

  it('are the only query parameter of their name, however a client spells it', async (t) => {
    const { credentials } = openCredentials(t, '{ query: { name: api key, value: ours } }');
    const request = requestTo('?units=metric&api+key=theirs&&%61pi%20key&x=%zz');
    await applied(credentials, request);
    assert.equal(request.path, '?units=metric&x=%zz&api%20key=ours');
  });

  it('are put on a second attempt as on the first', async (t) => {
    for (const auth of ['{ query: { name: k, value: v } }', '{ header: { name: k, value: v } }', '{ bearer: abc }']) {
      const { credentials } = openCredentials(t, auth);
      const request = await applied(credentials);
      const once = structuredClone({ path: request.path, headers: request.headers });
      assert.deepEqual({ path: (await applied(credentials, request)).path, headers: request.headers }, once);
    }
  });

  it('are there at once, and no fresher after a refusal', (t) => {
    for (const auth of [
      '{ bearer: abc }',
      '{ basic: { user: a, password: b } }',
      '{ header: { name: a, value: b } }',
      '{ query: { name: a, value: b } }',
      '{ hmac: { key_id: a, secret: b } }',
      'none',
    ]) {
      const { credentials } = openCredentials(t, auth);
      const request = requestTo('/');
      assert.equal(credentials.apply(request, undefined, never()), undefined);
      assert.equal(credentials.rejected(request, undefined), false);
    }
  });

  it('are none with none', async (t) => {
    const { credentials } = openCredentials(t, 'none');
    const request = await applied(credentials, requestTo('/rates'));
    assert.deepEqual([request.path, request.headers.size], ['/rates', 0]);
  });
});
