// One of `upstreams`: its targets and all that their calls share: breaker, retry budget, and the count of calls in flight.
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { Breaker, type BreakerState, type Transition } from '../resilience/breaker.ts';
import { Budget } from '../resilience/budget.ts';
import { type ConnectorOptions, createConnector } from './connector.ts';
import { Ejection, type EjectionHooks } from './ejection.ts';
import { HealthCheck, type HealthHooks } from './health.ts';
import type { Resolver } from './resolver.ts';
import type { UpstreamSettings } from './settings.ts';
import { Target, type TargetState } from './target.ts';
import { type TargetCounts, Targets } from './targets.ts';
import { TlsSource } from './tls.ts';

export interface UpstreamOptions {
  /** One for the whole gateway, over its configurations. */
  readonly resolver: Resolver;
  /** What relative paths in `tls` are relative to: the folder of routes.yaml. */
  readonly folder: string;
  /** Structured event log; `event` names are stable. */
  readonly onEvent: (level: 'info' | 'warn', event: string, fields: Record<string, unknown>) => void;
  /** The breaker's state changed. */
  readonly onTransition: (transition: Transition) => void;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

/** For the status API. */
export interface UpstreamStatus {
  readonly breaker: BreakerState | 'none';
  readonly in_flight: number;
  readonly counts: TargetCounts;
  readonly targets: readonly TargetStatus[];
}

export interface TargetStatus {
  readonly url: string;
  readonly state: TargetState;
  /** Whether active checks ask it; without them its state is what the traffic last said. */
  readonly checked: boolean;
  readonly pending: number;
  readonly failures_in_row: number;
  readonly last_error?: string;
  /** RFC 3339. */
  readonly last_error_at?: string;
  /** When an ejected one is used again, RFC 3339. */
  readonly returns_at?: string;
}

export class Upstream {
  readonly name: string;
  readonly settings: UpstreamSettings;
  readonly targets: Targets;
  /** Undefined when switched off. */
  readonly breaker: Breaker | undefined;
  readonly budget: Budget;
  /** Shared with the upstream's predecessors, whose calls may still be under way. */
  #load = { inFlight: 0 };
  readonly #options: UpstreamOptions;
  readonly #now: () => number;
  readonly #tls: TlsSource | undefined;
  /** Connections being made, to any target. */
  readonly #pending = new Set<Socket>();
  /** Targets whose health is known from checks of an earlier configuration. */
  readonly #checked = new Set<Target>();
  #checks: readonly HealthCheck[] = [];
  #closed: Promise<void> | undefined = undefined;

