// A token endpoint that answers as the test says, and credentials that ask it.
import type { CleanUp } from '../../support/clean-up.ts';
import { type Answer, type Origin, startOrigin } from '../../support/origin.ts';
import { eventually } from '../../support/wait.ts';
import { type Opened, openCredentials } from './open-credentials.ts';

/** Gives token-0, token-1, …, each for that long. */
export const tokens =
  (expiresIn: unknown = 100): Answer =>
  (_request, response, index) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ access_token: `token-${index}`, token_type: 'Bearer', expires_in: expiresIn }));
  };

export const down: Answer = (_request, response) => {
  response.writeHead(503).end();
};

/** Answers nothing until it is told to. */
export function held(answer: Answer): { readonly answer: Answer; readonly release: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    release: resolve,
    answer: async (...args) => {
      await promise;
      await answer(...args);
    },
  };
}

export interface Provided extends Opened {
  readonly provider: Origin;
}

export async function openProvided(t: CleanUp, answer: Answer = tokens(), more = ''): Promise<Provided> {
  const provider = await startOrigin(t, answer);
  const auth = `{ oauth2: { token_url: "${provider.url}/token?p=1", client_id: us, client_secret: hush-hush${more} } }`;
  return { ...openCredentials(t, auth), provider };
}

/** Resolves once a token has come, or failed to, so many times. */
export async function eventNames({ told: events }: Opened, count: number): Promise<readonly string[]> {
  await eventually(() => events.length >= count, `event ${count}`);
  return events.map(({ event }) => event);
}
