// A checked configuration → a snapshot that can serve: upstreams, breakers, policies and the match table, built off the path
// of requests. Nothing of what is in service changes before `Candidate.commit`.
import { createHash } from 'node:crypto';
import type { Exchange } from '../../exchange/exchange.ts';
import { HeaderKinds } from '../../exchange/header-kinds.ts';
import type { ConfiguredModules } from '../../policies/module-loader.ts';
import type { Policy } from '../../policies/policy.ts';
import { crash } from '../../route/crash.ts';
import { Pipeline } from '../../route/pipeline.ts';
import { Route } from '../../route/route.ts';
import { Snapshot } from '../../route/snapshot.ts';
import { MatchTable } from '../../route/table.ts';
import type { TunnelLife } from '../../upstream/tunnel.ts';
import { type Finding, Findings } from '../check/finding.ts';
import { isSet, type RouteConfig, type RoutesConfig } from '../format/routes-config.ts';
import type { LoadedRoutes } from '../load/load-routes.ts';
import type { Turns } from '../load/turns.ts';
import { bodyLimits, integrationTerms } from './call-terms.ts';
import { type Called, CalledBuilder, takeOver } from './called.ts';
import type { CallsParts } from './calls.ts';
import type { FacadeParts } from './facades.ts';
import type { Host } from './host.ts';
import { policyEnv } from './policy-env.ts';
import { closeAll } from './retire.ts';
import type * as thirdPartiesModule from './third-parties.ts';
import { type RouteCall, UpstreamCalls } from './upstream-calls.ts';

type ThirdParties = typeof thirdPartiesModule;

/** What one configuration consists of while it serves. */
export interface Service extends Called {
  readonly generation: number;
  readonly config: RoutesConfig;
  readonly snapshot: Snapshot;
}

/** A configuration that is ready to serve. */
export interface Candidate {
  readonly service: Service;
  /** Takes it into service: state is taken over from the one before, checks begin. Cannot fail. */
  commit(): void;
}

/** What a configuration is built from and with. */
export interface CompileParts {
  readonly loaded: LoadedRoutes & { readonly config: RoutesConfig };
  readonly modules: ConfiguredModules;
  readonly host: Host;
  readonly generation: number;
  /** What serves now. */
  readonly previous: Service | undefined;
  readonly turns: Turns;
}

/** Builds a candidate; without one, `findings` say why. */
export async function compile(
  parts: CompileParts,
): Promise<{ readonly candidate?: Candidate; readonly findings: readonly Finding[] }> {
  const { loaded, host, generation, previous, turns } = parts;
  const { config } = loaded;
  const findings = new Findings();
  const thirdParties = callsThirdParties(config) ? await import('./third-parties.ts') : undefined;
  const called = new CalledBuilder(config, host, previous, findings, thirdParties?.Integration);
  const built = await buildRoutes(parts, findings, thirdParties);
  const fresh = called.fresh();
  if (findings.errors > 0) {
    await closeAll(
      [...built.values()].flatMap(({ policies }) => policies),
      host,
    );
    await closeAll(fresh, host);
    return { findings: loaded.conceal(findings.all) };
  }
  const routes = new Map<string, Route>();
  const table = new MatchTable<Route>();
  const calls = await UpstreamCalls.for(config, host);
  for (const [entry, route] of built) {
    const value = assembleRoute(entry, route, called, calls, host);
    routes.set(entry.name, value);
    table.add({ name: entry.name, match: entry.core.match, value });
    if (turns.isOver) await turns.rest();
  }
  const snapshot = new Snapshot({
    hash: contentHash(loaded.hash, parts.modules),
    table,
    routes,
    tenants: config.tenantTable,
    kinds: new HeaderKinds(tenantHeaderNames(config)),
  });
  const { upstreams, integrations, breakers } = called;
  const service: Service = { generation, config, snapshot, upstreams, integrations, breakers };
  return {
    findings: loaded.conceal(findings.all),
    candidate: { service, commit: () => takeOver(service, fresh, previous) },
  };
}

/** What a route consists of, before it is known what it calls. */
interface RouteParts {
  readonly policies: readonly Policy[];
  readonly thirdParty: ThirdPartyParts | undefined;
}

/** Of a route to an integration, or with `calls`. */
interface ThirdPartyParts {
  readonly with: ThirdParties;
  readonly facade: FacadeParts | undefined;
  readonly calls: CallsParts | undefined;
}

function callsThirdParties({ integrations, routes }: RoutesConfig): boolean {
  return integrations.size > 0 || [...routes.values()].some(({ core }) => core.calls !== undefined);
}