  /** @throws Error when certificates cannot be read or do not fit their key. */
  constructor(name: string, settings: UpstreamSettings, options: UpstreamOptions) {
    this.name = name;
    this.settings = settings;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#tls = settings.tls && new TlsSource(settings.tls, options.folder);
    const connect = this.#connector(settings.timeout.connect);
    const all = settings.targets.map((each) => new Target(each, settings.connections, connect));
    this.#watchAttempts(all);
    this.targets = new Targets(all, settings.balance.by, this.#now);
    this.budget = new Budget(settings.retry_budget, this.#now);
    this.breaker = this.#createBreaker();
  }

  /** What `targets.pick` hashes, when it does. */
  get hashBy(): 'tenant' | 'client' | undefined {
    return this.settings.balance.hash;
  }

  /** Whether targets get the client's own `Host`. */
  get preservesHost(): boolean {
    return this.settings.host === 'preserve';
  }

  get inFlight(): number {
    return this.#load.inFlight;
  }

  /** Counts a call in; false when `concurrency` calls are in flight already. */
  enter(): boolean {
    const { concurrency } = this.settings;
    if (concurrency !== null && this.#load.inFlight >= concurrency) return false;
    this.#load.inFlight += 1;
    return true;
  }

  /** Counts a call out, once for each that entered. */
  leave(): void {
    this.#load.inFlight -= 1;
  }

  /** Begins to check targets and watch files. Called when the configuration it belongs to is taken into service. */
  start(): void {
    this.#tls?.watch(
      () => this.#renewConnections(),
      (error) => this.#event('warn', 'tls_reload_failed', { error: error.message }),
    );
    this.#checks = this.#createChecks();
    for (const check of this.#checks) check.start();
  }

  /** Whether a reload can keep this object as it is. */
  sameSettings(settings: UpstreamSettings): boolean {
    return isDeepStrictEqual(this.settings, settings);
  }

  /** Takes over from the upstream of the same name in the configuration before: call it just before `start`. */
  adoptFrom(old: Upstream): void {
    this.#load = old.#load;
    this.budget.adopt(old.budget);
    if (old.breaker !== undefined) this.breaker?.adopt(old.breaker);
    const known = new Map(old.targets.all.map((target) => [target.href, target]));
    for (const target of this.targets.all) {
      const before = known.get(target.href);
      if (before !== undefined) this.#adoptTarget(target, before, old);
    }
  }

  status(): UpstreamStatus {
    return {
      breaker: this.breaker?.state ?? 'none',
      in_flight: this.inFlight,
      counts: this.targets.counts(),
      targets: this.targets.all.map((target) => this.#targetStatus(target)),
    };
  }

  #targetStatus({ href, state, pending, failures, lastError, lastErrorAtMs, ejectedUntil }: Target): TargetStatus {
    return {
      url: href,
      state,
      checked: this.#checks.length > 0,
      pending,
      failures_in_row: failures,
      ...(lastErrorAtMs > 0 && { last_error: lastError, last_error_at: new Date(lastErrorAtMs).toISOString() }),
      ...(ejectedUntil > 0 && { returns_at: new Date(Date.now() + ejectedUntil - this.#now()).toISOString() }),
    };
  }

  /** When the first certificate that calls here depend on expires, in seconds since 1970; undefined when none is known. */
  certificateExpiryS(): number | undefined {
    const peers = this.targets.all.map((target) => target.peerExpiresAtMs);
    const known = [this.#tls?.expiresAtMs, ...peers].filter((each) => each !== undefined);
    return known.length === 0 ? undefined : Math.min(...known) / 1000;
  }

  /** Stops checks and timers, lets calls under way end, and closes their connections. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#tls?.close();
    this.breaker?.shutdown();
    const checks = this.#checks.map((check) => check.close());
    // With no call left nobody waits for them, and they would keep a process from its end until the connect timeout.
    if (this.inFlight === 0) for (const socket of this.#pending) socket.destroy();
    await Promise.all([...checks, ...this.targets.all.map((target) => target.connections.close())]);
  }

  #connector(connectTimeoutMs: number): ConnectorOptions {
    return { connectTimeoutMs, lookup: this.#options.resolver.lookup, tls: this.#tls, pending: this.#pending };
  }

  #watchAttempts(targets: readonly Target[]): void {
    const { eject } = this.settings;
    if (eject === null) return;
    const hooks: EjectionHooks = {
      onEjected: ({ href, failures, lastError }, forMs) =>
        this.#event('warn', 'target_ejected', {
          target: href,
          failures_in_row: failures,
          last_error: lastError,
          for_ms: forMs,
        }),
      onReturned: ({ href }) => this.#event('info', 'target_returned', { target: href }),
    };
    const ejection = new Ejection(eject, targets, hooks, this.#now);
    for (const target of targets) target.ejection = ejection;
  }

  #createBreaker(): Breaker | undefined {
    const { breaker } = this.settings;
    if (breaker === null) return undefined;
    return new Breaker(this.name, breaker, { now: this.#now, onTransition: this.#options.onTransition });
  }

  #createChecks(): HealthCheck[] {
    const { health } = this.settings;
    if (health === undefined || health === null) return [];
    const connect = createConnector(this.#connector(health.timeout));
    const hooks: HealthHooks = {
      onUnhealthy: ({ href }, why) => this.#event('warn', 'target_unhealthy', { target: href, why }),
      onHealthy: (target) => {
        target.returnedAt = this.#now();
        this.#event('info', 'target_healthy', { target: target.href });
      },
    };
    return this.targets.all.map((each) => new HealthCheck(each, health, this.#checked.has(each), connect, hooks));
  }

  #adoptTarget(target: Target, before: Target, old: Upstream): void {
    target.adopt(before);
    // What is no longer watched cannot come back by itself.
    if (this.settings.eject === null) target.ejectedUntil = 0;
    if (!this.settings.health) target.unhealthy = false;
    else if (old.settings.health) this.#checked.add(target);
  }

  #renewConnections(): void {
    this.#event('info', 'tls_reloaded', {});
    // Calls under way end in their own time.
    for (const target of this.targets.all) void target.connections.renew();
  }

  #event(level: 'info' | 'warn', event: string, fields: Record<string, unknown>): void {
    this.#options.onEvent(level, event, { upstream: this.name, ...fields });
  }
}
