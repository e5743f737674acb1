// Builds every policy once, for nothing but its findings: templates that name no parameter, modules that do not load,
// certificates that cannot be read. What `serve` does for real, `check` does without a metric, a log line or a request.
import { dirname, resolve } from 'node:path';
import type { SchemaCompiler } from '../../policies/json/compiler.ts';
import { ConfiguredModules, ModuleLoader, type ModuleSource } from '../../policies/module-loader.ts';
import type { Env, PolicyMetrics } from '../../policies/policy.ts';
import { messageOf } from '../../telemetry/thrown.ts';
import { TlsSource } from '../../upstream/tls.ts';
import {
  isAuthenticated,
  placeOf,
  type RouteConfig,
  type RoutesConfig,
  type UpstreamConfig,
} from '../format/routes-config.ts';
import { addIssues } from '../load/report.ts';
import { type Finding, Findings } from './finding.ts';

/** What policies and upstreams of a checked configuration report while they are built. */
export async function rehearse(config: RoutesConfig, schemas: SchemaCompiler): Promise<readonly Finding[]> {
  const findings = new Findings();
  for (const upstream of config.upstreams.values()) rehearseTls(upstream, dirname(resolve(config.file)), findings);
  const modules = new ConfiguredModules(new ModuleLoader());
  for (const route of config.routes.values()) {
    const env = rehearsalEnv(config, route, schemas, modules);
    for (const configured of route.policies) {
      const policy = await configured.create({
        ...env,
        report: (issue, at) => {
          if (at === undefined) addIssues(findings, [issue], route, [configured.name]);
          else findings.add(at, issue.code, issue.message, issue.hint, issue.severity);
        },
      });
      await policy?.close?.();
    }
  }
  return findings.all;
}

function rehearseTls(upstream: UpstreamConfig, folder: string, findings: Findings): void {
  const { tls } = upstream.settings;
  if (tls === undefined) return;
  try {
    new TlsSource(tls, folder).close();
  } catch (error) {
    findings.add(placeOf(upstream, ['tls']), 'tls-material', messageOf(error));
  }
}

function rehearsalEnv(
  config: RoutesConfig,
  route: RouteConfig,
  schemas: SchemaCompiler,
  modules: ModuleSource,
): Omit<Env, 'report'> {
  const { pattern } = route.core.match;
  return {
    route: route.name,
    authenticated: isAuthenticated(route),
    tenants: config.tenantTable,
    params: pattern.params,
    pattern: pattern.text,
    schemas,
    modules,
    bodyMax: route.core.body_max ?? Number.POSITIVE_INFINITY,
    keep: (_key, make) => make(),
    ratelimitHeaders: ['standard'],
    metrics: NO_METRICS,
    log: () => undefined,
  };
}

const NO_METRICS: PolicyMetrics = {
  limiterDecision: () => ({ value: 0 }),
  authFailure: () => ({ value: 0 }),
  validationFailure: () => ({ value: 0 }),
  drift: () => ({ value: 0 }),
};
