// From settings to credentials, at load.
import type { LookupFunction } from 'node:net';
import type { AddressMatcher } from '../../tenant/cidr.ts';
import type { TlsSettings } from '../../upstream/settings.ts';
import { Client } from '../client/client.ts';
import { type Credentials, neverFresh, type OnEvent } from './credentials.ts';
import { basicValue, FixedHeader, QueryParameter } from './fixed.ts';
import { OAuth2 } from './oauth2.ts';
import { PerTenant } from './per-tenant.ts';
import { type Account, type AuthSettings, type OAuth2Settings, PER_TENANT } from './settings.ts';
import { Signature, type SignedUrl } from './signature.ts';
import { TokenEndpoint } from './token-endpoint.ts';

export { type Credentials, CredentialsError } from './credentials.ts';

/** What credentials need of the integration they belong to. */
export interface CredentialsEnv {
  /** The integration's name. */
  readonly name: string;
  readonly url: SignedUrl;
  /** Certificates hold for its token endpoint, too; a `servername` for its own host only. */
  readonly tls: TlsSettings | undefined;
  /** The only addresses to be reached, also for tokens; undefined: all but link-local, metadata and the like. */
  readonly addresses: AddressMatcher | undefined;
  readonly lookup: LookupFunction;
  /** What relative paths in `tls` are relative to. */
  readonly folder: string;
  readonly onEvent: OnEvent;
  /** Tenants' own accounts with this integration, by the tenant's id; asked with `per_tenant` only. */
  readonly accounts: () => Iterable<readonly [tenant: string, account: Account]>;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

const CONNECT_MS = 2_000;
const TOKEN_ANSWER_MAX_BYTES = 64 * 1024;

const NONE: Credentials = { apply: () => undefined, rejected: neverFresh };

/**
 * Makes the credentials of an integration.
 *
 * @throws Error when certificates cannot be read or do not fit their key.
 */
export function createCredentials(auth: AuthSettings | undefined, env: CredentialsEnv): Credentials {
  if (auth === undefined || auth === null) return NONE;
  const clients = new TokenClients(env);
  if (auth !== PER_TENANT) return clients.owner(accountOf(auth, env, clients, env.onEvent));
  const accounts = Array.from(env.accounts(), ([tenant, account]) => {
    const onEvent: OnEvent = (level, event, fields) => env.onEvent(level, event, { tenant, ...fields });
    return [tenant, accountOf(account, env, clients, onEvent)] as const;
  });
  return clients.owner(new PerTenant(env.name, new Map(accounts)));
}

function accountOf(account: Account, env: CredentialsEnv, clients: TokenClients, onEvent: OnEvent): Credentials {
  const { bearer, basic, header, query, hmac, oauth2, ...others } = account;
  if (bearer !== undefined) return new FixedHeader('authorization', `Bearer ${bearer}`);
  if (basic !== undefined) return new FixedHeader('authorization', basicValue(basic.user, basic.password));
  if (header !== undefined) return new FixedHeader(header.name, header.value);
  if (query !== undefined) return new QueryParameter(query.name, query.value);
  if (hmac !== undefined) return new Signature(hmac, env.url);
  if (oauth2 === undefined) return unmade(others);
  const endpoint = new TokenEndpoint(oauth2, clients.clientOf(oauth2.token_url));
  return new OAuth2(endpoint, { onEvent, now: env.now ?? (() => performance.now()) });
}

/** A form that nothing is made of above does not compile. */
function unmade(_none: Readonly<Record<string, never>>): never {
  throw new Error('an account without credentials: its settings were not checked');
}

/** Clients of token endpoints: tenants of one provider share its connections. */
class TokenClients {
  readonly #env: CredentialsEnv;
  readonly #clients = new Map<string, Client>();

  constructor(env: CredentialsEnv) {
    this.#env = env;
  }

  clientOf({ origin }: OAuth2Settings['token_url']): Client {
    const known = this.#clients.get(origin);
    if (known !== undefined) return known;
    const { url, tls, addresses, lookup, folder, onEvent } = this.#env;
    const client = new Client(
      {
        url: { origin, basePath: '' },
        connectMs: CONNECT_MS,
        responseMaxBytes: TOKEN_ANSWER_MAX_BYTES,
        requestMaxBytes: TOKEN_ANSWER_MAX_BYTES,
        addresses,
        tls: tls && (origin === url.origin ? tls : { ...tls, servername: undefined }),
      },
      { lookup, folder, onEvent },
    );
    this.#clients.set(origin, client);
    return client;
  }

  /** The same credentials; these clients start and close with them. */
  owner(credentials: Credentials): Credentials {
    const clients = [...this.#clients.values()];
    if (clients.length === 0) return credentials;
    return {
      apply: (request, tenant, signal) => credentials.apply(request, tenant, signal),
      rejected: (request, tenant) => credentials.rejected(request, tenant),
      start() {
        for (const client of clients) client.start();
      },
      async close() {
        await credentials.close?.();
        await Promise.all(clients.map((client) => client.close()));
      },
    };
  }
}
