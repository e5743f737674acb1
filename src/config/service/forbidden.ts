// What a new configuration no longer allows of the exchanges that began under an earlier one.
import type { Exchange } from '../../exchange/exchange.ts';
import type { Problem } from '../../exchange/problem.ts';
import { TENANT_DISABLED, UNKNOWN_KEY } from '../../policies/auth.ts';
import { NOT_FOUND } from '../../route/locate.ts';
import type { Snapshot } from '../../route/snapshot.ts';

/** Why an exchange may not go on. */
export interface Forbidden {
  /** For the access log. */
  readonly reason: string;
  /** What a new request would be told. */
  readonly problem: Problem;
}

const REMOVED: Forbidden = { reason: 'route_removed', problem: NOT_FOUND };
const DISABLED: Forbidden = { reason: 'tenant_disabled', problem: TENANT_DISABLED };
const REVOKED: Forbidden = { reason: 'key_revoked', problem: UNKNOWN_KEY };

/** Undefined when it may go on. */
export function forbidden(x: Exchange, { routes, tenants }: Snapshot): Forbidden | undefined {
  if (x.route !== undefined && !routes.has(x.route.name)) return REMOVED;
  if (x.tenant === undefined) return undefined;
  const tenant = tenants.get(x.tenant.id);
  if (tenant === undefined || tenant.disabled) return DISABLED;
  return x.keyId !== '' && !tenants.holds(tenant.id, x.keyId) ? REVOKED : undefined;
}
