import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authorization, never, refusal, requestTo } from './open-credentials.ts';
import { down, eventNames, held, openProvided, tokens } from './token-provider.ts';

describe('a request for a token', () => {
  it('is one of client credentials, with the id and the secret as Basic', async (t) => {
    const { credentials, provider } = await openProvided(t, tokens(), ', scope: a b, audience: "https://api"');
    assert.equal(await authorization(credentials), 'Bearer token-0');
    const asked = await provider.request(0);
    const { method, url, body } = asked;
    assert.deepEqual([method, url], ['POST', '/token?p=1']);
    assert.equal(asked.header('content-type'), 'application/x-www-form-urlencoded');
    assert.equal(asked.header('accept'), 'application/json');
    assert.equal(asked.header('authorization'), `Basic ${Buffer.from('us:hush-hush').toString('base64')}`);
    assert.deepEqual(
      [...new URLSearchParams(body.toString())],
      [
        ['grant_type', 'client_credentials'],
        ['scope', 'a b'],
        ['audience', 'https://api'],
      ],
    );
  });

  it('has them in its body with client_auth: post', async (t) => {
    const { credentials, provider } = await openProvided(t, tokens(), ', client_auth: post');
    await authorization(credentials);
    const asked = await provider.request(0);
    assert.equal(asked.header('authorization'), undefined);
    assert.deepEqual(
      [...new URLSearchParams(asked.body.toString())],
      [
        ['grant_type', 'client_credentials'],
        ['client_id', 'us'],
        ['client_secret', 'hush-hush'],
      ],
    );
  });

  it('is sent anew when the connection it was sent on had been closed', async (t) => {
    const { credentials, clock, provider } = await openProvided(t);
    await authorization(credentials);
    provider.answer((request, response, index) => {
      if (index !== 1) return tokens()(request, response, index);
      response.destroy();
    });
    clock.ms += 100_000;
    assert.equal(await authorization(credentials), 'Bearer token-2');
  });
});

describe('a token', () => {
  it('serves every call until it is due', async (t) => {
    const { credentials, clock, provider } = await openProvided(t);
    assert.equal(await authorization(credentials), 'Bearer token-0');
    clock.ms += 79_999;
    const request = requestTo('/', { authorization: 'Bearer of a client' });
    assert.equal(credentials.apply(request, undefined, never()), undefined, 'it is there at once');
    assert.equal(request.headers.get('authorization'), 'Bearer token-0');
    assert.equal(provider.started, 1);
  });

  it('is asked for once by a hundred callers', async (t) => {
    const { answer, release } = held(tokens());
    const { credentials, provider } = await openProvided(t, answer);
    const callers = Array.from({ length: 100 }, () => authorization(credentials));
    await provider.request(0);
    release();
    assert.deepEqual(new Set(await Promise.all(callers)), new Set(['Bearer token-0']));
    assert.equal(provider.started, 1);
  });

  it('is renewed from four fifths of its life on, while the old one serves', async (t) => {
    const opened = await openProvided(t);
    const { credentials, clock, provider } = opened;
    await authorization(credentials);
    const { answer, release } = held(tokens());
    provider.answer(answer);
    clock.ms += 80_000;
    const served = await Promise.all(Array.from({ length: 100 }, () => authorization(credentials)));
    assert.deepEqual(new Set(served), new Set(['Bearer token-0']));
    await provider.request(1);
    assert.equal(await authorization(credentials), 'Bearer token-0');
    release();
    assert.deepEqual(await eventNames(opened, 2), ['token_refreshed', 'token_refreshed']);
    assert.equal(await authorization(credentials), 'Bearer token-1');
    assert.equal(provider.started, 2);
  });

  it('lives from when it was asked for, not from when it came', async (t) => {
    const { answer, release } = held(tokens());
    const { credentials, clock, provider } = await openProvided(t, answer);
    const first = authorization(credentials);
    await provider.request(0);
    clock.ms += 99_000;
    release();
    assert.equal(await first, 'Bearer token-0');
    assert.equal(await authorization(credentials), 'Bearer token-1');
  });

  it('is not sent when it may expire on its way', async (t) => {
    const { credentials, clock, provider } = await openProvided(t);
    await authorization(credentials);
    provider.answer(down);
    clock.ms += 98_999;
    assert.equal(await authorization(credentials), 'Bearer token-0');
    clock.ms += 1;
    assert.equal((await refusal(credentials.apply(requestTo('/'), undefined, never()))).code, 'token_endpoint_refused');
  });

  it('lives five minutes when nobody says how long', async (t) => {
    for (const unsaid of [{}, { expires_in: null }]) {
      const { credentials, clock, provider } = await openProvided(t, (_request, response, index) => {
        response.end(JSON.stringify({ access_token: `token-${index}`, token_type: 'bearer', ...unsaid }));
      });
      await authorization(credentials);
      clock.ms += 239_999;
      assert.equal(await authorization(credentials), 'Bearer token-0');
      assert.equal(provider.started, 1);
      clock.ms += 60_001;
      assert.equal(await authorization(credentials), 'Bearer token-1');
    }
  });

  it('lives as long as a number in quotes says, and a day at most', async (t) => {
    for (const [expiresIn, seconds] of [
      ['100', 100],
      [0.5, 0.5],
      [1e300, 86_400],
    ] as const) {
      const opened = await openProvided(t, tokens(expiresIn));
      await authorization(opened.credentials);
      assert.deepEqual(opened.told, [
        {
          level: 'info',
          event: 'token_refreshed',
          fields: { endpoint: `${opened.provider.url}/token`, life_s: seconds },
        },
      ]);
    }
  });
});

