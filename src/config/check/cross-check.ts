// Cross-checks: what no single setting can know is wrong. Names that lead nowhere, matches that tie, settings that exclude
// each other.
import { relative } from 'node:path';
import { policies } from '../../policies/index.ts';
import { MatchTable } from '../../route/table.ts';
import type { Node, Place } from '../../schema/node.ts';
import { didYouMean } from '../../schema/suggest.ts';
import { isAuthenticated, isSet, placeOf, type RouteConfig, type RoutesConfig } from '../format/routes-config.ts';
import type { Names } from '../load/assemble.ts';
import type { Turns } from '../load/turns.ts';
import { checkCalled } from './check-calls.ts';
import type { Findings } from './finding.ts';

/**
 * Reports everything that is wrong between the sound parts of a configuration.
 *
 * @param root the file as it was read, for the little that can be said of routes that are not sound
 */
export async function crossCheck(
  config: RoutesConfig,
  root: Node,
  names: Names,
  findings: Findings,
  turns: Turns,
): Promise<void> {
  const declared = (section: string) => names.get(section) ?? NO_NAMES;
  await checkConflicts(config, findings, turns);
  for (const route of config.routes.values()) {
    checkExclusions(route, findings);
    checkFallback(route, findings);
    checkWebSocket(route, findings);
    if (turns.isOver) await turns.rest();
  }
  await checkCalled(config, root, names, findings, turns);
  checkOverrides(config, declared('routes'), findings);
}

const NO_NAMES: ReadonlyMap<string, Place> = new Map();

async function checkConflicts(config: RoutesConfig, findings: Findings, turns: Turns): Promise<void> {
  const table = new MatchTable<RouteConfig>();
  for (const route of config.routes.values()) {
    const rival = table.add({ name: route.name, match: route.core.match, value: route });
    if (rival !== undefined) reportConflict(rival.value, route, findings);
    if (turns.isOver) await turns.rest();
  }
  for (const place of table.places()) {
    for (const { a, b } of place.conflicts()) reportConflict(config.routes.get(a), config.routes.get(b), findings);
    if (turns.isOver) await turns.rest();
  }
}

function reportConflict(a: RouteConfig | undefined, b: RouteConfig | undefined, findings: Findings): void {
  if (a === undefined || b === undefined) return;
  const other = placeOf(a, ['match']);
  const where = `${relative('', other.file) || other.file}:${other.line}`;
  const message = `"${b.name}" and "${a.name}" (${where}) could both win a request, and neither is more specific`;
  findings.add(
    placeOf(b, ['match']),
    'match-conflict',
    message,
    'give one a literal segment, another method or a condition',
  );
}

function checkExclusions(route: RouteConfig, findings: Findings): void {
  for (const { name, excludes } of policies) {
    if (excludes === undefined || !isSet(route, name) || !isSet(route, excludes.setting)) continue;
    findings.add(placeOf(route, [name]), excludes.code, excludes.message, excludes.hint);
  }
}

/** Statuses whose answers have no body (RFC 9110 §6.4.1). */
const BODILESS = new Set([204, 205, 304]);

function checkFallback(route: RouteConfig, findings: Findings): void {
  const { fallback } = route.core;
  if (!fallback || fallback.body === undefined || !BODILESS.has(fallback.status)) return;
  const message = `an answer with status ${fallback.status} has no body`;
  findings.add(placeOf(route, ['fallback', 'body']), 'fallback-body', message, 'remove the body, or use status 200');
}

function checkWebSocket(route: RouteConfig, findings: Findings): void {
  const { websocket, match } = route.core;
  if (!websocket || match.methods === undefined || match.methods.includes('GET')) return;
  const message = 'a WebSocket begins with GET, which this route does not match';
  findings.add(placeOf(route, ['websocket']), 'websocket-method', message, 'match GET, too');
}

function checkOverrides(config: RoutesConfig, routes: ReadonlyMap<string, Place>, findings: Findings): void {
  for (const tenant of config.tenants.values()) {
    for (const name of tenant.settings.limits.keys()) {
      const at = placeOf(tenant, ['limits', name]);
      const route = config.routes.get(name);
      if (!routes.has(name)) {
        findings.add(at, 'unknown-route', `there is no route "${name}"`, didYouMean(name, routes.keys()));
      } else if (route !== undefined && !isAuthenticated(route)) {
        const message = `"${name}" is open: nobody is identified there, so no tenant has a limit of its own`;
        findings.add(at, 'override-of-open', message, 'remove this line, or give the route `auth: key`');
      } else if (route?.core.disabled) {
        findings.add(at, 'disabled-route', `"${name}" is disabled`, undefined, 'warning');
      }
    }
  }
}
