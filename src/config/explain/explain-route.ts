// Every effective value of a route and where it comes from. Secrets are not in it.
import { policies } from '../../policies/index.ts';
import { limit as limitPolicy } from '../../policies/limit.ts';
import type { Origin, Setting } from '../../schema/node.ts';
import type { Rate } from '../../schema/units.ts';
import {
  destinationsOf,
  isAuthenticated,
  isSet,
  type RouteConfig,
  type RoutesConfig,
  type TenantConfig,
} from '../format/routes-config.ts';
import { shownText } from './redact.ts';

/** One value: `timeout.answer`, `8s`, `routes.yaml:34:14`. */
export interface ExplainedValue {
  readonly path: string;
  readonly value: string;
  readonly from: string;
}

/** A limit that holds on a route, with the promise it makes. */
export interface ExplainedLimit {
  /** `route`, `tenant` (its own instead of the route's) or `plan pro`. */
  readonly of: string;
  readonly rate: string;
  readonly burst: number;
  /** `at most 20 in any 1 s`: limit + burst. */
  readonly bound: string;
}

/** A policy that does something on a route, and what it may refuse requests with: `429 rate_limit.exceeded`. */
export interface ExplainedPolicy {
  readonly name: string;
  readonly summary: string;
  readonly problems: readonly string[];
}

/** What a route calls, with every effective value of it. */
export interface ExplainedDestination {
  /** `call` is one of the route's `calls`: how it is attempted. */
  readonly kind: 'call' | 'upstream' | 'integration';
  readonly name: string;
  readonly settings: readonly ExplainedValue[];
}

export interface Explanation {
  readonly route: string;
  readonly at: string;
  /** The upstreams and integrations that it calls. */
  readonly to: readonly string[];
  readonly tenant: string | undefined;
  /** Those that do something here, in the order in which requests pass them. */
  readonly policies: readonly ExplainedPolicy[];
  readonly limits: readonly ExplainedLimit[];
  readonly settings: readonly ExplainedValue[];
  readonly called: readonly ExplainedDestination[];
}

/** Explains a route, for one tenant when there is one. */
export function explainRoute(config: RoutesConfig, route: RouteConfig, tenant?: TenantConfig): Explanation {
  const to = [...new Set(destinationsOf(route).map((each) => each.to))];
  return {
    route: route.name,
    at: whence(route.at),
    to,
    tenant: tenant?.name,
    policies: activePolicies(config, route, tenant),
    limits: explainLimits(config, route, tenant),
    settings: flatten(route.tree),
    called: [
      ...Array.from(route.parts, ([name, { tree }]) => ({ kind: 'call' as const, name, settings: flatten(tree) })),
      ...to.flatMap((name) => explainDestination(config, name)),
    ],
  };
}

function explainDestination({ upstreams, integrations }: RoutesConfig, name: string): readonly ExplainedDestination[] {
  const upstream = upstreams.get(name);
  if (upstream !== undefined) return [{ kind: 'upstream', name, settings: flatten(upstream.tree) }];
  const integration = integrations.get(name);
  return integration === undefined ? [] : [{ kind: 'integration', name, settings: flatten(integration.tree) }];
}

/** The policies that a request to `route` passes, in order; those of any plan, unless it is known whose the request is. */
export function activePolicies(
  config: RoutesConfig,
  route: RouteConfig,
  tenant: TenantConfig | undefined,
): Explanation['policies'] {
  const planned = isAuthenticated(route) ? plannedPolicies(config, route, tenant) : NONE;
  const active = policies.filter(({ name }) => isSet(route, name) || planned.has(name));
  return (
    active
      // One that has parts, for validation and for answers, is told of once: where the last of them is.
      .filter(({ name }, index) => active.findLastIndex((other) => other.name === name) === index)
      .map(({ name, summary }) => ({
        name,
        summary,
        problems: active
          .filter((part) => part.name === name)
          .flatMap(({ problems }) => problems.map(({ status, code }) => `${status} ${code}`)),
      }))
  );
}

const NONE: ReadonlySet<string> = new Set();

