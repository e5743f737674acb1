// What is risky about third parties: who reads along, how far an address may lead, waits that nobody lives to see the end of.
import { PER_TENANT } from '../../integration/credentials/settings.ts';
import { parseIPv4 } from '../../tenant/address.ts';
import { matcher } from '../../tenant/cidr.ts';
import {
  type IntegrationConfig,
  placeOf,
  type RouteConfig,
  type RoutesConfig,
  settingAt,
} from '../format/routes-config.ts';
import type { Warn } from './audit.ts';

/** Reports what is risky about integrations, and about the routes that lead to one. */
export function auditIntegrations(config: RoutesConfig, warn: Warn): void {
  for (const integration of config.integrations.values()) {
    auditTransport(integration, warn);
    auditAddresses(integration, warn);
    auditAccounts(integration, config, warn);
  }
  for (const route of config.routes.values()) {
    const integration = config.integrations.get(route.core.to ?? '');
    if (integration !== undefined) auditWait(route, integration, warn);
  }
}

function auditTransport(integration: IntegrationConfig, warn: Warn): void {
  const { name, settings } = integration;
  const { url, auth } = settings;
  const tokenUrl = auth !== null && auth !== PER_TENANT ? auth.oauth2?.token_url : undefined;
  const what = auth === null ? 'what is said' : 'what is said, credentials included,';
  if (isReadable(url.origin)) {
    const message = `"${name}" is called over plain HTTP: ${what} can be read on the way`;
    warn(placeOf(integration, ['url']), 'plain-http', message, 'write https://');
  }
  if (tokenUrl !== undefined && isReadable(tokenUrl.origin)) {
    const message = `tokens of "${name}" are asked for over plain HTTP: our secret can be read on the way`;
    warn(placeOf(integration, ['auth', 'oauth2', 'token_url']), 'plain-http', message, 'write https://');
  }
}

/** Plain HTTP that leaves this machine. */
function isReadable(origin: string): boolean {
  const { protocol, hostname } = new URL(origin);
  const isHere =
    hostname === 'localhost' || hostname === '[::1]' || (parseIPv4(hostname) >= 0 && hostname.startsWith('127.'));
  return protocol === 'http:' && !isHere;
}

/** Where clouds give credentials to whoever asks. */
const METADATA = ['169.254.169.254', 'fd00:ec2::254', '100.100.100.200', '168.63.129.16'];

function auditAddresses(integration: IntegrationConfig, warn: Warn): void {
  const { addresses } = integration.settings;
  if (addresses === undefined) return;
  const allows = matcher(addresses);
  const open = METADATA.find((address) => allows(address));
  if (open === undefined) return;
  const message = `"${integration.name}" may be at ${open}, where a cloud gives its credentials to whoever asks`;
  warn(placeOf(integration, ['addresses']), 'metadata-address', message, 'name only what the third party has');
}

function auditAccounts({ name, settings, at }: IntegrationConfig, { tenants }: RoutesConfig, warn: Warn): void {
  if (settings.auth !== PER_TENANT) return;
  const everyone = Array.from(tenants.values());
  if (everyone.some((tenant) => tenant.settings.credentials?.has(name))) return;
  warn(at, 'no-account', `no tenant has credentials for "${name}": each of its calls is refused`);
}

function auditWait(route: RouteConfig, integration: IntegrationConfig, warn: Warn): void {
  const { pace } = integration.settings;
  const answerMs = route.core.timeout?.answer ?? null;
  if (!pace || answerMs === null || pace.wait < answerMs) return;
  if (settingAt(integration.tree, ['pace', 'wait'])?.at === 'default') return;
  const message = `calls wait up to ${pace.wait}ms for their turn at "${integration.name}", and the timeout of "${route.name}" is ${answerMs}ms`;
  warn(placeOf(route, ['timeout']), 'wait-outlives-timeout', message, 'a shorter pace.wait, or a longer timeout');
}
