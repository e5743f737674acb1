import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { eventually } from '../../support/wait.ts';
import { applied, authorization, everythingIn, never, refusal, requestTo } from './open-credentials.ts';
import { down, eventNames, held, openProvided, tokens } from './token-provider.ts';

describe('a caller that leaves', () => {
  it('does not end what others wait for', async (t) => {
    const { answer, release } = held(tokens());
    const { credentials, provider } = await openProvided(t, answer);
    const leaving = new AbortController();
    const left = assert.rejects(Promise.resolve(credentials.apply(requestTo('/'), undefined, leaving.signal)), {
      name: 'AbortError',
    });
    const staying = authorization(credentials);
    await provider.request(0);
    leaving.abort();
    await left;
    release();
    assert.equal(await staying, 'Bearer token-0');
    assert.equal(provider.started, 1);
  });

  it('leaves a token behind that serves the next one', async (t) => {
    const { answer, release } = held(tokens());
    const opened = await openProvided(t, answer);
    const { credentials, provider } = opened;
    const leaving = new AbortController();
    const left = assert.rejects(Promise.resolve(credentials.apply(requestTo('/'), undefined, leaving.signal)));
    await provider.request(0);
    leaving.abort(new DOMException('late', 'TimeoutError'));
    await left;
    release();
    await eventNames(opened, 1);
    assert.equal(await authorization(credentials), 'Bearer token-0');
    assert.equal(provider.started, 1);
  });

  it('had left before it came', async (t) => {
    const { credentials } = await openProvided(t);
    await assert.rejects(Promise.resolve(credentials.apply(requestTo('/'), undefined, AbortSignal.abort())), {
      name: 'AbortError',
    });
  });

  it('leaves no listener on a signal that lives on', async (t) => {
    const { credentials, clock, provider } = await openProvided(t);
    const { signal } = new AbortController();
    await credentials.apply(requestTo('/'), undefined, signal);
    provider.answer(down);
    clock.ms += 100_000;
    await refusal(credentials.apply(requestTo('/'), undefined, signal));
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });
});

describe('a vendor that refuses a token', () => {
  it('makes it forgotten, and the request is worth one more try with a fresh one', async (t) => {
    const { credentials, provider } = await openProvided(t);
    const request = await applied(credentials);
    assert.equal(credentials.rejected(request, undefined), true);
    await applied(credentials, request);
    assert.equal(request.headers.get('authorization'), 'Bearer token-1');
    assert.equal(credentials.rejected(request, undefined), false);
    assert.equal(await authorization(credentials), 'Bearer token-1');
    assert.equal(provider.started, 2);
  });

  it('does not make a newer one forgotten', async (t) => {
    const { credentials, provider } = await openProvided(t);
    const [first, second] = [await applied(credentials), await applied(credentials)];
    assert.equal(credentials.rejected(first, undefined), true);
    await applied(credentials, first);
    assert.equal(credentials.rejected(second, undefined), true);
    await applied(credentials, second);
    assert.equal(second.headers.get('authorization'), 'Bearer token-1');
    assert.equal(provider.started, 2);
  });

  it('of a hundred calls makes one of them asked for', async (t) => {
    const { credentials, provider } = await openProvided(t);
    const requests = await Promise.all(Array.from({ length: 100 }, () => applied(credentials)));
    for (const request of requests) assert.equal(credentials.rejected(request, undefined), true);
    await Promise.all(requests.map((request) => applied(credentials, request)));
    assert.deepEqual(new Set(requests.map(({ headers }) => headers.get('authorization'))), new Set(['Bearer token-1']));
    assert.equal(provider.started, 2);
  });

  it('may do so as often as tokens are revoked', async (t) => {
    const { credentials, provider } = await openProvided(t);
    for (let i = 0; i < 5; i++) {
      const request = await applied(credentials);
      assert.equal(credentials.rejected(request, undefined), true);
      await applied(credentials, request);
    }
    assert.equal(provider.started, 6);
  });

  it('even when it is fresh is believed for a while, and the endpoint is left alone', async (t) => {
    const { credentials, clock, provider } = await openProvided(t, tokens(3600));
    const rejectedTwice = await applied(credentials);
    credentials.rejected(rejectedTwice, undefined);
    await applied(credentials, rejectedTwice);
    credentials.rejected(rejectedTwice, undefined);
    for (let i = 0; i < 10; i++) {
      const request = await applied(credentials);
      assert.equal(credentials.rejected(request, undefined), false);
    }
    assert.equal(provider.started, 2);
    clock.ms += 5_000;
    const later = await applied(credentials);
    assert.equal(credentials.rejected(later, undefined), true);
    await applied(credentials, later);
    assert.equal(provider.started, 3);
  });

  it('leaves a token that is under way to those who wait', async (t) => {
    const opened = await openProvided(t);
    const { credentials, clock, provider } = opened;
    const request = await applied(credentials);
    const { answer, release } = held(tokens());
    provider.answer(answer);
    clock.ms += 80_000;
    await authorization(credentials);
    await provider.request(1);
    assert.equal(credentials.rejected(request, undefined), true);
    const waiting = authorization(credentials);
    release();
    assert.equal(await waiting, 'Bearer token-1');
    assert.equal(provider.started, 2);
  });
});

describe('the end', () => {
  it('ends a request for a token, and says nothing of it', async (t) => {
    const { answer, release } = held(tokens());
    t.after(release);
    const { credentials, provider, told: events } = await openProvided(t, answer);
    const waiting = refusal(credentials.apply(requestTo('/'), undefined, never()));
    await provider.request(0);
    await credentials.close?.();
    assert.equal((await waiting).code, 'token_endpoint_unreachable');
    assert.deepEqual(events, []);
    await eventually(() => provider.connections === 0, 'closed connection');
  });

  it('may come before anything was asked for', async (t) => {
    const { credentials, provider } = await openProvided(t);
    credentials.start?.();
    await credentials.close?.();
    await credentials.close?.();
    assert.equal(provider.accepted, 0);
  });

  it('shows no secret in what is left of it', async (t) => {
    const { credentials, told: events } = await openProvided(t);
    await authorization(credentials);
    assert.doesNotMatch(everythingIn(credentials, events), /hush-hush|token-0/);
  });
});
