// A checked configuration → a snapshot that can serve: upstreams, breakers, policies and the match table, built off the path
// of requests. Nothing of what is in service changes before `Candidate.commit`.
import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Exchange } from '../../exchange/exchange.ts';
import { HeaderKinds } from '../../exchange/header-kinds.ts';
import type { ConfiguredModules } from '../../policies/module-loader.ts';
import type { Policy } from '../../policies/policy.ts';
import { Breaker, type Transition } from '../../resilience/breaker.ts';
import { Pipeline } from '../../route/pipeline.ts';
import { Route } from '../../route/route.ts';
import { Snapshot } from '../../route/snapshot.ts';
import { MatchTable } from '../../route/table.ts';
import { messageOf } from '../../telemetry/thrown.ts';
import { forward } from '../../upstream/forward.ts';
import { Upstream } from '../../upstream/upstream.ts';
import { openWebSocket } from '../../upstream/websocket.ts';
import { type Finding, Findings } from '../check/finding.ts';
import { isSet, placeOf, type RouteConfig, type RoutesConfig, type UpstreamConfig } from '../format/routes-config.ts';
import type { LoadedRoutes } from '../load/load-routes.ts';
import { callTerms } from './call-terms.ts';
import type { Host } from './host.ts';
import { policyEnv } from './policy-env.ts';
import { closeAll } from './retire.ts';

/** What one configuration consists of while it serves. */
export interface Service {
  readonly generation: number;
  readonly config: RoutesConfig;
  readonly snapshot: Snapshot;
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** Breakers of routes that have their own, by label. */
  readonly breakers: ReadonlyMap<string, Breaker>;
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
}

/** Longest that building routes holds up the requests being served. */
const TURN_MS = 5;

/** Builds a candidate; without one, `findings` say why. */
export async function compile(
  parts: CompileParts,
): Promise<{ readonly candidate?: Candidate; readonly findings: readonly Finding[] }> {
  const { loaded, host, generation, previous } = parts;
  const { config } = loaded;
  const findings = new Findings();
  const folder = dirname(resolve(config.file));
  const upstreams = new Map<string, Upstream>();
  for (const entry of config.upstreams.values()) {
    const upstream = buildUpstream(entry, host, folder, previous, findings);
    if (upstream !== undefined) upstreams.set(entry.name, upstream);
  }
  const built = await buildPolicies(parts, findings);
  const fresh = [...upstreams.values()].filter((each) => previous?.upstreams.get(each.name) !== each);
  if (findings.errors > 0) {
    await closeAll([...built.values()].flat(), host);
    await closeAll(fresh, host);
    return { findings: loaded.conceal(findings.all) };
  }
  const breakers = new Map<string, Breaker>();
  const routes = new Map<string, Route>();
  for (const entry of config.routes.values()) {
    const upstream = upstreams.get(entry.core.to);
    if (upstream === undefined) continue;
    const breaker = routeBreaker(entry, upstream, host, previous, breakers);
    routes.set(entry.name, buildRoute(entry, built.get(entry.name) ?? [], upstream, breaker, host));
  }
  const snapshot = new Snapshot({
    hash: contentHash(loaded.hash, parts.modules),
    table: matchTable(config, routes),
    routes,
    tenants: config.tenantTable,
    kinds: new HeaderKinds(tenantHeaderNames(config)),
  });
  const service: Service = { generation, config, snapshot, upstreams, breakers };
  return {
    findings: loaded.conceal(findings.all),
    candidate: { service, commit: () => takeOver(service, fresh, previous) },
  };
}

/** The policies of every route, in turns so that requests are served meanwhile. */
async function buildPolicies(
  { loaded: { config, schemas }, modules, host, generation }: CompileParts,
  findings: Findings,
): Promise<ReadonlyMap<string, readonly Policy[]>> {
  const built = new Map<string, readonly Policy[]>();
  let turn = performance.now();
  for (const entry of config.routes.values()) {
    const policies: Policy[] = [];
    for (const configured of entry.policies) {
      const env = policyEnv({ config, entry, host, generation, schemas, modules, findings }, configured.name);
      const policy = await configured.create(env);
      if (policy !== undefined) policies.push(policy);
    }
    built.set(entry.name, policies);
    if (performance.now() - turn > TURN_MS) {
      await nextTurn();
      turn = performance.now();
    }
  }
  return built;
}

