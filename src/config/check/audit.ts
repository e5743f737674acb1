// What loads and is risky all the same: doors left open, calls without bounds, things nobody uses. Warnings only.
import type { SchemaCompiler } from '../../json/compiler.ts';
import type { LeafSetting, Place } from '../../schema/node.ts';
import { leaves } from '../../schema/settings.ts';
import { shownText } from '../explain/redact.ts';
import {
  destinationsOf,
  type Entry,
  isAuthenticated,
  isSet,
  placeOf,
  type RouteConfig,
  type RoutesConfig,
  settingAt,
} from '../format/routes-config.ts';
import { auditIntegrations } from './audit-integrations.ts';
import { auditOverlaps } from './audit-overlaps.ts';
import { type Finding, Findings } from './finding.ts';
import { schemasOf } from './schemas.ts';

/**
 * Everything that is risky about a sound configuration.
 *
 * @param schemas those of its load
 */
export async function audit(config: RoutesConfig, schemas: SchemaCompiler): Promise<readonly Finding[]> {
  const findings = new Findings();
  const told = new Set<string>();
  const warn: Warn = (at, code, message, hint) => {
    // A value in `defaults` may be at fault for many routes: it is told once.
    const key = `${at.file}:${at.line}:${at.column} ${message}`;
    if (!told.has(key)) findings.add(at, code, message, hint, 'warning');
    told.add(key);
  };
  const everyPlanLimits = planLimits(config);
  for (const route of config.routes.values()) {
    auditAccess(route, config, everyPlanLimits, warn);
    auditTimes(route, config, warn);
    auditRetries(route, warn);
    await auditSchemas(route, schemas, warn);
  }
  for (const entries of [config.routes, config.tenants, config.upstreams, config.integrations]) {
    for (const entry of entries.values()) auditSecrets(entry, warn);
  }
  auditIntegrations(config, warn);
  auditUnused(config, warn);
  auditOverlaps(config, warn);
  return findings.all;
}

export type Warn = (at: Place, code: string, message: string, hint?: string) => void;

/** Whether each tenant has a plan that limits it. */
function planLimits(config: RoutesConfig): boolean {
  return Array.from(config.tenants.values()).every(({ settings: { plan } }) => {
    return plan !== undefined && config.plans.get(plan)?.settings.limit !== undefined;
  });
}

function auditAccess(route: RouteConfig, config: RoutesConfig, everyPlanLimits: boolean, warn: Warn): void {
  const open = !isAuthenticated(route);
  if (open) warn(placeOf(route, ['auth']), 'open-route', `"${route.name}" is open to anyone`);
  if (isSet(route, 'limit') || (!open && everyPlanLimits)) return;
  const hint = 'add a limit, such as limit: 10/s';
  const vendor = destinationsOf(route).find(({ to }) => config.integrations.has(to));
  if (open && vendor !== undefined) {
    const message = `"${route.name}": anyone can use up what "${vendor.to}" grants, and no limit holds them back`;
    warn(placeOf(route, ['limit']), 'open-integration', message, hint);
    return;
  }
  const who = open ? 'no limit holds anyone back' : 'no limit holds a tenant without a limited plan back';
  warn(placeOf(route, ['limit']), 'no-limit', `"${route.name}": ${who}`, hint);
}

function auditTimes(route: RouteConfig, config: RoutesConfig, warn: Warn): void {
  const { core, parts } = route;
  const answerMs = core.timeout?.answer ?? null;
  if (answerMs === null) {
    warn(placeOf(route, ['timeout', 'answer']), 'no-timeout', `"${route.name}" may wait for its answer for ever`);
    return;
  }
  if (core.to !== undefined) auditTries(route, core.to, core.retry, answerMs, config, warn);
  for (const { settings, retry } of parts.values()) auditTries(route, settings.to, retry, answerMs, config, warn);
}

