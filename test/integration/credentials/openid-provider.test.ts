import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { describe, it } from 'node:test';
import { Client } from '../../../src/integration/client/client.ts';
import { startOrigin } from '../../support/origin.ts';
import { eventually } from '../../support/wait.ts';
import {
  applied,
  authorization,
  everythingIn,
  never,
  openCredentials,
  refusal,
  requestTo,
} from './open-credentials.ts';
import { CLIENT_ID, CLIENT_SECRET, type OpenIdProvider, startOpenIdProvider } from './openid-provider.ts';

function auth({ tokenUrl }: OpenIdProvider, changes: Readonly<Record<string, string>> = {}): string {
  const oauth2 = {
    token_url: tokenUrl,
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    scope: 'rates',
    ...changes,
  };
  return JSON.stringify({ oauth2 });
}

function tokenOf(header: string | undefined): string {
  const [, token] = /^Bearer (.+)$/.exec(header ?? '') ?? [];
  return token ?? assert.fail('no bearer token');
}

describe('tokens of an OpenID provider', () => {
  it('are valid there, for this client and scope', async (t) => {
    const provider = await startOpenIdProvider(t, { lifeS: 60 });
    const { credentials, told } = openCredentials(t, auth(provider));
    const known = await provider.introspect(tokenOf(await authorization(credentials)));
    assert.deepEqual(
      [known['active'], known['client_id'], known['scope'], known['token_type']],
      [true, CLIENT_ID, 'rates', 'Bearer'],
    );
    assert.deepEqual(told, [
      { level: 'info', event: 'token_refreshed', fields: { endpoint: provider.tokenUrl, life_s: 60 } },
    ]);
  });

  it('come as well when id and secret are sent in the body', async (t) => {
    const provider = await startOpenIdProvider(t, { lifeS: 60, clientAuth: 'client_secret_post' });
    const { credentials } = openCredentials(t, auth(provider, { client_auth: 'post' }));
    const known = await provider.introspect(tokenOf(await authorization(credentials)));
    assert.deepEqual([known['active'], known['client_id']], [true, CLIENT_ID]);
  });

  it('are asked for once by a hundred callers, and renewed early', async (t) => {
    const provider = await startOpenIdProvider(t, { lifeS: 60 });
    const { credentials, clock, told } = openCredentials(t, auth(provider));
    const hundred = (): Promise<readonly (string | undefined)[]> =>
      Promise.all(Array.from({ length: 100 }, () => authorization(credentials)));
    const first = new Set(await hundred());
    assert.equal(first.size, 1);
    assert.equal(provider.asked, 1);
    clock.ms += 48_000;
    assert.deepEqual(new Set(await hundred()), first);
    await eventually(() => told.length === 2, 'a second token');
    assert.equal(provider.asked, 2);
    const second = await authorization(credentials);
    assert.ok(!first.has(second));
    assert.equal((await provider.introspect(tokenOf(second)))['active'], true);
  });

  it('that are revoked cost a call one more try', async (t) => {
    const provider = await startOpenIdProvider(t, { lifeS: 60 });
    const vendor = await startOrigin(t, async (request, response) => {
      const { active } = await provider.introspect(tokenOf(request.header('authorization')));
      response.writeHead(active === true ? 200 : 401).end();
    });
    const client = new Client(
      { url: { origin: vendor.url, basePath: '' }, connectMs: 30_000, responseMaxBytes: 1_000, requestMaxBytes: 1_000 },
      { lookup, folder: '.', onEvent: () => {} },
    );
    t.after(() => client.close());
    const { credentials } = openCredentials(t, auth(provider));
    const request = requestTo('/rates');
    const send = async (): Promise<number> => (await client.send(await applied(credentials, request), never())).status;
    assert.equal(await send(), 200);
    await provider.revoke(tokenOf(request.headers.get('authorization')));
    assert.equal(await send(), 401);
    assert.equal(credentials.rejected(request, undefined), true);
    assert.equal(await send(), 200);
    assert.equal(provider.asked, 2);
  });

  it('are refused to a client with another secret, or for another scope, in the words of the provider', async (t) => {
    const provider = await startOpenIdProvider(t, { lifeS: 60 });
    for (const [changes, said] of [
      [{ client_secret: 's3cret-of-others' }, /answered 401 invalid_client: check client_id and client_secret/],
      [{ scope: 'admin' }, /answered 400 invalid_scope: check scope/],
    ] as const) {
      const { credentials, told } = openCredentials(t, auth(provider, changes));
      const error = await refusal(credentials.apply(requestTo('/'), undefined, never()));
      assert.equal(error.code, 'token_endpoint_refused');
      assert.match(error.message, said);
      assert.doesNotMatch(everythingIn(error, told), /s3cret/);
    }
  });
});
