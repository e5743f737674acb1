// Policy `auth`: who is calling, by API key.
import type { Exchange } from '../exchange/exchange.ts';
import { defineProblem, type Problem } from '../exchange/problem.ts';
import * as s from '../schema/schema.ts';
import type { Counter } from '../telemetry/instruments.ts';
import type { Tenant, TenantTable } from '../tenant/tenants.ts';
import { type Caller, definePolicy, type Env, type Policy, type Verdict } from './policy.ts';

const MISSING = defineProblem('auth.missing', 401, 'API key missing', 'http_request_denied');
const IN_QUERY = defineProblem('auth.key_in_query', 401, 'API key in the URL', 'http_request_denied');
const CONFLICT = defineProblem('auth.conflict', 401, 'More than one API key', 'http_request_denied');
export const UNKNOWN_KEY = defineProblem('auth.unknown', 401, 'API key unknown', 'http_request_denied');
export const TENANT_DISABLED = defineProblem('tenant.disabled', 403, 'Tenant disabled', 'http_request_denied');
const ROLE_MISSING = defineProblem('auth.role_missing', 403, 'Role missing', 'http_request_denied');

// RFC 6750 §3: a request without credentials is told the scheme only, one with bad credentials also what is wrong.
const CHALLENGE = 'Bearer realm="sluice"';
const CHALLENGE_INVALID = `${CHALLENGE}, error="invalid_token"`;

const methodSchema = s.short(
  s.object(
    {
      key: s.object(
        {
          roles: s.list(s.string({ doc: 'A role' }), {
            doc: 'Roles that the tenant must have, all of them',
            single: true,
            default: [],
          }),
        },
        { doc: 'An API key, in X-Api-Key or as a bearer token' },
      ),
    },
    { doc: 'A way to prove who is calling', name: 'auth', reserved: ['jwt', 'oidc', 'mtls', 'hmac'] },
  ),
  s.choice(['key'], { doc: 'An API key of any tenant' }),
  (word) => s.settings.map([['key', s.settings.map([], word.at)]], word.at),
);

/**
 * Identifies the tenant by its API key, in `X-Api-Key`, as `Authorization: Bearer`, or for a browser's WebSocket as the
 * subprotocol `sluice.key.KEY` beside the one it wants. Nothing of it reaches the upstream. `none` opens the route.
 *
 * @example
 * auth: { key: { roles: [orders.write] } }
 */
export const auth = definePolicy({
  name: 'auth',
  summary: 'Who may call: key, none, or a list of ways of which one must do',
  schema: s.off(s.list(methodSchema, { doc: 'Ways to prove who is calling; one must do', min: 1, single: true })),
  problems: [MISSING, IN_QUERY, CONFLICT, UNKNOWN_KEY, TENANT_DISABLED, ROLE_MISSING],
  foresee(settings, caller) {
    if (settings === null) return undefined;
    if (typeof caller === 'string') return `401: ${caller}`;
    if (caller.disabled) return `403: ${caller.id} is disabled`;
    const role = missingRole(caller, rolesOf(settings));
    return role === undefined ? undefined : `403: ${caller.id} lacks ${role}`;
  },
  create: (settings, env) => (settings === null ? undefined : new KeyAuth(rolesOf(settings), env)),
});

function rolesOf(ways: readonly s.Infer<typeof methodSchema>[]): readonly (readonly string[])[] {
  return ways.map(({ key }) => key.roles);
}

/** Whose key a request has that is not there yet: for `sluice route`. */
export function callerOf(request: Pick<Exchange, 'header'>, tenants: TenantTable): Caller {
  const bearer = bearerOf(request.header('authorization'));
  const key = request.header('x-api-key') || bearer;
  if (key === '') return 'it needs an API key (see --tenant, or send one with -H)';
  if (isOther(bearer, key)) return 'it has two API keys that differ';
  return tenants.identify(key)?.tenant ?? 'no tenant has this key';
}

class KeyAuth implements Policy {
  readonly #tenants: TenantTable;
  /** Lists of roles of which the tenant must have one list whole; undefined when some list is empty. */
  readonly #roles: readonly (readonly string[])[] | undefined;
  readonly #missing: Counter;
  readonly #inQuery: Counter;
  readonly #conflict: Counter;
  readonly #unknown: Counter;
  readonly #disabled: Counter;
  readonly #roleMissing: Counter;

  constructor(roles: readonly (readonly string[])[], env: Env) {
    this.#tenants = env.tenants;
    this.#roles = roles.some((needed) => needed.length === 0) ? undefined : roles;
    this.#missing = env.metrics.authFailure('missing');
    this.#inQuery = env.metrics.authFailure('key_in_query');
    this.#conflict = env.metrics.authFailure('conflict');
    this.#unknown = env.metrics.authFailure('unknown');
    this.#disabled = env.metrics.authFailure('tenant_disabled');
    this.#roleMissing = env.metrics.authFailure('role_missing');
  }

