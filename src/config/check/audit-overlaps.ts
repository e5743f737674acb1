// Pairs of routes that a request slips between: it misses the guarded one by a method or a slash, and an open one takes it.
import { type PathPattern, patternsOverlap } from '../../route/pattern.ts';
import { isAuthenticated, placeOf, type RouteConfig, type RoutesConfig } from '../format/routes-config.ts';
import type { Warn } from './audit.ts';

/** Reports guarded routes below an open `**` or encoded slash, and twins that differ in a trailing slash only. */
export function auditOverlaps(config: RoutesConfig, warn: Warn): void {
  auditShadows(config, warn);
  auditTwins(config, warn);
}

/** Open routes for many paths by the literal text before their first parameter, so that each guarded route looks up few. */
function auditShadows(config: RoutesConfig, warn: Warn): void {
  const open = new Map<string, RouteConfig[]>();
  for (const route of config.routes.values()) {
    const { pattern } = route.core.match;
    if (isAuthenticated(route) || !(isWildcard(route) || takesSlashes(route))) continue;
    const prefix = literalPrefixes(pattern).at(-1) ?? '';
    const others = open.get(prefix);
    if (others === undefined) open.set(prefix, [route]);
    else others.push(route);
  }
  if (open.size === 0) return;
  for (const route of config.routes.values()) {
    if (!isAuthenticated(route)) continue;
    const wildcard = literalPrefixes(route.core.match.pattern)
      .flatMap((prefix) => open.get(prefix) ?? [])
      .find((candidate) => overlaps(candidate, route));
    if (wildcard === undefined) continue;
    const served = `is served by "${wildcard.name}", which is open`;
    const refused = `what spells one of its paths with an encoded slash is refused, since "${wildcard.name}" is open`;
    const message = isWildcard(wildcard)
      ? `what misses "${route.name}" by its method or conditions ${served}${takesSlashes(wildcard) ? `; ${refused}` : ''}`
      : `"${route.name}": ${refused}`;
    warn(placeOf(route, ['match']), 'open-shadow', message, 'guard both, or narrow the open one');
  }
}

function isWildcard({ core }: RouteConfig): boolean {
  return core.match.pattern.segments.at(-1)?.kind === 'rest';
}

/** Whether a parameter of the route may hold an encoded slash, and so what a server may read as several segments. */
function takesSlashes({ core }: RouteConfig): boolean {
  return core.encoded_slashes === true && core.match.pattern.segments.some(({ kind }) => kind !== 'literal');
}

/** @param open begins like the guarded one, up to its first parameter */
function overlaps(open: RouteConfig, guarded: RouteConfig): boolean {
  const [left, right] = [open.core.match, guarded.core.match];
  const sameHost = left.host === undefined || right.host === undefined || left.host === right.host;
  return sameHost && (takesSlashes(open) || patternsOverlap(left.pattern, right.pattern));
}

/** `/v1/orders/{id}` → ``, `/v1`, `/v1/orders`. */
function literalPrefixes(pattern: PathPattern): readonly string[] {
  const prefixes = [''];
  let prefix = '';
  for (const segment of pattern.segments) {
    if (segment.kind !== 'literal') break;
    prefix += `/${segment.text}`;
    prefixes.push(prefix);
  }
  return prefixes;
}

function auditTwins(config: RoutesConfig, warn: Warn): void {
  const bare = new Map<string, RouteConfig>();
  for (const route of config.routes.values()) {
    const { pattern, host = '' } = route.core.match;
    if (!pattern.text.endsWith('/')) bare.set(`${host} ${pattern.text}`, route);
  }
  for (const route of config.routes.values()) {
    const { pattern, host = '' } = route.core.match;
    const twin = pattern.text.endsWith('/') ? bare.get(`${host} ${pattern.text.slice(0, -1)}`) : undefined;
    if (twin === undefined || isAuthenticated(twin) === isAuthenticated(route)) continue;
    const message = `"${route.name}" and "${twin.name}" differ in a trailing slash only, and one of them is open`;
    warn(placeOf(route, ['match']), 'slash-twin', message);
  }
}
