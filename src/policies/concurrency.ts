// Policy `concurrency`: how many requests of one caller may be in flight, on the route and over all routes.
import { type Exchange, slot } from '../exchange/exchange.ts';
import { defineProblem, type Problem } from '../exchange/problem.ts';
import * as s from '../schema/schema.ts';
import { InFlight } from '../store/in-flight.ts';
import { stateKey } from '../store/state-key.ts';
import type { Counter } from '../telemetry/instruments.ts';
import { subscriber } from '../tenant/address.ts';
import { definePolicy, type Env, type Policy, type Verdict } from './policy.ts';

const EXCEEDED = defineProblem('concurrency.exceeded', 429, 'Too many requests at once', 'http_request_error');

/** Nobody knows when a request in flight will end: a second is soon enough, and not a storm. */
const RETRY_AFTER_SECONDS = 1;

/**
 * Bounds requests in flight per tenant (per client address where nobody is identified, an IPv6 /64 counting as one), and
 * holds tenants to their plan's `concurrency` over all routes. A request counts until its last byte is out; a WebSocket
 * until it closes.
 *
 * @example
 * concurrency: 20
 */
export const concurrency = definePolicy({
  name: 'concurrency',
  summary: 'Requests in flight per tenant; per client address where the route is open',
  schema: s.optional(s.off(s.integer({ doc: 'Requests of one caller in flight on this route', min: 1 }))),
  problems: [EXCEEDED],
  create(settings, env) {
    const own = settings ?? undefined;
    const hasPlans = env.authenticated && env.tenants.plans.some((plan) => plan.concurrency !== undefined);
    if (own === undefined && !hasPlans) return undefined;
    return new Concurrency(own, hasPlans, env);
  },
});

/** Who has been counted for an exchange, to be given back at its end. */
const counted = slot<string>();

class Concurrency implements Policy {
  readonly #onRoute: Tally | undefined;
  /** Over all routes, as plans have it. */
  readonly #overall: Tally | undefined;
  readonly #limit: number;
  readonly #route: string;

  /** @param limit on the route; undefined leaves that to the plans */
  constructor(limit: number | undefined, hasPlans: boolean, env: Env) {
    this.#onRoute =
      limit === undefined ? undefined : tally(env, 'concurrency', stateKey('concurrency', 'route', env.route));
    this.#overall = hasPlans ? tally(env, 'plan_concurrency', stateKey('concurrency', 'plan')) : undefined;
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
    this.#route = env.route;
  }

  onRequest(x: Exchange): Verdict {
    const caller = x.tenant?.id ?? subscriber(x.clientAddress);
    const onRoute = this.#onRoute;
    const overall = this.#overall;
    if (onRoute !== undefined && onRoute.inFlight.count(caller) >= this.#limit) {
      const who = x.tenant === undefined ? 'one address' : caller;
      return refuse(x, onRoute, `${who} may have ${requests(this.#limit)} in flight on ${this.#route}`);
    }
    const plan = x.tenant?.plan;
    const planLimit = plan?.concurrency ?? Number.POSITIVE_INFINITY;
    if (overall !== undefined && overall.inFlight.count(caller) >= planLimit) {
      return refuse(x, overall, `${caller} may have ${requests(planLimit)} in flight with plan ${plan?.name}`);
    }
    take(onRoute, caller);
    take(overall, caller);
    counted.set(x, caller);
    return undefined;
  }

  onEnd(x: Exchange): void {
    const caller = counted.get(x);
    // A request that this policy refused was not counted.
    if (caller === undefined) return;
    this.#onRoute?.inFlight.release(caller);
    this.#overall?.inFlight.release(caller);
  }
}

interface Tally {
  /** Label of its decisions. */
  readonly policy: string;
  readonly inFlight: InFlight;
  readonly allowed: Counter;
  readonly rejected: Counter;
}

function tally(env: Env, policy: string, key: string): Tally {
  return {
    policy,
    inFlight: env.keep(key, () => new InFlight()),
    allowed: env.metrics.limiterDecision(policy, 'allow'),
    rejected: env.metrics.limiterDecision(policy, 'reject'),
  };
}

function take(of: Tally | undefined, caller: string): void {
  if (of === undefined) return;
  of.allowed.value++;
  of.inFlight.take(caller);
}

function refuse(x: Exchange, by: Tally, detail: string): Problem {
  by.rejected.value++;
  x.limit = by.policy;
  return x.refuse(EXCEEDED, detail, RETRY_AFTER_SECONDS);
}

function requests(limit: number): string {
  return limit === 1 ? '1 request' : `${limit} requests`;
}