function auditTries(
  route: RouteConfig,
  to: string,
  retry: RouteConfig['core']['retry'],
  answerMs: number,
  config: RoutesConfig,
  warn: Warn,
): void {
  const called = config.upstreams.get(to) ?? config.integrations.get(to);
  const tryMs = called?.settings.timeout.try ?? null;
  const written = called && settingAt(called.tree, ['timeout', 'try'])?.at !== 'default';
  const least = retry.max * retry.backoff.baseMs;
  if (retry.max === 0) return;
  // Built-in values do not fit every timeout, and are cut off by it: only what somebody wrote is somebody's mistake.
  const needed = tryMs !== null && written && retry.when.includes('timeout') ? (retry.max + 1) * tryMs + least : least;
  if (needed <= answerMs) return;
  const message = `${retry.max + 1} attempts at "${to}" can take ${seconds(needed)}, and the timeout is ${seconds(answerMs)}`;
  warn(
    placeOf(route, ['retry']),
    'retry-outlives-timeout',
    message,
    'fewer retries, a shorter `try` or a longer timeout',
  );
}

function seconds(ms: number): string {
  return ms < 1000 ? `${ms}ms` : `${Number((ms / 1000).toFixed(1))}s`;
}

/** Methods of which an attempt may have taken effect although its answer was lost (RFC 9110 §9.2.2). */
const UNSAFE_TO_REPEAT = ['POST', 'PATCH'];

function auditRetries(route: RouteConfig, warn: Warn): void {
  if (!route.ownRetry || route.core.retry.max === 0) return;
  const sent = route.core.request?.method;
  const methods = sent === undefined ? route.core.match.methods : [sent];
  const method = methods?.find((each) => UNSAFE_TO_REPEAT.includes(each));
  if (method === undefined) return;
  warn(
    placeOf(route, ['retry']),
    'post-retry',
    `${method} retries cover connect failures only: a sent one may have had its effect`,
  );
}

/** Keywords that say something about a schema and nothing about a value. */
const ANNOTATIONS = new Set([
  '$comment',
  '$defs',
  '$id',
  '$schema',
  'default',
  'deprecated',
  'description',
  'examples',
  'readOnly',
  'title',
  'writeOnly',
]);

async function auditSchemas(route: RouteConfig, schemas: SchemaCompiler, warn: Warn): Promise<void> {
  for (const source of schemasOf(route)) {
    const schema = await schemas.schemaOf(source);
    const isOpen = typeof schema === 'object' && Object.keys(schema).every((keyword) => ANNOTATIONS.has(keyword));
    if (!isOpen && schema !== true) continue;
    warn(source.at, 'schema-accepts-anything', 'this schema accepts anything', 'say at least its type');
  }
}

/** What `explain` does not show although it stands in the file as it is. */
function auditSecrets(entry: Entry, warn: Warn): void {
  for (const [path, leaf] of leaves(entry.tree)) {
    if (leaf.at === 'default' || leaf.secret || shownText(leaf, path) === leaf.text) continue;
    const isKey = path[0] === 'keys';
    const mayBeTemplate = path[0] !== 'auth' && path[0] !== 'credentials';
    if (isKey ? /^sha256:/i.test(leaf.text) : mayBeTemplate && isTemplate(leaf)) continue;
    const message = isKey
      ? `a key of "${entry.name}" stands here in clear text`
      : `${path.at(-1)} holds a secret in clear text`;
    warn(leaf.at, 'secret-in-clear', message, `write ${isKey ? 'its sha256, or ' : ''}${REFERENCE}`);
  }
}

const REFERENCE = 'a reference: ${env:NAME} or ${file:PATH}';

/** A header whose value comes from the request. */
function isTemplate({ value, text }: LeafSetting): boolean {
  return typeof value === 'string' && text.includes('{');
}

function auditUnused(config: RoutesConfig, warn: Warn): void {
  const called = new Set(Array.from(config.routes.values(), destinationsOf).flatMap((all) => all.map(({ to }) => to)));
  for (const [kind, entries] of [
    ['upstream', config.upstreams],
    ['integration', config.integrations],
  ] as const) {
    for (const { name, at } of entries.values()) {
      if (!called.has(name)) warn(at, `unused-${kind}`, `no route leads to "${name}"`);
    }
  }
  const plans = new Set(Array.from(config.tenants.values(), (tenant) => tenant.settings.plan));
  for (const plan of config.plans.values()) {
    if (!plans.has(plan.name)) warn(plan.at, 'unused-plan', `no tenant has the plan "${plan.name}"`);
  }
}
