// Reads the process settings: built-in < Kubernetes < config/gateway.yaml < environment, all by the same schema.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type CertificateFiles, readCertificate } from '../../edge/certificate.ts';
import type { MapNode, Node, Place, Setting } from '../../schema/node.ts';
import * as s from '../../schema/schema.ts';
import { messageOf } from '../../telemetry/thrown.ts';
import { parseIPv4 } from '../../tenant/address.ts';
import { type Finding, Findings } from '../check/finding.ts';
import { withoutSecrets } from '../check/secret-text.ts';
import { type GatewayConfig, gatewaySchema } from '../format/gateway-schema.ts';
import { type Environment, type ReadFile, readSource, type Source } from '../read/read-source.ts';
import { mergeLayers } from './merge.ts';

export type { GatewayConfig } from '../format/gateway-schema.ts';

/** Where the process settings are when `--config` does not say; this one may be missing. */
const DEFAULT_GATEWAY_FILE = 'config/gateway.yaml';

/** What was read. `config` is there when no finding is an error. */
export interface LoadedGateway {
  readonly findings: readonly Finding[];
  /** What was read, or would be if it were there; absolute. */
  readonly files: readonly string[];
  readonly config?: GatewayConfig;
}

/** Environment variables that override a setting; an empty one does not. */
const OVERRIDES = [
  { variable: 'PORT', section: 'listen', key: 'port' },
  { variable: 'ADMIN_PORT', section: 'admin', key: 'port' },
  { variable: 'ADMIN_TOKEN', section: 'admin', key: 'token' },
  { variable: 'LOG_LEVEL', section: 'log', key: 'level' },
] as const;

const layerSchema = s.partial(gatewaySchema);

/**
 * Reads and checks the process settings.
 *
 * @param file undefined: {@link DEFAULT_GATEWAY_FILE}, which may be missing; one that is named may not
 * @param read as {@link readSource} takes it
 */
export async function loadGateway(file: string | undefined, env: Environment, read?: ReadFile): Promise<LoadedGateway> {
  const findings = new Findings();
  const files = new Set([resolve(file ?? DEFAULT_GATEWAY_FILE)]);
  const source =
    file === undefined && !existsSync(DEFAULT_GATEWAY_FILE)
      ? undefined
      : await readSource(file ?? DEFAULT_GATEWAY_FILE, env, read);
  const layers = [
    kubernetes(env, findings),
    source && fileLayer(source, findings, files),
    ...OVERRIDES.map((override) => environmentLayer(override, env, findings)),
  ];
  const nothing = s.settings.map([], 'default');
  const tree = gatewaySchema.complete(mergeLayers(layers) ?? nothing, findings);
  let config: GatewayConfig | undefined;
  if (findings.errors === 0 && tree !== undefined) {
    config = gatewaySchema.decode(tree);
    check(config, tree, findings);
  }
  const holder = { file: file ?? DEFAULT_GATEWAY_FILE, text: '', secrets: NO_SECRETS, ...source };
  return {
    findings: withoutSecrets(findings.all, holder),
    files: [...files],
    ...(config !== undefined && findings.errors === 0 && { config }),
  };
}

const NO_SECRETS: ReadonlySet<string> = new Set();

function fileLayer(source: Source, findings: Findings, files: Set<string>): Setting | undefined {
  for (const each of source.files) files.add(resolve(each));
  for (const finding of source.findings) findings.push(finding);
  return source.root && layerSchema.normalise(source.root, findings);
}

/** Endpoints hear of a stopping pod only after a while; until then it must go on accepting. */
function kubernetes(env: Environment, findings: Findings): Setting | undefined {
  if (!env['KUBERNETES_SERVICE_HOST']) return undefined;
  return layerSchema.normalise(variableNode('KUBERNETES_SERVICE_HOST', 'shutdown', 'delay', '5s'), findings);
}

function environmentLayer(
  { variable, section, key }: (typeof OVERRIDES)[number],
  env: Environment,
  findings: Findings,
): Setting | undefined {
  const text = env[variable];
  if (text === undefined || text === '') return undefined;
  return layerSchema.normalise(variableNode(variable, section, key, text), findings);
}

/** A value as if it were in a file, whose name is the variable's. */
function variableNode(variable: string, section: string, key: string, text: string): MapNode {
  const at: Place = { file: `environment variable ${variable}`, line: 1, column: 1, length: 1 };
  const scalar: Node = { kind: 'scalar', text, type: 'string', at, secret: variable === 'ADMIN_TOKEN' };
  const inner: MapNode = { kind: 'map', entries: [{ key, keyAt: at, value: scalar }], at };
  return { kind: 'map', entries: [{ key: section, keyAt: at, value: inner }], at };
}

function check({ admin, listen }: GatewayConfig, tree: Setting, findings: Findings): void {
  if (!isLoopback(admin.host) && admin.token === undefined) {
    const message = `the admin plane on ${admin.host} would be open to anyone who can reach it`;
    findings.add(placeOf(tree, ['admin', 'host']), 'admin-token', message, 'set ADMIN_TOKEN, or keep it on 127.0.0.1');
  }
  const token = s.settings.nearest(tree, ['admin', 'token']);
  if (admin.token !== undefined && token.kind === 'leaf' && !token.secret) {
    const hint = 'set ADMIN_TOKEN instead';
    const at = placeOf(tree, ['admin', 'token']);
    findings.add(at, 'secret-in-clear', 'the admin token stands here in clear text', hint, 'warning');
  }
  if (listen.redirect_http !== undefined && listen.tls === undefined) {
    const message = 'there is no HTTPS to redirect to';
    findings.add(placeOf(tree, ['listen', 'redirect_http']), 'redirect-without-tls', message, 'set listen.tls');
  }
  if (listen.tls !== undefined) checkCertificate(listen.tls, placeOf(tree, ['listen', 'tls']), findings);
  const ports = [
    ['admin', 'port', admin.port],
    ['listen', 'redirect_http', listen.redirect_http],
  ] as const;
  for (const [section, key, port] of ports) {
    if (port === undefined || port === 0 || port !== listen.port) continue;
    findings.add(placeOf(tree, [section, key]), 'same-port', `port ${port} is already that of the data plane`);
  }
}

function checkCertificate(files: CertificateFiles, at: Place, findings: Findings): void {
  try {
    readCertificate(files);
  } catch (error) {
    const reason = messageOf(error);
    findings.add(at, 'tls-material', reason, 'cert and key are readable PEM files, and the key fits the certificate');
  }
}

/** Whether an address can be reached from this machine only (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (parseIPv4(host) >= 0 && host.startsWith('127.'));
}

/** The value's own place; that of the section's, or of what it clashes with, when it is a default. */
function placeOf(tree: Setting, path: readonly string[]): Place {
  for (let length = path.length; length >= 0; length--) {
    const { at } = s.settings.nearest(tree, path.slice(0, length));
    if (at !== 'default') return at;
  }
  return { file: DEFAULT_GATEWAY_FILE, line: 1, column: 1, length: 1 };
}