/** The parts of every route, in turns so that requests are served meanwhile. */
async function buildRoutes(
  parts: CompileParts,
  findings: Findings,
  thirdParties: ThirdParties | undefined,
): Promise<ReadonlyMap<RouteConfig, RouteParts>> {
  const { config } = parts.loaded;
  const built = new Map<RouteConfig, RouteParts>();
  for (const entry of config.routes.values()) {
    const policies = await buildPolicies(parts, entry, findings);
    const thirdParty = thirdParties && (await buildThirdParty(parts, entry, findings, thirdParties));
    built.set(entry, { policies, thirdParty });
    if (parts.turns.isOver) await parts.turns.rest();
  }
  return built;
}

async function buildPolicies(
  { loaded: { config, schemas }, modules, host, generation }: CompileParts,
  entry: RouteConfig,
  findings: Findings,
): Promise<readonly Policy[]> {
  const policies: Policy[] = [];
  for (const configured of entry.policies) {
    const env = policyEnv({ config, entry, host, generation, schemas, modules, findings }, configured.name);
    const made = configured.create(env);
    const policy = made instanceof Promise ? await made : made;
    if (policy !== undefined) policies.push(policy);
  }
  // A copy has the size it needs: there may be thousands of routes.
  return policies.slice();
}

async function buildThirdParty(
  { loaded: { config, schemas, texts }, host }: CompileParts,
  entry: RouteConfig,
  findings: Findings,
  thirdParties: ThirdParties,
): Promise<ThirdPartyParts> {
  const integration = config.integrations.get(entry.core.to ?? '');
  const env = { entry, texts, schemas, host, findings };
  const facade = integration && (await thirdParties.compileFacade(env, integration.settings));
  return { with: thirdParties, facade, calls: entry.core.calls && (await thirdParties.compileCalls(env)) };
}

/** Of the files of the configuration and of the modules it uses. */
function contentHash(files: string, { files: ownFiles }: ConfiguredModules): string {
  if (ownFiles.size === 0) return files;
  const hash = createHash('sha256').update(files);
  for (const [file, content] of [...ownFiles].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${file}\0${content}\0`);
  return hash.digest('hex').slice(0, files.length);
}

function assembleRoute(
  entry: RouteConfig,
  parts: RouteParts,
  called: CalledBuilder,
  calls: UpstreamCalls,
  host: Host,
): Route {
  const { name, core } = entry;
  const life = core.websocket
    ? { idleMs: core.websocket.idle, maxMs: core.websocket.max ?? Number.POSITIVE_INFINITY }
    : undefined;
  const { run, body } = callOf(entry, parts, called, calls, host, life);
  const pipeline = new Pipeline(
    parts.policies,
    body,
    core.timeout?.answer ?? Number.POSITIVE_INFINITY,
    run,
    host.recorder.crash,
  );
  return new Route({
    name,
    params: core.match.pattern.params,
    disabled: core.disabled,
    cors: isSet(entry, 'cors'),
    encodedSlashes: core.encoded_slashes ?? host.gateway.http.encoded_slashes,
    websocket: life !== undefined,
    tally: host.metrics.route(name, core.match.methods ?? []),
    pipeline,
  });
}

/** What follows the last policy of a route. */
function callOf(
  entry: RouteConfig,
  { thirdParty }: RouteParts,
  called: CalledBuilder,
  calls: UpstreamCalls,
  host: Host,
  life: TunnelLife | undefined,
): RouteCall {
  const to = entry.core.to ?? '';
  const thirdPartyCall = thirdParty && thirdPartyCallOf(entry, thirdParty, called, host);
  if (thirdPartyCall !== undefined) return { run: thirdPartyCall, body: bodyLimits(entry) };
  const upstream = called.upstreams.get(to);
  if (upstream === undefined) throw new Error(`route ${entry.name} was checked, but calls nothing`);
  return calls.of(entry, upstream, called.breakerOf(entry, upstream), life);
}

function thirdPartyCallOf(
  entry: RouteConfig,
  { with: { callThirdParty, compose, compositionOf }, facade, calls }: ThirdPartyParts,
  called: CalledBuilder,
  host: Host,
): ((x: Exchange) => void) | undefined {
  if (calls !== undefined) {
    const composition = compositionOf(entry, calls, called, host, crashing(host));
    return (x) => compose(x, composition);
  }
  const integration = called.integrations.get(entry.core.to ?? '');
  if (integration === undefined || facade === undefined) return undefined;
  const terms = integrationTerms(entry, integration, called.breakerOf(entry, integration), host);
  const whole = { ...facade, terms, crash: crashing(host) };
  return (x) => callThirdParty(x, whole);
}

function crashing({ recorder }: Host): (x: Exchange, error: unknown) => void {
  return (x, error) => crash(x, error, recorder.crash);
}

/** Headers that tenants add: nobody else may say them. */
function* tenantHeaderNames(config: RoutesConfig): Generator<string> {
  for (const tenant of config.tenantTable.all()) {
    for (let i = 0; i < tenant.headers.length; i += 2) yield tenant.headers[i] ?? '';
  }
}
