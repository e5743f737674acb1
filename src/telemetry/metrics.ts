// Every metric of the gateway: made here, resolved by name at load, kept over reloads, gone with what they measure.
import { Registry } from 'prom-client';
import { expose } from './exposition.ts';
import type { ExpositionFormat, Family } from './families.ts';
import { FamilyGroup } from './family-group.ts';
import type { Counter, Histogram } from './instruments.ts';
import { IntegrationFamilies, IntegrationMetrics } from './integration-metrics.ts';
import { EventLoopLag, processRegistry } from './process-metrics.ts';
import { RouteFamilies, RouteMetrics } from './route-metrics.ts';
import { TenantMetrics } from './tenant-metrics.ts';
import { BreakerFamilies, BreakerMetrics, UpstreamFamilies, UpstreamMetrics } from './upstream-metrics.ts';

const OVERHEAD_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1] as const;

/** Label of requests that no route matched. */
const UNMATCHED_ROUTE = '_unmatched';

export interface MetricsSettings {
  /** Version of the gateway, for `sluice_build_info`. */
  readonly version: string;
  /** Tenants with series of their own (`metrics.tenants`); the others share `_other`. */
  readonly maxTenants: number;
}

/** What the current snapshot knows; see {@link Metrics.retain}. */
export interface KnownNames {
  readonly routes: { has(name: string): boolean };
  readonly upstreams: { has(name: string): boolean };
  readonly integrations: { has(name: string): boolean };
  /** Labels of breakers: names of upstreams, or `route:NAME`. */
  readonly breakers: { has(label: string): boolean };
  readonly tenants: { has(id: string): boolean };
}

/** The families of the gateway as a whole, and those whose owner is looked up here. */
class GatewayFamilies extends FamilyGroup {
  readonly overhead = this.histogram(
    'sluice_overhead_duration_seconds',
    'Time a request spent in the gateway itself.',
    OVERHEAD_BOUNDS,
  );
  readonly tenantRequests = this.counter('sluice_tenant_requests_total', 'Requests by tenant.', 'tenant', 'outcome');
  readonly reloads = this.counter('sluice_config_reloads_total', 'Configurations loaded or refused.', 'result');
  readonly reloadSuccessful = this.gauge(
    'sluice_config_last_reload_successful',
    '1 when the last configuration was loaded.',
  );
  readonly reloadTimestamp = this.gauge(
    'sluice_config_last_reload_success_timestamp_seconds',
    'When a configuration was last loaded.',
  );
  readonly configInfo = this.gauge('sluice_config_info', 'Hash of the configuration in use.', 'hash');
  readonly certificateExpiry = this.gauge(
    'sluice_certificate_expiry_timestamp_seconds',
    'When the certificate of a listener, or the first to expire of those that calls to an upstream depend on, ours and its own, expires.',
    'upstream',
    'listener',
  );
  readonly folded = this.counter(
    'sluice_metrics_series_dropped_total',
    'Samples counted under a shared series because their metric has reached its limit of series.',
    'metric',
  );
  readonly logLines = this.counter(
    'sluice_log_lines_dropped_total',
    'Log lines given up: their destination is too slow.',
  );
  readonly logWrites = this.counter(
    'sluice_log_write_errors_total',
    'Writes of log lines that failed, as on a full disk.',
  );
  readonly lag = this.gauge('sluice_eventloop_lag_seconds', 'Delay of the event loop over 15 seconds.', 'percentile');
  readonly build = this.gauge('sluice_build_info', 'Version of the gateway and its runtime.', 'version', 'node');
}

/**
 * The gateway's metrics, one instance per process. Whatever `route`, `upstream`, `breaker` and `tenant` return stays the same
 * for a name until {@link retain} finds the name gone.
 */
export class Metrics {
  /** prom-client's registry of all our families, for an embedder who merges it with their own. */
  readonly registry = new Registry();
  /** Time spent in the gateway itself: whole duration less the wait for upstreams. In seconds. */
  readonly overhead: Histogram;
  /** Log lines given up because their destination is too slow or broken. */
  readonly logLinesDropped: Counter;
  /** Writes that the log's destination refused: a full disk, a reader gone. */
  readonly logWriteErrors: Counter;
  /** Requests that no route matched. */
  readonly unmatched: RouteMetrics;

  readonly #gateway = new GatewayFamilies(this.registry);
  readonly #routeFamilies = new RouteFamilies(this.registry, this.#gateway.folded);
  readonly #upstreamFamilies = new UpstreamFamilies(this.registry);
  readonly #breakerFamilies = new BreakerFamilies(this.registry);
  readonly #integrationFamilies = new IntegrationFamilies(this.registry);
  readonly #lag: EventLoopLag;

  readonly #routes = new Map<string, RouteMetrics>();
  readonly #upstreams = new Map<string, UpstreamMetrics>();
  readonly #breakers = new Map<string, BreakerMetrics>();
  readonly #integrations = new Map<string, IntegrationMetrics>();
  readonly #tenants = new Map<string, TenantMetrics>();
  readonly #otherTenants: TenantMetrics;
  readonly #tenantsFolded: Counter;
  readonly #maxTenants: number;
  /** Those of the snapshot in use: the last request of one that has gone does not bring its series back. */
  #knownTenants: KnownNames['tenants'] = { has: () => true };
  #configHash = '';