/** Of the files of the configuration and of the modules it uses. */
function contentHash(files: string, { files: ownFiles }: ConfiguredModules): string {
  if (ownFiles.size === 0) return files;
  const hash = createHash('sha256').update(files);
  for (const [file, content] of [...ownFiles].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${file}\0${content}\0`);
  return hash.digest('hex').slice(0, files.length);
}

function buildUpstream(
  entry: UpstreamConfig,
  host: Host,
  folder: string,
  previous: Service | undefined,
  findings: Findings,
): Upstream | undefined {
  const { name, settings } = entry;
  const before = previous?.upstreams.get(name);
  if (before?.sameSettings(settings)) return before;
  const counters = settings.breaker === null ? undefined : host.metrics.breaker(name);
  try {
    return new Upstream(name, settings, {
      resolver: host.resolver,
      folder,
      onEvent: (level, event, fields) => host.events.log(level, event, fields),
      onTransition: (transition) => {
        counters?.moveTo(transition.to);
        tellTransition(host, transition, { upstream: name });
      },
    });
  } catch (error) {
    const reason = messageOf(error);
    findings.add(
      placeOf(entry, ['tls']),
      'tls-material',
      reason,
      'the files must be readable PEM, and the key must fit the certificate',
    );
    return undefined;
  }
}

/** The breaker that guards a route's calls: its own when it names one, else the upstream's. */
function routeBreaker(
  { name, core, ownBreaker }: RouteConfig,
  upstream: Upstream,
  host: Host,
  previous: Service | undefined,
  breakers: Map<string, Breaker>,
): Breaker | undefined {
  if (!ownBreaker) return upstream.breaker;
  if (core.breaker === null) return undefined;
  const label = `route:${name}`;
  const before = previous?.breakers.get(label);
  if (before !== undefined && isDeepStrictEqual(before.settings, core.breaker)) {
    breakers.set(label, before);
    return before;
  }
  const counters = host.metrics.breaker(label);
  const breaker = new Breaker(label, core.breaker, {
    onTransition: (transition) => {
      counters.moveTo(transition.to);
      tellTransition(host, transition, { upstream: upstream.name, route: name });
    },
  });
  breakers.set(label, breaker);
  return breaker;
}

/** An opening says why; the other changes follow from it. */
function tellTransition(host: Host, transition: Transition, whose: Readonly<Record<string, string>>): void {
  const { to, failed, attempts, lastError, openMs } = transition;
  if (to !== 'open') return host.events.log('info', `breaker_${to}`, whose);
  host.events.log('warn', 'breaker_open', { ...whose, failed, attempts, last_error: lastError, open_ms: openMs });
}

function buildRoute(
  entry: RouteConfig,
  policies: readonly Policy[],
  upstream: Upstream,
  breaker: Breaker | undefined,
  host: Host,
): Route {
  const { name, core } = entry;
  const terms = callTerms(entry, upstream, breaker, host);
  const websocket = core.websocket
    ? { idleMs: core.websocket.idle, maxMs: core.websocket.max ?? Number.POSITIVE_INFINITY }
    : undefined;
  const call =
    websocket === undefined
      ? (x: Exchange) => forward(x, terms)
      : (x: Exchange) => (x.upgrading ? openWebSocket(x, terms, websocket) : forward(x, terms));
  const pipeline = new Pipeline(policies, terms.body, terms.answerMs, call, host.recorder.crash);
  return new Route({
    name,
    params: core.match.pattern.params,
    disabled: core.disabled,
    cors: isSet(entry, 'cors'),
    encodedSlashes: core.encoded_slashes ?? host.gateway.http.encoded_slashes,
    websocket,
    tally: host.metrics.route(name, core.match.methods ?? []),
    pipeline,
  });
}

function matchTable(config: RoutesConfig, routes: ReadonlyMap<string, Route>): MatchTable<Route> {
  const entries = Array.from(routes, ([name, value]) => {
    const entry = config.routes.get(name);
    if (entry === undefined) throw new Error(`route ${name} was compiled but never configured`);
    return { name, match: entry.core.match, value };
  });
  return MatchTable.build(entries).table;
}

/** Headers that tenants add: nobody else may say them. */
function* tenantHeaderNames(config: RoutesConfig): Generator<string> {
  for (const tenant of config.tenantTable.all()) {
    for (let i = 0; i < tenant.headers.length; i += 2) yield tenant.headers[i] ?? '';
  }
}

function takeOver(service: Service, fresh: readonly Upstream[], previous: Service | undefined): void {
  for (const upstream of fresh) {
    const before = previous?.upstreams.get(upstream.name);
    if (before !== undefined) upstream.adoptFrom(before);
    upstream.start();
  }
  for (const [label, breaker] of service.breakers) {
    const before = previous?.breakers.get(label);
    if (before !== undefined && before !== breaker) breaker.adopt(before);
  }
}