describe('a token that does not come', () => {
  it('leaves the old one to serve while it is valid, and is asked for again a second later', async (t) => {
    const opened = await openProvided(t);
    const { credentials, clock, provider } = opened;
    await authorization(credentials);
    provider.answer(down);
    clock.ms += 80_000;
    assert.equal(await authorization(credentials), 'Bearer token-0');
    assert.deepEqual(await eventNames(opened, 2), ['token_refreshed', 'token_failed']);
    assert.deepEqual(opened.told.at(-1), {
      level: 'warn',
      event: 'token_failed',
      fields: {
        endpoint: `${provider.url}/token`,
        code: 'token_endpoint_refused',
        reason: `no token from ${provider.url}/token: it answered 503`,
        usable_ms: 19_000,
      },
    });
    clock.ms += 999;
    assert.equal(await authorization(credentials), 'Bearer token-0');
    assert.equal(provider.started, 2);
    provider.answer(tokens());
    clock.ms += 1;
    assert.equal(await authorization(credentials), 'Bearer token-0');
    await eventNames(opened, 3);
    assert.equal(await authorization(credentials), 'Bearer token-2');
  });

  it('is the answer to everybody for a second', async (t) => {
    const { credentials, clock, provider, told: events } = await openProvided(t, down);
    const call = (): Promise<unknown> => refusal(credentials.apply(requestTo('/'), undefined, never()));
    const first = await Promise.all(Array.from({ length: 100 }, call));
    clock.ms += 999;
    await call();
    assert.equal(first.length, 100);
    assert.equal(provider.started, 1);
    assert.equal(events.length, 1);
    clock.ms += 1;
    provider.answer(tokens());
    assert.equal(await authorization(credentials), 'Bearer token-1');
  });

  it('is not asked for before the endpoint wants to be asked, a minute at most', async (t) => {
    for (const [retryAfter, waitMs] of [
      ['5', 5_000],
      ['3600', 60_000],
      ['0', 1_000],
    ] as const) {
      const { credentials, clock, provider } = await openProvided(t, (_request, response) => {
        response.writeHead(429, { 'retry-after': retryAfter }).end();
      });
      await refusal(credentials.apply(requestTo('/'), undefined, never()));
      clock.ms += waitMs - 1;
      await refusal(credentials.apply(requestTo('/'), undefined, never()));
      assert.equal(provider.started, 1, retryAfter);
      clock.ms += 1;
      await refusal(credentials.apply(requestTo('/'), undefined, never()));
      assert.equal(provider.started, 2, retryAfter);
    }
  });
});