  constructor({ version, maxTenants }: MetricsSettings) {
    const { overhead, tenantRequests, folded, logLines, logWrites, reloads, build, lag } = this.#gateway;
    this.overhead = overhead.cell();
    this.logLinesDropped = logLines.cell();
    this.logWriteErrors = logWrites.cell();
    this.unmatched = new RouteMetrics(UNMATCHED_ROUTE, this.#routeFamilies, []);
    this.#maxTenants = maxTenants;
    this.#otherTenants = new TenantMetrics('_other', tenantRequests);
    this.#tenantsFolded = folded.cell(tenantRequests.name);
    reloads.cell('success');
    reloads.cell('failure');
    build.cell(version, process.versions.node).value = 1;
    this.#lag = new EventLoopLag(lag);
  }

  /** Every family, as a scrape shows them. */
  get families(): readonly Family[] {
    return [
      this.#routeFamilies,
      this.#upstreamFamilies,
      this.#breakerFamilies,
      this.#integrationFamilies,
      this.#gateway,
    ].flatMap(({ all }) => all);
  }

  /** A route's series, from 0 for the successes of `methods`. At load. */
  route(name: string, methods: readonly string[] = []): RouteMetrics {
    let route = this.#routes.get(name);
    if (route === undefined) {
      route = new RouteMetrics(name, this.#routeFamilies, methods);
      this.#routes.set(name, route);
    } else {
      route.expect(methods);
    }
    return route;
  }

  /** At load. */
  upstream(name: string): UpstreamMetrics {
    let upstream = this.#upstreams.get(name);
    if (upstream === undefined) {
      upstream = new UpstreamMetrics(name, this.#upstreamFamilies);
      this.#upstreams.set(name, upstream);
    }
    return upstream;
  }

  /** What only an integration has; its attempts are counted as those of an upstream. At load. */
  integration(name: string): IntegrationMetrics {
    let integration = this.#integrations.get(name);
    if (integration === undefined) {
      integration = new IntegrationMetrics(name, this.#integrationFamilies);
      this.#integrations.set(name, integration);
    }
    return integration;
  }

  /** At load; `label` is the name of an upstream, or `route:NAME`. */
  breaker(label: string): BreakerMetrics {
    let breaker = this.#breakers.get(label);
    if (breaker === undefined) {
      breaker = new BreakerMetrics(label, this.#breakerFamilies);
      this.#breakers.set(label, breaker);
    }
    return breaker;
  }

  /** A tenant's series. Per request: who has series of their own is decided by who calls, not by the order of a file. */
  tenant(id: string): TenantMetrics {
    const known = this.#tenants.get(id);
    if (known !== undefined) return known;
    if (!this.#knownTenants.has(id)) return this.#otherTenants;
    if (this.#tenants.size >= this.#maxTenants) {
      this.#tenantsFolded.value++;
      return this.#otherTenants;
    }
    const tenant = new TenantMetrics(id, this.#gateway.tenantRequests);
    this.#tenants.set(id, tenant);
    return tenant;
  }

  /** A configuration is in use. `at` in milliseconds since the epoch. */
  configLoaded(hash: string, at: number): void {
    this.#gateway.reloads.cell('success').value++;
    this.#gateway.reloadSuccessful.cell().value = 1;
    this.#gateway.reloadTimestamp.cell().value = at / 1000;
    this.#gateway.configInfo.removeOwner(this.#configHash);
    this.#gateway.configInfo.cell(hash).value = 1;
    this.#configHash = hash;
  }

  /** A configuration was refused; the last good one goes on. */
  configRefused(): void {
    this.#gateway.reloads.cell('failure').value++;
    this.#gateway.reloadSuccessful.cell().value = 0;
  }

  /** `at` in milliseconds since the epoch. */
  listenerCertificate(listener: string, at: number): void {
    this.#gateway.certificateExpiry.cell('', listener).value = at / 1000;
  }

  /** The client certificate shown to an upstream; `at` in milliseconds since the epoch. */
  upstreamCertificate(upstream: string, at: number): void {
    this.#gateway.certificateExpiry.cell(upstream).value = at / 1000;
  }

  /** Drops the series of whatever the snapshot in use does not know. After each reload, also a refused one. */
  retain(known: KnownNames): void {
    removeUnknown(this.#routes, known.routes);
    removeUnknown(this.#breakers, known.breakers);
    removeUnknown(this.#integrations, known.integrations);
    removeUnknown(this.#tenants, known.tenants);
    this.#knownTenants = known.tenants;
    for (const name of removeUnknown(this.#upstreams, known.upstreams))
      this.#gateway.certificateExpiry.removeOwner(name);
  }

  /** `refresh` brings what is read off live objects up to date: targets by state, certificates of upstreams. */
  refreshWith(refresh: () => void): void {
    this.#upstreamFamilies.targets.onRead = refresh;
    this.#gateway.certificateExpiry.onRead = refresh;
  }

  /** The text of a scrape, in pieces; see {@link expose}. */
  exposition(format: ExpositionFormat): AsyncGenerator<string, void, undefined> {
    return expose(this.families, processRegistry(), format);
  }

  /** Stops watching the event loop. */
  close(): void {
    this.#lag.close();
  }
}

function removeUnknown(
  table: Map<string, { remove(): void }>,
  known: { has(name: string): boolean },
): readonly string[] {
  const gone = [...table.keys()].filter((name) => !known.has(name));
  for (const name of gone) {
    table.get(name)?.remove();
    table.delete(name);
  }
  return gone;
}
