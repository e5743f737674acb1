// The contract between a route and what happens on the way: every policy, ours or a platform engineer's, is one of these.

import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import type { SchemaCompiler } from '../json/compiler.ts';
import type { Issue, Place, Schema } from '../schema/schema.ts';
import type { Counter } from '../telemetry/instruments.ts';
import type { Tenant, TenantTable } from '../tenant/tenants.ts';
import type { ModuleSource } from './module-loader.ts';

export type Maybe<T> = T | Promise<T>;

/** A gate's answer: a problem refuses, `'answered'` says the policy has replied itself, `undefined` carries on. */
export type Verdict = Problem | 'answered' | undefined;

/**
 * One instance per route and snapshot. State of a request goes in the {@link Exchange} (see `slot`), never in a field.
 * Return a promise only when there is something to wait for: the common path is synchronous.
 */
export interface Policy {
  /** A gate on the way in: auth, limits, validation. Runs in the order of `policies/index.ts`. */
  onRequest?(x: Exchange): Maybe<Verdict>;
  /**
   * The head of the answer is known (`x.status`, `x.responseHeaders`) and not yet written; also for a refusal. Unwinds in
   * reverse over the policies that were entered. Must not wait.
   */
  onResponse?(x: Exchange): void;
  /** The last byte is out or the client has gone: give back what was taken. Runs exactly once for each policy entered. */
  onEnd?(x: Exchange): void;
  /** After the snapshot this instance belongs to has drained. */
  close?(): Promise<void>;
}

/** What a policy may know and use while it is built. Everything here is load time; nothing is per request. */
export interface Env {
  /** Name of the route, which is also its metric label. */
  readonly route: string;
  /** Whether the route identifies its caller (`auth` is not `none`). */
  readonly authenticated: boolean;
  /** Whether answers are made here, of those of third parties, and not passed through. */
  readonly facade: boolean;
  readonly tenants: TenantTable;
  /** Names of the path parameters of the route, in the order of `x.params`. */
  readonly params: readonly string[];
  /** The path pattern of the route's `match`, as written: `/v1/orders/{id}`. */
  readonly pattern: string;
  /** Compiles the JSON Schemas of this snapshot. */
  readonly schemas: SchemaCompiler;
  /** Loads own modules. */
  readonly modules: ModuleSource;
  /** Largest request body in bytes (`body_max`); `Infinity` for none. */
  readonly bodyMax: number;
  /**
   * State that outlives a reload. `make` runs when there is none for `key` yet; a key that no snapshot asks for any more
   * is dropped once the old snapshot has drained. Build keys with `stateKey` so that parts cannot run together.
   */
  keep<T extends object>(key: string, make: () => T): T;
  /** Which rate limit headers answers carry (`http.ratelimit_headers`). */
  readonly ratelimitHeaders: readonly ('standard' | 'legacy')[];
  /** Counters of `docs/metrics.md`, resolved at load; they start at 0 and go when the route goes. */
  readonly metrics: PolicyMetrics;
  /**
   * Reports what is only found while building: its path is below the policy's settings. `at` is its place where that is
   * elsewhere, such as in a schema file. A policy built with an error never serves.
   */
  report(issue: Issue, at?: Place): void;
  /** Structured event log (`event` names are stable). */
  log(level: 'info' | 'warn' | 'error', event: string, fields: Record<string, unknown>): void;
}

export interface PolicyMetrics {
  /** `sluice_limiter_decisions_total{route,policy,decision}` */
  limiterDecision(policy: string, decision: 'allow' | 'reject' | 'error'): Counter;
  /** `sluice_auth_failures_total{route,reason}` */
  authFailure(reason: string): Counter;
  /** `sluice_validation_failures_total{route,reason}` */
  validationFailure(reason: string): Counter;
  /** `sluice_drift_total{route,pointer,kind}`; pointers beyond the cap are counted under `_other`. */
  drift(pointer: string, kind: 'missing' | 'type' | 'unexpected' | 'enum'): Counter;
}

/** Two settings of a route that exclude each other. */
export interface Exclusion {
  readonly setting: string;
  /** Of the finding, and its message and hint. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** Who sends a request, or why that is nobody. */
export type Caller = Tenant | string;

/**
 * What a policy is. Its `schema` is the single source of its settings' types, validation, editor completion and reference.
 *
 * @example
 * export default definePolicy({
 *   name: 'audit',
 *   summary: 'Marks each request with the tenant it came from',
 *   schema: s.object({ header: s.string({ doc: 'Header to set', default: 'x-audit' }) }),
 *   create: ({ header }) => ({ onRequest(x) { x.setRequestHeader(header, x.tenant?.id ?? 'anonymous'); } }),
 * });
 */
export interface PolicyDefinition<Name extends string = string, Settings = unknown> {
  /** The key in a route. */
  readonly name: Name;
  /** One line: for `sluice explain`, `sluice route`, docs/settings.md and the editor. */
  readonly summary: string;
  readonly schema: Schema<Settings>;
  /**
   * What the policy may refuse with, as `sluice explain` lists it. For the reader: a verdict that is not among them is answered
   * all the same. Of Sluice's own policies docs/errors.md describes each; a test finds them by their `defineProblem`.
   */
  readonly problems?: readonly Problem[];
  /** Rules across fields. */
  readonly check?: (settings: Settings) => readonly Issue[];
  /** Another setting of the route that this policy cannot stand beside. Only of Sluice's own policies. */
  readonly excludes?: Exclusion;
  /** What `sluice route` says a caller is refused with, whatever else the request says. Only of Sluice's own policies. */
  readonly foresee?: (settings: Settings, caller: Caller) => string | undefined;
  /** Parses, compiles and branches; returns undefined when the settings ask for nothing. */
  readonly create: (settings: Settings, env: Env) => Maybe<Policy | undefined>;
}

/** Types a policy definition; returns it unchanged. */
export function definePolicy<const Name extends string, Settings>(
  definition: PolicyDefinition<Name, Settings>,
): PolicyDefinition<Name, Settings> {
  return definition;
}
