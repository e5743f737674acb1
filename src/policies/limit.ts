// Policy `limit`: how many requests of one caller are admitted, by the route, by the tenant's plan, or by its own limit.
import type { Exchange } from '../exchange/exchange.ts';
import { defineProblem } from '../exchange/problem.ts';
import * as s from '../schema/schema.ts';
import { Gcra } from '../store/gcra.ts';
import { WindowTables } from '../store/memory.ts';
import { stateKey } from '../store/state-key.ts';
import { burstSchema, rateIssues, ratesSchema } from '../tenant/settings.ts';
import type { LimitOverride, Plan, Tenant } from '../tenant/tenants.ts';
import { Allowance, type Caller, type Check, type Scope } from './limit/allowance.ts';
import { definePolicy, type Env, type Policy, type Verdict } from './policy.ts';

const EXCEEDED = defineProblem('rate_limit.exceeded', 429, 'Too many requests', 'http_request_error');

const limitSchema = s.short(
  s.object(
    {
      rate: ratesSchema,
      burst: burstSchema,
      per: s.choice(['tenant', 'client', 'key', 'route'], {
        doc: 'Who shares one allowance; where nobody is identified, tenant and key mean the client address',
        default: 'tenant',
      }),
    },
    { doc: 'Requests that one caller may send', name: 'limit' },
  ),
  ratesSchema,
  'rate',
);

type LimitSettings = s.Infer<typeof limitSchema>;

/**
 * Checks every limit that applies: the plan's, over all routes, and the route's own or what the tenant has instead of it.
 * All are asked before any is charged. Callers are tenants, or client addresses (an IPv6 /64 counting as one) where nobody
 * is identified. In any window at most limit + burst requests are admitted.
 *
 * @example
 * limit: { rate: 10/s, burst: 20 }
 */
export const limit = definePolicy({
  name: 'limit',
  summary: 'Requests admitted per tenant and window; per client address where the route is open',
  schema: s.optional(s.off(limitSchema)),
  problems: [EXCEEDED],
  check: (settings) => (settings ? rateIssues(settings.rate, settings.burst, { path: [], field: 'rate' }) : []),
  create(settings, env) {
    const own = settings ?? undefined;
    const hasPlans = env.authenticated && env.tenants.plans.some((plan) => plan.limit.length > 0);
    const hasOverrides = env.authenticated && env.tenants.overriddenRoutes.has(env.route);
    return own || hasPlans || hasOverrides ? new Limits(own, { hasPlans, hasOverrides }, env) : undefined;
  },
});

/** Where one scope keeps its buckets, and counts what it decides. */
interface ScopeState {
  readonly scope: Scope;
  readonly caller: Caller;
  readonly tables: WindowTables;
  readonly allowed: Check['allowed'];
  readonly rejected: Check['rejected'];
}

/** Compiled when asked for first; tenants with equal limits share one. */
class Allowances {
  readonly byPlan = new Map<Plan | undefined, Allowance>();
  readonly byTenant = new Map<Tenant, Allowance>();
  readonly byOverride = new Map<string, Allowance>();
}

class Limits implements Policy {
  readonly #own: LimitSettings | undefined;
  readonly #route: string;
  readonly #headers: Env['ratelimitHeaders'];
  readonly #ownState: ScopeState | undefined;
  readonly #overrideState: ScopeState | undefined;
  readonly #planState: ScopeState | undefined;
  /** Made when a first tenant needs it: thousands of routes may have limits, and few of them callers. */
  #allowances: Allowances | undefined = undefined;

  constructor(own: LimitSettings | undefined, has: { hasPlans: boolean; hasOverrides: boolean }, env: Env) {
    this.#own = own;
    this.#route = env.route;
    this.#headers = env.ratelimitHeaders;
    const caller = identifiedCaller(own?.per ?? 'tenant', env.authenticated);
    this.#ownState = own && scopeState(env, 'route', caller);
    // What one tenant has instead of an allowance that all share cannot be shared.
    this.#overrideState = has.hasOverrides
      ? scopeState(env, 'route', caller === 'route' ? 'tenant' : caller)
      : undefined;
    this.#planState = has.hasPlans ? scopeState(env, 'plan', 'tenant') : undefined;
  }

  onRequest(x: Exchange): Verdict {
    const { tenant } = x;
    const allowance =
      tenant === undefined || tenant.limits.size === 0 ? this.#ofPlan(tenant?.plan) : this.#ofTenant(tenant);
    return allowance.admits(x) ? undefined : EXCEEDED;
  }

  #ofPlan(plan: Plan | undefined): Allowance {
    this.#allowances ??= new Allowances();
    const { byPlan } = this.#allowances;
    let allowance = byPlan.get(plan);
    if (allowance === undefined) {
      allowance = this.#compile(plan, this.#own, this.#ownState);
      byPlan.set(plan, allowance);
    }
    return allowance;
  }

  #ofTenant(tenant: Tenant): Allowance {
    this.#allowances ??= new Allowances();
    const { byTenant, byOverride } = this.#allowances;
    let allowance = byTenant.get(tenant);
    if (allowance === undefined) {
      const override = tenant.limits.get(this.#route);
      allowance =
        override === undefined ? this.#ofPlan(tenant.plan) : this.#ofOverride(tenant.plan, override, byOverride);
      byTenant.set(tenant, allowance);
    }
    return allowance;
  }

  #ofOverride(plan: Plan | undefined, override: LimitOverride, known: Map<string, Allowance>): Allowance {
    const rates = override.rate.map((rate) => `${rate.limit}/${rate.windowMs}`);
    const key = stateKey(plan?.name ?? '', String(override.burst), ...rates);
    let allowance = known.get(key);
    if (allowance === undefined) {
      allowance = this.#compile(plan, override, this.#overrideState);
      known.set(key, allowance);
    }
    return allowance;
  }

  #compile(plan: Plan | undefined, own: LimitOverride | undefined, state: ScopeState | undefined): Allowance {
    const checks = own && state ? checksOf(own.rate, own.burst, state, `on ${this.#route}`) : [];
    if (plan !== undefined && this.#planState !== undefined) {
      checks.push(...checksOf(plan.limit, plan.burst, this.#planState, `with plan ${plan.name}`));
    }
    return new Allowance(checks, this.#headers);
  }
}

function identifiedCaller(caller: Caller, isAuthenticated: boolean): Caller {
  return isAuthenticated || caller === 'route' ? caller : 'client';
}

/** Asked for while the route is built, never later: what no new snapshot asks for is dropped with the old one. */
function scopeState(env: Env, scope: Scope, caller: Caller): ScopeState {
  const policy = scope === 'plan' ? 'plan' : 'limit';
  const key = scope === 'plan' ? stateKey('limit', 'plan') : stateKey('limit', 'route', env.route, caller);
  return {
    scope,
    caller,
    tables: env.keep(key, () => new WindowTables()),
    allowed: env.metrics.limiterDecision(policy, 'allow'),
    rejected: env.metrics.limiterDecision(policy, 'reject'),
  };
}

function checksOf(rates: readonly s.Rate[], burst: number | undefined, state: ScopeState, where: string): Check[] {
  return rates.map((rate) => {
    const gcra = new Gcra(rate, burst);
    return { ...state, gcra, table: state.tables.serve(gcra), where };
  });
}
