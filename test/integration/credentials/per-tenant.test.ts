import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startOrigin } from '../../support/origin.ts';
import { authorization, never, openCredentials, refusal, requestTo, tenant } from './open-credentials.ts';

describe('credentials of each tenant', () => {
  it('are those of whoever calls', async (t) => {
    const { credentials } = openCredentials(t, 'per_tenant', {
      tenants: {
        acme: '{ carrier: { bearer: of-acme }, erp: { bearer: elsewhere } }',
        bolt: '{ carrier: { basic: { user: bolt, password: x } } }',
      },
    });
    assert.equal(await authorization(credentials, tenant('acme')), 'Bearer of-acme');
    assert.match((await authorization(credentials, tenant('bolt'))) ?? '', /^Basic /);
    assert.equal(credentials.rejected(requestTo('/'), tenant('acme')), false);
  });

  it('are nobody’s for a tenant without an account, and without a tenant', async (t) => {
    const { credentials } = openCredentials(t, 'per_tenant', {
      tenants: { acme: '{ erp: { bearer: of-acme } }', constructor: '{}' },
    });
    for (const id of ['acme', 'constructor', '__proto__', 'bolt']) {
      const error = await refusal(credentials.apply(requestTo('/'), tenant(id), never()));
      assert.equal(error.code, 'no_credentials');
      assert.ok(error.message.includes(`tenants.${id}.credentials.carrier`), error.message);
      assert.equal(credentials.rejected(requestTo('/'), tenant(id)), false);
    }
    const error = await refusal(credentials.apply(requestTo('/'), undefined, never()));
    assert.equal(error.code, 'no_credentials');
  });

  it('are tokens of their own, from connections that they share', async (t) => {
    const provider = await startOrigin(t, (request, response, index) => {
      const [user] = Buffer.from((request.header('authorization') ?? '').slice('Basic '.length), 'base64')
        .toString()
        .split(':');
      response.end(JSON.stringify({ access_token: `${user}-${index}`, token_type: 'Bearer', expires_in: 60 }));
    });
    const account = (id: string): string =>
      `{ carrier: { oauth2: { token_url: "${provider.url}/token", client_id: ${id}, client_secret: s } } }`;
    const { credentials, told } = openCredentials(t, 'per_tenant', {
      tenants: { acme: account('a'), bolt: account('b') },
    });
    assert.equal(await authorization(credentials, tenant('acme')), 'Bearer a-0');
    assert.equal(await authorization(credentials, tenant('bolt')), 'Bearer b-1');
    const request = requestTo('/', { authorization: 'Bearer a-0' });
    assert.equal(credentials.rejected(request, tenant('acme')), true);
    assert.equal(await authorization(credentials, tenant('bolt')), 'Bearer b-1');
    assert.equal(await authorization(credentials, tenant('acme')), 'Bearer a-2');
    assert.equal(provider.accepted, 1);
    assert.deepEqual(
      told.map(({ event, fields }) => [event, fields['tenant']]),
      [
        ['token_refreshed', 'acme'],
        ['token_refreshed', 'bolt'],
        ['token_refreshed', 'acme'],
      ],
    );
  });
});
