// What would happen to one request, as far as the configuration alone can tell: `sluice route`.
import { callerOf } from '../../policies/auth.ts';
import type { Caller } from '../../policies/policy.ts';
import { explainMatch, type MatchReason } from '../../route/explain-match.ts';
import type { MatchRequest } from '../../route/table.ts';
import type { RouteConfig, RoutesConfig, TenantConfig } from '../format/routes-config.ts';
import { activePolicies, type Explanation } from './explain-route.ts';

export interface RequestExplanation {
  /** Name of the route that serves the request. */
  readonly route: string | undefined;
  /** Routes that come near, and why each is not the one. */
  readonly others: readonly MatchReason[];
  readonly policies: Explanation['policies'];
  /** `401: no API key`, `goes to orders`, or `calls carrier: POST https://api.example/rates`. */
  readonly outcome: string;
}

/**
 * Explains a request.
 *
 * @param tenant whose key it would carry; undefined: that of the key among its headers, if there is one
 */
export function explainRequest(config: RoutesConfig, request: MatchRequest, tenant?: TenantConfig): RequestExplanation {
  const entries = Array.from(config.routes.values(), ({ name, core }) => ({ name, match: core.match, value: name }));
  const { winner, allow, others } = explainMatch(entries, request);
  const route = winner === undefined ? undefined : config.routes.get(winner);
  if (route === undefined)
    return { route: undefined, others, policies: [], outcome: unmatched(request, allow, others) };
  const { tenants, tenantTable } = config;
  const named = tenant && tenantTable.get(tenant.name);
  const caller = named ?? callerOf(request, tenantTable);
  const outcome = refusalOf(route, request, caller) ?? `${whereTo(config, route, request)}, unless a policy refuses it`;
  const known = typeof caller === 'string' ? undefined : tenants.get(caller.id);
  return { route: route.name, others, policies: activePolicies(config, route, known), outcome };
}

/** What is called, as far as it is written down: placeholders are filled in by the gateway only. */
function whereTo(config: RoutesConfig, { core, parts }: RouteConfig, request: MatchRequest): string {
  const target = ({ to, method, path = request.path }: Called) => {
    const base = config.integrations.get(to)?.settings.url.href ?? '';
    return `${to}: ${method ?? methodOf(request)} ${base}${path}`;
  };
  const { to = '' } = core;
  if (parts.size > 0) return `calls ${Array.from(parts.values(), ({ settings }) => target(settings)).join(', ')}`;
  if (!config.integrations.has(to)) return `goes to ${to}`;
  const { method, path, body, xml, soap } = core.request ?? {};
  const isFilled = body !== undefined || xml !== undefined || soap !== undefined;
  const made = isFilled && !WITH_BODY.has(request.method) ? 'POST' : undefined;
  return `calls ${target({ to, method: method ?? made, path })}`;
}

interface Called {
  readonly to: string;
  readonly method: string | undefined;
  readonly path: string | undefined;
}

const WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

/** What answers HEAD is asked with GET. */
function methodOf({ method }: MatchRequest): string {
  return method === 'HEAD' ? 'GET' : method;
}

function unmatched({ path }: MatchRequest, allow: readonly string[], others: readonly MatchReason[]): string {
  if (allow.length > 0) return `405: this path takes ${allow.join(', ')}`;
  const isSpelled = path.includes(ENCODED_SLASH) && others.some(({ miss }) => miss === 'spelling');
  return isSpelled ? '400: an encoded slash makes it the path of another route' : '404: no route has this path';
}

const ENCODED_SLASH = '%2F';
/** What refuses the request whatever its body and the traffic; the gateway asks in this order. */
function refusalOf({ core, policies }: RouteConfig, { path }: MatchRequest, caller: Caller): string | undefined {
  if (core.disabled) return '503: the route is disabled';
  if (path.includes(ENCODED_SLASH) && core.encoded_slashes !== true) {
    const unless = core.encoded_slashes === undefined ? ', unless http.encoded_slashes allows it' : '';
    return `400: the path has an encoded slash${unless}`;
  }
  for (const policy of policies) {
    const refusal = policy.foresee(caller);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}
