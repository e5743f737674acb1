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
  /** `401: no API key`, or `goes to orders`. */
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
  const outcome = refusalOf(route, request, caller) ?? `goes to ${route.core.to}, unless a policy refuses it`;
  const known = typeof caller === 'string' ? undefined : tenants.get(caller.id);
  return { route: route.name, others, policies: activePolicies(config, route, known), outcome };
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
