// The table of who may call: tenants, their plans and the keys that identify them.
import type { Issue } from '../schema/schema.ts';
import type { Rate } from '../schema/units.ts';
import { isOverlong, type KeyDigest, keyDigest } from './keys.ts';
import { headerIssues, type PlanSettings, rateIssues, type TenantSettings } from './settings.ts';

export interface Plan {
  readonly name: string;
  readonly limit: readonly Rate[];
  readonly burst: number | undefined;
  /** Requests in flight per tenant, over all routes. */
  readonly concurrency: number | undefined;
  /** 0 to 9: whose calls to a third party go first while calls wait for it. */
  readonly priority: number;
}

export interface Tenant {
  readonly id: string;
  readonly plan: Plan | undefined;
  readonly roles: ReadonlySet<string>;
  /** Added to its requests to upstreams, flat name/value pairs. */
  readonly headers: readonly string[];
  /** Route name → the rates that replace that route's own limit. */
  readonly limits: ReadonlyMap<string, LimitOverride>;
  readonly disabled: boolean;
}

export interface LimitOverride {
  readonly rate: readonly Rate[];
  readonly burst: number | undefined;
}

/** A key that was recognised: whose it is, and which of theirs (a short prefix of its hash, safe to log). */
export interface Credential {
  readonly tenant: Tenant;
  readonly keyId: string;
}

export interface TenantTable {
  readonly size: number;
  /** Every plan, whether a tenant has it or not. */
  readonly plans: readonly Plan[];
  /** Names of routes whose limit some tenant replaces. */
  readonly overriddenRoutes: ReadonlySet<string>;
  get(id: string): Tenant | undefined;
  /** Looks a presented key up by its SHA-256; undefined when nobody has it. */
  identify(key: string): Credential | undefined;
  /** Whether a key id (see {@link Credential}) still belongs to that tenant: asked of live requests after a reload. */
  holds(tenantId: string, keyId: string): boolean;
  all(): Iterable<Tenant>;
}

const KEYS_MAX = 2;
const KEY_ID_DIGITS = 12;
const NO_ROLES: ReadonlySet<string> = new Set();
const NO_HEADERS: readonly string[] = [];

/** Two tenants or keys may share a key id by chance, never a digest: entries of one id form a chain. */
interface KeyEntry extends Credential {
  readonly digest: KeyDigest;
  readonly next: KeyEntry | undefined;
}

/**
 * Builds the table, and says what is wrong with it; paths of issues begin at the root of routes.yaml. A tenant whose plan
 * does not exist is an issue: without it the tenant would have no limits.
 */
export function buildTenants(
  plans: ReadonlyMap<string, PlanSettings>,
  tenants: ReadonlyMap<string, TenantSettings>,
): { readonly table: TenantTable; readonly issues: readonly Issue[] } {
  const issues: Issue[] = [];
  const planTable = buildPlans(plans, issues);
  const table = new Table([...planTable.values()]);
  const owners = new Map<KeyDigest, string>();
  for (const [id, settings] of tenants) {
    const tenant = buildTenant(id, settings, planTable, issues);
    table.add(tenant);
    for (const [index, digest] of settings.keys.entries()) {
      const owner = owners.get(digest);
      if (owner !== undefined) issues.push(sharedKey(id, index, owner));
      else table.addKey(tenant, digest);
      owners.set(digest, id);
    }
  }
  return { table, issues };
}

function buildPlans(plans: ReadonlyMap<string, PlanSettings>, issues: Issue[]): ReadonlyMap<string, Plan> {
  const table = new Map<string, Plan>();
  for (const [name, { limit = [], burst, concurrency, priority }] of plans) {
    const path = ['plans', name];
    issues.push(...rateIssues(limit, burst, { path, field: 'limit' }));
    if (burst !== undefined && limit.length === 0) {
      issues.push({
        path: [...path, 'burst'],
        code: 'burst-of-none',
        message: 'a burst needs a `limit` it belongs to',
      });
    }
    table.set(name, { name, limit, burst, concurrency, priority });
  }
  return table;
}

function buildTenant(id: string, settings: TenantSettings, plans: ReadonlyMap<string, Plan>, issues: Issue[]): Tenant {
  const path = ['tenants', id];
  const plan = settings.plan === undefined ? undefined : plans.get(settings.plan);
  if (settings.plan !== undefined && plan === undefined) {
    issues.push({ path: [...path, 'plan'], code: 'unknown-plan', message: `there is no plan "${settings.plan}"` });
  }
  if (settings.keys.length > KEYS_MAX) {
    issues.push({
      path: [...path, 'keys', KEYS_MAX],
      code: 'too-many-keys',
      message: `a tenant has at most ${KEYS_MAX} keys`,
      hint: 'two are for rotation: take out the one no client sends any more',
    });
  }
  issues.push(...headerIssues(settings, path));
  for (const [route, { rate, burst }] of settings.limits) {
    issues.push(...rateIssues(rate, burst, { path: [...path, 'limits', route], field: 'rate' }));
  }
  return {
    id,
    plan,
    roles: settings.roles.length === 0 ? NO_ROLES : new Set(settings.roles),
    headers: settings.headers.size === 0 ? NO_HEADERS : [...settings.headers].flat(),
    limits: settings.limits,
    disabled: settings.disabled,
  };
}

function sharedKey(id: string, index: number, owner: string): Issue {
  const message =
    owner === id
      ? `this key of "${id}" is listed twice`
      : `"${id}" and "${owner}" have the same key: a request with it could be either's`;
  return { path: ['tenants', id, 'keys', index], code: 'shared-key', message, hint: '`sluice keys new` makes another' };
}

class Table implements TenantTable {
  readonly plans: readonly Plan[];
  readonly overriddenRoutes = new Set<string>();
  readonly #tenants = new Map<string, Tenant>();
  readonly #keys = new Map<string, KeyEntry>();

  constructor(plans: readonly Plan[]) {
    this.plans = plans;
  }

  add(tenant: Tenant): void {
    this.#tenants.set(tenant.id, tenant);
    for (const route of tenant.limits.keys()) this.overriddenRoutes.add(route);
  }

  addKey(tenant: Tenant, digest: KeyDigest): void {
    const keyId = digest.slice(0, KEY_ID_DIGITS);
    this.#keys.set(keyId, { tenant, keyId, digest, next: this.#keys.get(keyId) });
  }

  get size(): number {
    return this.#tenants.size;
  }

  get(id: string): Tenant | undefined {
    return this.#tenants.get(id);
  }

  identify(key: string): Credential | undefined {
    if (isOverlong(key)) return undefined;
    const digest = keyDigest(key);
    let entry = this.#keys.get(digest.slice(0, KEY_ID_DIGITS));
    while (entry !== undefined && !isSameDigest(entry.digest, digest)) entry = entry.next;
    return entry;
  }

  holds(tenantId: string, keyId: string): boolean {
    let entry = this.#keys.get(keyId);
    while (entry !== undefined && entry.tenant.id !== tenantId) entry = entry.next;
    return entry !== undefined;
  }

  all(): Iterable<Tenant> {
    return this.#tenants.values();
  }
}

/** Takes as long wherever two digests begin to differ; the id that found the entry is no secret. */
function isSameDigest(a: KeyDigest, b: KeyDigest): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
