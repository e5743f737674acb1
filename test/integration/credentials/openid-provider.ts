// A real OpenID provider on loopback, that gives opaque tokens to a client of its own and says of any token whether it is valid.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';
import type { CleanUp } from '../../support/clean-up.ts';
import { listenOnLoopback } from '../../support/ports.ts';

export interface OpenIdProvider {
  readonly tokenUrl: string;
  /** Requests for a token so far. */
  readonly asked: number;
  /** RFC 7662: what the provider knows about a token. */
  introspect(token: string): Promise<Readonly<Record<string, unknown>>>;
  /** RFC 7009: it is valid no longer. */
  revoke(token: string): Promise<void>;
}

/** Odd on purpose: all of it must be encoded twice on its way (RFC 6749 §2.3.1). */
export const CLIENT_ID = 'sluice:facade+1';
export const CLIENT_SECRET = 's3cret of/ours: 100%&+=';
/** What tokens are for. */
const API = 'https://api.carrier.example';

/** @param lifeS of each token. */
export async function startOpenIdProvider(
  t: CleanUp,
  {
    lifeS,
    clientAuth = 'client_secret_basic',
  }: { lifeS: number; clientAuth?: 'client_secret_basic' | 'client_secret_post' },
): Promise<OpenIdProvider> {
  let asked = 0;
  const server = createServer();
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`;
  const provider = new Provider(origin, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: clientAuth,
        scope: 'rates tracking',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    jwks: { keys: [generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })] },
    scopes: ['rates', 'tracking', 'admin'],
    ttl: { ClientCredentials: lifeS },
    cookies: { keys: ['of this test'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => API,
        getResourceServerInfo: () => ({ scope: 'rates tracking', accessTokenFormat: 'opaque', accessTokenTTL: lifeS }),
      },
    },
  });
  const serve = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/token') asked++;
    void serve(request, response);
  });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const ask = async (path: string, token: string): Promise<Response> => {
    const form = new URLSearchParams({ token });
    const headers: Record<string, string> = {};
    if (clientAuth === 'client_secret_post') {
      form.set('client_id', CLIENT_ID);
      form.set('client_secret', CLIENT_SECRET);
    } else {
      const encoded = [CLIENT_ID, CLIENT_SECRET].map(encodeURIComponent).join(':');
      headers['authorization'] = `Basic ${Buffer.from(encoded).toString('base64')}`;
    }
    const answer = await fetch(origin + path, { method: 'POST', body: form, headers });
    if (!answer.ok) throw new Error(`the provider answered ${answer.status}: ${await answer.text()}`);
    return answer;
  };
  return {
    tokenUrl: `${origin}/token`,
    get asked() {
      return asked;
    },
    async introspect(token) {
      const known: unknown = await (await ask('/token/introspection', token)).json();
      return typeof known === 'object' && known !== null ? { ...known } : {};
    },
    async revoke(token) {
      await ask('/token/revocation', token);
    },
  };
}
