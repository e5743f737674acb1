// Routes files for tests of the loader: a sound base, and what is written below it.
import { join } from 'node:path';
import { audit } from '../../../src/config/check/audit.ts';
import type { Finding } from '../../../src/config/check/finding.ts';
import { gatewaySchema } from '../../../src/config/format/gateway-schema.ts';
import type { RoutesConfig } from '../../../src/config/format/routes-config.ts';
import { type LoadedRoutes, loadRoutes } from '../../../src/config/load/load-routes.ts';
import { rehearse } from '../../../src/config/service/rehearse.ts';
import type { CleanUp } from '../../support/clean-up.ts';
import { temporaryDirectory } from '../../support/files.ts';

/** Loads a routes file with this text; other files stand beside it. */
export async function load(
  t: CleanUp,
  text: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<LoadedRoutes> {
  const folder = await temporaryDirectory(t, { ...files, 'routes.yaml': text });
  return loadRoutes(join(folder, 'routes.yaml'), env);
}

/** The configuration of a file that must be sound. */
export async function soundConfig(t: CleanUp, text: string, env: Record<string, string> = {}): Promise<RoutesConfig> {
  const { config, findings } = await load(t, text, {}, env);
  if (config === undefined) throw new Error(`not sound: ${told(findings).join('\n')}`);
  return config;
}

/** `LINE:COLUMN severity code` of each finding. */
export function told(findings: readonly Finding[]): readonly string[] {
  return findings.map(({ at, severity, code }) => `${at.line}:${at.column} ${severity} ${code}`);
}

/** What the audit says of a sound file. */
export async function audited(
  t: CleanUp,
  text: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<readonly Finding[]> {
  const { config, findings, schemas } = await load(t, text, files, env);
  if (config === undefined) throw new Error(`not sound: ${told(findings).join('\n')}`);
  return audit(config, schemas);
}

/** What building the upstreams and policies of a sound file reports. */
export async function rehearsed(
  t: CleanUp,
  text: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<readonly Finding[]> {
  const { config, ...loaded } = await load(t, text, files, env);
  if (config === undefined) throw new Error(`not sound: ${told(loaded.findings).join('\n')}`);
  return rehearse({ ...loaded, config }, gatewaySchema.decode(undefined));
}