  onRequest(x: Exchange): Verdict {
    const apiKey = x.header('x-api-key') ?? '';
    const bearer = bearerOf(x.req.headers.authorization);
    const subprotocol = subprotocolKey(x);
    const key = apiKey || bearer || subprotocol;
    if (key === '') return this.#refuseAbsent(x);
    if (isOther(bearer, key) || isOther(subprotocol, key) || isRepeated(x, apiKey)) {
      return refuse(x, CONFLICT, this.#conflict, 'the request has keys in several places that differ: send one');
    }
    const credential = this.#tenants.identify(key);
    if (credential === undefined) return refuse(x, UNKNOWN_KEY, this.#unknown, 'no tenant has this key');
    const { tenant } = credential;
    x.tenant = tenant;
    x.keyId = credential.keyId;
    if (tenant.disabled) return refuse(x, TENANT_DISABLED, this.#disabled, `${tenant.id} is disabled`);
    if (this.#roles !== undefined) {
      const role = missingRole(tenant, this.#roles);
      if (role !== undefined) return refuse(x, ROLE_MISSING, this.#roleMissing, `${tenant.id} lacks the role ${role}`);
    }
    if (apiKey !== '') x.removeRequestHeader('x-api-key');
    if (bearer !== '') x.removeRequestHeader('authorization');
    if (subprotocol !== '') withholdSubprotocol(x);
    return undefined;
  }

  #refuseAbsent(x: Exchange): Problem {
    if (KEY_IN_QUERY.test(x.query)) {
      const detail = 'URLs end up in logs and histories: send the key in X-Api-Key, and replace this one';
      return refuse(x, IN_QUERY, this.#inQuery, detail);
    }
    return refuse(x, MISSING, this.#missing, 'send a key in X-Api-Key or as Authorization: Bearer');
  }
}

function refuse(x: Exchange, problem: Problem, counter: Counter, detail: string): Problem {
  counter.value++;
  if (problem.status === 401) {
    const isAbsent = problem === MISSING || problem === IN_QUERY;
    x.addAnswerHeaders(['WWW-Authenticate', isAbsent ? CHALLENGE : CHALLENGE_INVALID]);
  }
  return x.refuse(problem, detail);
}

const KEY_IN_QUERY = /[?&](api[_-]?key|x-api-key|access_token)=/i;

function isOther(candidate: string, key: string): boolean {
  return candidate !== '' && candidate !== key;
}

const BEARER = 'bearer ';

/** '' when `Authorization` is absent or of another scheme, which is then the upstream's business. */
function bearerOf(value: string | undefined): string {
  if (value === undefined || value.length <= BEARER.length) return '';
  return value.slice(0, BEARER.length).toLowerCase() === BEARER ? value.slice(BEARER.length).trim() : '';
}

/**
 * A field that came twice says nothing clear. Node joins repeated `X-Api-Key` fields, and keeps the first `Authorization`
 * only: a second one would reach the upstream unread.
 */
function isRepeated(x: Exchange, apiKey: string): boolean {
  if (apiKey.includes(', ')) return true;
  if (x.req.headers.authorization === undefined) return false;
  const raw = x.req.rawHeaders;
  let fields = 0;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i];
    if (name?.length === 13 && name.toLowerCase() === 'authorization' && ++fields > 1) return true;
  }
  return false;
}

const SUBPROTOCOL = 'sluice.key.';
const SUBPROTOCOL_HEADER = 'sec-websocket-protocol';

/** The key among a WebSocket's subprotocols, all that a page can set; '' when there is none. */
function subprotocolKey(x: Exchange): string {
  const offered = x.req.headers[SUBPROTOCOL_HEADER];
  if (offered === undefined || x.req.headers.upgrade?.toLowerCase() !== 'websocket') return '';
  const found = subprotocols(offered).filter((name) => name.startsWith(SUBPROTOCOL));
  // Joined, two that differ are a key nobody has.
  return [...new Set(found)].join().slice(SUBPROTOCOL.length);
}

function withholdSubprotocol(x: Exchange): void {
  const others = subprotocols(x.header(SUBPROTOCOL_HEADER) ?? '').filter((name) => !name.startsWith(SUBPROTOCOL));
  if (others.length === 0) x.removeRequestHeader(SUBPROTOCOL_HEADER);
  else x.setRequestHeader('Sec-WebSocket-Protocol', others.join(', '));
}

function subprotocols(header: string): readonly string[] {
  return header.split(',').map((name) => name.trim());
}

/** A role that is lacking, from the first list; undefined when one of the lists is held whole. */
function missingRole(tenant: Tenant, lists: readonly (readonly string[])[]): string | undefined {
  let first: string | undefined;
  for (const roles of lists) {
    const missing = roles.find((role) => !tenant.roles.has(role));
    if (missing === undefined) return undefined;
    first ??= missing;
  }
  return first;
}
