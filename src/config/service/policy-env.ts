// What one policy of one route gets to know while it is built.
import type { SchemaCompiler } from '../../json/compiler.ts';
import type { ModuleSource } from '../../policies/module-loader.ts';
import type { Env } from '../../policies/policy.ts';
import type { Findings } from '../check/finding.ts';
import { isAuthenticated, placeOf, type RouteConfig, type RoutesConfig } from '../format/routes-config.ts';
import type { Host } from './host.ts';

export interface PolicyEnvParts {
  readonly config: RoutesConfig;
  readonly entry: RouteConfig;
  readonly host: Host;
  readonly generation: number;
  readonly schemas: SchemaCompiler;
  readonly modules: ModuleSource;
  readonly findings: Findings;
}

/** The environment of the policies of a route; findings are placed in the settings of the policy named last. */
export function policyEnv(parts: PolicyEnvParts, policy: string): Env {
  const { config, entry, host, generation, schemas, modules, findings } = parts;
  const { name, core } = entry;
  return {
    route: name,
    authenticated: isAuthenticated(entry),
    facade: core.calls !== undefined || config.integrations.has(core.to ?? ''),
    tenants: config.tenantTable,
    params: core.match.pattern.params,
    pattern: core.match.pattern.text,
    schemas,
    modules,
    bodyMax: core.body_max ?? Number.POSITIVE_INFINITY,
    keep: (key, make) => host.state.keep(generation, key, make),
    ratelimitHeaders: host.gateway.http.ratelimit_headers,
    metrics: host.metrics.route(name),
    report: ({ path, code, message, hint, severity }, at) =>
      findings.add(at ?? placeOf(entry, [policy, ...path]), code, message, hint, severity),
    log: (level, event, fields) => host.events.log(level, event, { route: name, ...fields }),
  };
}
