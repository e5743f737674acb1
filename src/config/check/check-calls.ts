// Cross-checks of what routes call: names that lead nowhere, and settings that make no sense where a third party answers, or
// several calls do.
import { relative } from 'node:path';
import { PER_TENANT } from '../../integration/credentials/settings.ts';
import type { MapEntry, Node, Place } from '../../schema/node.ts';
import { didYouMean } from '../../schema/suggest.ts';
import {
  destinationsOf,
  isAuthenticated,
  isSet,
  placeOf,
  type RouteConfig,
  type RoutesConfig,
  settingAt,
} from '../format/routes-config.ts';
import type { Names } from '../load/assemble.ts';
import type { Turns } from '../load/turns.ts';
import type { Findings } from './finding.ts';

/**
 * Reports what is wrong with the calls of routes, and with the accounts that tenants have for them.
 *
 * @param root the file as it was read, for the little that can be said of routes that are not sound
 */
export async function checkCalled(
  config: RoutesConfig,
  root: Node,
  names: Names,
  findings: Findings,
  turns: Turns,
): Promise<void> {
  const upstreams = names.get('upstreams') ?? NO_NAMES;
  const integrations = names.get('integrations') ?? NO_NAMES;
  checkNames(upstreams, integrations, findings);
  const known = new Map([...upstreams, ...integrations]);
  for (const route of config.routes.values()) {
    for (const { to, path } of destinationsOf(route)) checkDestination(to, placeOf(route, path), known, findings);
    const answers = answererOf(route, upstreams, integrations);
    checkKind(route, answers, findings);
    checkAnswer(route, answers, findings);
    checkAccounts(route, config, findings);
    if (turns.isOver) await turns.rest();
  }
  for (const { key, value } of entriesOf(entryOf(root, 'routes'))) {
    const to = config.routes.has(key) ? undefined : entryOf(value, 'to');
    if (to?.kind === 'scalar' && to.text !== '') checkDestination(to.text, to.at, known, findings);
  }
  checkCredentials(config, integrations, findings);
}

const NO_NAMES: ReadonlyMap<string, Place> = new Map();

function entriesOf(node: Node | undefined): readonly MapEntry[] {
  return node?.kind === 'map' ? node.entries : [];
}

function entryOf(node: Node, key: string): Node | undefined {
  return entriesOf(node).find((entry) => entry.key === key)?.value;
}

/** `to` names either, and so do metrics. */
function checkNames(
  upstreams: ReadonlyMap<string, Place>,
  integrations: ReadonlyMap<string, Place>,
  findings: Findings,
): void {
  for (const [name, at] of integrations) {
    const other = upstreams.get(name);
    if (other === undefined) continue;
    const where = `${relative('', other.file) || other.file}:${other.line}`;
    findings.add(at, 'same-name', `"${name}" is an upstream already (${where})`, 'give one of them another name');
  }
}

function checkDestination(to: string, at: Place, known: ReadonlyMap<string, Place>, findings: Findings): void {
  if (known.has(to)) return;
  const hint = didYouMean(to, known.keys()) ?? 'name it under `upstreams` or `integrations`';
  findings.add(at, 'unknown-upstream', `there is no upstream or integration "${to}"`, hint);
}

/** What answers a route; undefined when its name leads nowhere, which says nothing about its other settings. */
type Answerer = 'upstream' | 'integration' | 'calls' | undefined;

function answererOf(
  { core: { to, calls } }: RouteConfig,
  upstreams: ReadonlyMap<string, Place>,
  integrations: ReadonlyMap<string, Place>,
): Answerer {
  if (to === undefined) return calls === undefined ? undefined : 'calls';
  if (integrations.has(to)) return 'integration';
  return upstreams.has(to) ? 'upstream' : undefined;
}

/** Settings of the client's path and connection: a third party, or one of several calls, sees neither. */
const OF_ONE_UPSTREAM = ['rewrite', 'strip_prefix', 'websocket'] as const;

