// `sluice check`: everything that is wrong or risky with routes.yaml and the process settings, at once.
import { audit } from '../config/check/audit.ts';
import { type Finding, sortFindings } from '../config/check/finding.ts';
import { type GatewayConfig, gatewaySchema } from '../config/format/gateway-schema.ts';
import { loadGateway } from '../config/load/load-gateway.ts';
import { type LoadedRoutes, loadRoutesOnce } from '../config/load/load-routes.ts';
import { rehearse } from '../config/service/rehearse.ts';
import { readToEnd } from '../named-file.ts';
import { findingsJson, showFindings } from './findings.ts';
import { DEFAULT_ROUTES, type Verb } from './verb.ts';

export const check: Verb = {
  name: 'check',
  usage: '[--strict]',
  summary: 'syntax, schema, references, conflicts, audit; all findings at once',
  flags: ['strict'],
  words: 0,
  async run(_words, flags, terminal) {
    const gateway = await loadGateway(flags.config, terminal.env, readToEnd);
    const routes = await loadRoutesOnce(flags.routes ?? DEFAULT_ROUTES, terminal.env);
    const findings = sortFindings([...gateway.findings, ...routes.findings, ...(await deeper(routes, gateway.config))]);
    if (flags.json) terminal.out(findingsJson(findings));
    else terminal.out(findings.length === 0 ? 'no findings\n' : showFindings(findings, terminal.colour));
    return findings.some((finding) => flags.strict || finding.severity === 'error') ? 1 : 0;
  },
};

/** What can be said of a file only once it is sound; with the built-in process settings when those are not. */
async function deeper(
  { config, ...loaded }: LoadedRoutes,
  gateway: GatewayConfig = gatewaySchema.decode(undefined),
): Promise<readonly Finding[]> {
  if (config === undefined) return [];
  return [...(await rehearse({ ...loaded, config }, gateway)), ...(await audit(config, loaded.schemas))];
}
