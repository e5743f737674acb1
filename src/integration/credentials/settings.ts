// What `auth` of an integration and a tenant's `credentials` may say. What a secret may be is told without repeating it.
import * as s from '../../schema/schema.ts';
import { didYouMean } from '../../schema/suggest.ts';
import { type OAuth2Settings, oauth2 } from './oauth2-settings.ts';
import { signature } from './signature-settings.ts';
import { exactlyOne, unquoted } from './unquoted.ts';
import { basicPassword, basicUser, bearerToken, headerName, headerValue, queryText } from './wire-text.ts';

const forms = {
  bearer: s.optional(bearerToken),
  basic: s.optional(
    unquoted(
      s.object(
        { user: basicUser, password: basicPassword },
        { doc: 'A user and a password (RFC 7617)', name: 'basic' },
      ),
    ),
  ),
  header: s.optional(
    unquoted(s.object({ name: headerName, value: headerValue }, { doc: 'A header of its own', name: 'header' })),
  ),
  query: s.optional(
    unquoted(
      s.object(
        { name: queryText('Its name'), value: queryText('Its value, percent-encoded by Sluice') },
        { doc: 'A query parameter', name: 'query' },
      ),
    ),
  ),
  hmac: s.optional(signature),
  oauth2: s.optional(oauth2),
};

/** The only one of them that is given. */
const ownAuth = exactlyOne(s.object(forms, { doc: 'What proves to a third party who we are', name: 'auth' }));

/** An account: one of the forms, and nothing of the others. */
export type Account = s.Infer<typeof ownAuth>;
export type { OAuth2Settings };

/** Each tenant has an account of its own. */
export const PER_TENANT = 'per_tenant';

/** `auth` of an integration; null for `none`. */
export const authSchema: s.Schema<Account | typeof PER_TENANT | null> = s.off(orPerTenant(ownAuth), {
  default: 'none',
});

export type AuthSettings = s.Infer<typeof authSchema>;

/** `credentials` of a tenant: the name of an integration whose `auth` is `per_tenant`, and the account there. */
export const accountsSchema: s.Schema<ReadonlyMap<string, Account>> = s.record(
  s.described(ownAuth, "The tenant's own account with this integration"),
  { doc: 'Integration → the account that the tenant has there', default: {} },
);

/** Settings of an account whose values are secrets, by their names. */
export const SECRET_SETTINGS: ReadonlySet<string> = new Set(['bearer', 'client_secret', 'password', 'secret', 'value']);

/** Those that may be shown. What is neither is misspelt, and may hold anything. */
export const PLAIN_SETTINGS: ReadonlySet<string> = new Set([
  'audience',
  'client_auth',
  'client_id',
  'digest',
  'headers',
  'key_id',
  'name',
  'scope',
  'token_url',
  'user',
]);

function orPerTenant(account: s.Schema<Account>): s.Schema<Account | typeof PER_TENANT> {
  const expected = `${account.expected}, or the word ${PER_TENANT}`;
  return {
    ...account,
    expected,
    normalise(node, report) {
      if (node.kind !== 'scalar' || node.type === 'null') return account.normalise(node, report);
      if (node.text === PER_TENANT) return s.settings.leaf(PER_TENANT, PER_TENANT, node.at, node.secret);
      const hint =
        didYouMean(node.text, [PER_TENANT, 'none']) ?? 'say what it is: bearer: …, or header: { name: …, value: … }';
      report.add(node.at, 'wrong-type', `expected ${expected}`, hint);
      return undefined;
    },
    complete: (setting, report) => (setting?.kind === 'leaf' ? setting : account.complete(setting, report)),
    decode: (setting) => (setting?.kind === 'leaf' ? PER_TENANT : account.decode(setting)),
    json: () => ({ description: account.doc, anyOf: [{ const: PER_TENANT }, account.json()] }),
  };
}
