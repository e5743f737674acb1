// Opens routes.yaml for the verbs that ask it something; what is wrong with it is shown instead.

import type { RoutesConfig, TenantConfig } from '../config/format/routes-config.ts';
import { loadRoutesOnce } from '../config/load/load-routes.ts';
import { didYouMean } from '../schema/suggest.ts';
import { findingsJson, showFindings } from './findings.ts';
import { DEFAULT_ROUTES, type Flags, type Terminal, UsageError } from './verb.ts';

/** The configuration; undefined after showing its errors, which is exit code 1. */
export async function openRoutes(flags: Flags, terminal: Terminal): Promise<RoutesConfig | undefined> {
  const loaded = await loadRoutesOnce(flags.routes ?? DEFAULT_ROUTES, terminal.env);
  if (loaded.config !== undefined) return loaded.config;
  const errors = loaded.findings.filter((finding) => finding.severity === 'error');
  if (flags.json) terminal.out(findingsJson(errors));
  else terminal.err(showFindings(errors, terminal.colour));
  return undefined;
}

/**
 * The tenant of `--tenant`; undefined when it is not given.
 * @throws {UsageError} there is none of that name
 */
export function tenantOf(flags: Flags, config: RoutesConfig): TenantConfig | undefined {
  if (flags.tenant === undefined) return undefined;
  const tenant = config.tenants.get(flags.tenant);
  if (tenant !== undefined) return tenant;
  throw new UsageError(`there is no tenant "${flags.tenant}"`, didYouMean(flags.tenant, config.tenants.keys()));
}