/** Policies that hold on a route for what plans and tenants say, whatever the route says. */
function plannedPolicies(
  config: RoutesConfig,
  route: RouteConfig,
  tenant: TenantConfig | undefined,
): ReadonlySet<string> {
  const { plans, tenantTable } = config;
  const names = new Set<string>();
  for (const { name, settings } of plans.values()) {
    if (tenant !== undefined && tenant.settings.plan !== name) continue;
    if (settings.limit !== undefined) names.add('limit');
    if (settings.concurrency !== undefined) names.add('concurrency');
  }
  const isOverridden = tenant?.settings.limits.has(route.name) ?? tenantTable.overriddenRoutes.has(route.name);
  if (isOverridden) names.add('limit');
  return names;
}

function explainLimits(config: RoutesConfig, route: RouteConfig, tenant?: TenantConfig): readonly ExplainedLimit[] {
  const own = limitPolicy.schema.decode(route.tree.entries.get('limit'));
  const override = tenant?.settings.limits.get(route.name);
  const limits: ExplainedLimit[] = [];
  if (override !== undefined) limits.push(...boundsOf('tenant', override.rate, override.burst));
  else if (own) limits.push(...boundsOf('route', own.rate, own.burst));
  const plan = isAuthenticated(route) ? config.plans.get(tenant?.settings.plan ?? '') : undefined;
  if (plan !== undefined) limits.push(...boundsOf(`plan ${plan.name}`, plan.settings.limit ?? [], plan.settings.burst));
  return limits;
}

/** A bucket of `burst`, refilled at limit ÷ window, admits at most limit + burst in any window. */
function boundsOf(of: string, rates: readonly Rate[], burst: number | undefined): readonly ExplainedLimit[] {
  return rates.map((rate) => {
    const held = burst ?? rate.limit;
    const bound = `at most ${rate.limit + held} in any ${windowText(rate.windowMs)}`;
    return { of, rate: rate.text, burst: held, bound };
  });
}

function windowText(windowMs: number): string {
  if (windowMs === 1000) return 'second';
  if (windowMs === 60_000) return 'minute';
  return windowMs === 3_600_000 ? 'hour' : `${windowMs} ms`;
}

function flatten(setting: Setting, path: readonly string[] = []): readonly ExplainedValue[] {
  const from = whence(setting.at);
  if (setting.kind === 'map') {
    if (setting.entries.size === 0) return path.length === 0 ? [] : [{ path: path.join('.'), value: '{}', from }];
    return Array.from(setting.entries, ([key, value]) => flatten(value, [...path, key])).flat();
  }
  if (setting.kind === 'leaf') return [{ path: path.join('.'), value: shownText(setting, path), from }];
  const leaves = setting.items.filter((item) => item.kind === 'leaf');
  if (leaves.length === setting.items.length) {
    const items = leaves.map((leaf) => shownText(leaf, path));
    return [{ path: path.join('.'), value: `[${items.join(', ')}]`, from }];
  }
  const [last = ''] = path.slice(-1);
  return setting.items.flatMap((item, index) => flatten(item, [...path.slice(0, -1), `${last}[${index}]`]));
}

function whence(at: Origin): string {
  return at === 'default' ? 'default' : `${at.file}:${at.line}:${at.column}`;
}

/** An explanation as text: aligned columns, one value a line. */
export function explanationText(explanation: Explanation): string {
  const { route, at, to, tenant } = explanation;
  const of = tenant === undefined ? '' : ` for ${tenant}`;
  const sections = [
    [`${route}${of} → ${to.join(', ')}`, [[at]]],
    [
      'policies, in order',
      explanation.policies.map(({ name, summary, problems }) => [name, summary, problems.join(', ')]),
    ],
    ['limits', explanation.limits.map(({ of: whose, rate, burst, bound }) => [whose, rate, `burst ${burst}`, bound])],
    ['settings', valueRows(explanation.settings)],
    ...explanation.called.map(({ kind, name, settings }) => [`${kind} ${name}`, valueRows(settings)] as const),
  ] as const;
  const shown = sections.filter(([, rows]) => rows.length > 0);
  return `${shown.map(([title, rows]) => `${title}\n${columns(rows)}`).join('\n\n')}\n`;
}

function valueRows(values: readonly ExplainedValue[]): readonly (readonly string[])[] {
  return values.map(({ path, value, from }) => [path, value, from]);
}

const WIDEST = 48;

function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries())
      widths[index] = Math.max(widths[index] ?? 0, Math.min(cell.length, WIDEST));
  }
  return rows
    .map((row) => `  ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}