function checkKind(route: RouteConfig, answers: Answerer, findings: Findings): void {
  const { to, calls, request } = route.core;
  const say = (setting: string, code: string, message: string, hint: string) =>
    findings.add(placeOf(route, [setting]), code, message, hint);
  if (to === undefined && calls === undefined) {
    const hint = 'to: the name of an upstream or integration, or calls: several of them';
    findings.add(route.at, 'missing-key', 'a route needs "to" or "calls"', hint);
  }
  if (to !== undefined && calls !== undefined) {
    say('calls', 'two-answers', `"${route.name}" has "to" and "calls": which of them answers is not clear`, 'keep one');
  }
  const isFacade = answers === 'integration';
  if (request !== undefined && (answers === 'upstream' || answers === 'calls')) {
    const message = 'only a third party gets a request of its own';
    const hint = answers === 'upstream' ? 'use rewrite and headers for an upstream' : 'say it in each of the calls';
    say('request', 'request-of-upstream', message, hint);
  }
  if (!isFacade && answers !== 'calls') return;
  const whose = isFacade ? `"${to}" is a third party` : `"${route.name}" is made up of calls`;
  for (const setting of OF_ONE_UPSTREAM) {
    if (!isSet(route, setting)) continue;
    if (setting === 'websocket') {
      say(setting, 'websocket-facade', `${whose}: no WebSocket is passed on`, 'websocket: false, or another route');
    } else {
      const hint = isFacade ? 'say it in request: { path: … }' : 'say it in the path of each call';
      say(setting, 'rewrite-facade', `${whose}: the path of the request is not the client’s`, hint);
    }
  }
  if (answers === 'calls' && route.ownBreaker) {
    say('breaker', 'breaker-of-calls', `${whose}: a breaker is that of what is called`, 'set it there');
  }
}

function checkAnswer(route: RouteConfig, answers: Answerer, findings: Findings): void {
  const { response } = route;
  if (response === undefined) return;
  const at = (setting: string) => placeOf(route, ['response', setting]);
  if (response.body !== undefined && answers === 'upstream') {
    const message = 'answers of an upstream are passed on as they are';
    findings.add(at('body'), 'mapping-of-upstream', message, 'only those of an integration or of calls are mapped');
  }
  if (response.xml && (answers === 'upstream' || answers === 'calls')) {
    findings.add(at('xml'), 'xml-of-upstream', 'only the answer of an integration is read as XML', 'remove it');
  }
  if (response.schema !== undefined) return;
  for (const setting of ['on_fail', 'sample']) {
    const given = settingAt(route.tree, ['response', setting]);
    if (given === undefined || given.at === 'default') continue;
    findings.add(at(setting), 'check-without-schema', `"${setting}" says how a schema is checked, and there is none`);
  }
}

/** Where nobody is identified, nobody has an account. */
function checkAccounts(route: RouteConfig, config: RoutesConfig, findings: Findings): void {
  if (isAuthenticated(route)) return;
  for (const { to, path } of destinationsOf(route)) {
    if (config.integrations.get(to)?.settings.auth !== PER_TENANT) continue;
    const message = `"${to}" is called with each tenant’s own account, and "${route.name}" is open: nobody is identified there`;
    findings.add(placeOf(route, path), 'account-of-nobody', message, 'give the route `auth: key`');
  }
}

function checkCredentials(config: RoutesConfig, integrations: ReadonlyMap<string, Place>, findings: Findings): void {
  for (const tenant of config.tenants.values()) {
    for (const name of tenant.settings.credentials?.keys() ?? []) {
      const at = placeOf(tenant, ['credentials', name]);
      const integration = config.integrations.get(name);
      if (!integrations.has(name)) {
        const hint = didYouMean(name, integrations.keys()) ?? 'name it under `integrations`';
        findings.add(at, 'unknown-integration', `there is no integration "${name}"`, hint);
      } else if (integration !== undefined && integration.settings.auth !== PER_TENANT) {
        const message = `"${name}" is called with one account for all tenants, so "${tenant.name}" has none of its own there`;
        findings.add(at, 'unused-account', message, `remove this, or give "${name}" auth: ${PER_TENANT}`);
      }
    }
  }
}
