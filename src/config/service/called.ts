// What routes call: upstreams and integrations, built anew or taken over from the configuration before, and their breakers.
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Integration } from '../../integration/integration.ts';
import { Breaker, type Transition } from '../../resilience/breaker.ts';
import { messageOf } from '../../telemetry/thrown.ts';
import { Upstream } from '../../upstream/upstream.ts';
import type { Findings } from '../check/finding.ts';
import {
  type IntegrationConfig,
  placeOf,
  type RouteConfig,
  type RoutesConfig,
  type UpstreamConfig,
} from '../format/routes-config.ts';
import type { Host } from './host.ts';

/** What the routes of one configuration call, and the breakers of routes that have their own, by label. */
export interface Called {
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly integrations: ReadonlyMap<string, Integration>;
  readonly breakers: ReadonlyMap<string, Breaker>;
}

/** Builds it for a configuration; `previous` is what serves now, and stays as it is. */
export class CalledBuilder {
  readonly upstreams = new Map<string, Upstream>();
  readonly integrations = new Map<string, Integration>();
  readonly breakers = new Map<string, Breaker>();
  readonly #host: Host;
  readonly #previous: Called | undefined;
  readonly #folder: string;

  /** @param integration what integrations are made of; needed when the configuration has one. */
  constructor(
    config: RoutesConfig,
    host: Host,
    previous: Called | undefined,
    findings: Findings,
    integration: typeof Integration | undefined,
  ) {
    this.#host = host;
    this.#previous = previous;
    this.#folder = dirname(resolve(config.file));
    for (const entry of config.upstreams.values()) {
      const upstream = this.#reported(entry, findings, () => this.#upstream(entry));
      if (upstream !== undefined) this.upstreams.set(entry.name, upstream);
    }
    if (integration === undefined) return;
    for (const entry of config.integrations.values()) {
      const built = this.#reported(entry, findings, () => this.#integration(entry, config, integration));
      if (built !== undefined) this.integrations.set(entry.name, built);
    }
  }

  /** What was not there before: closed when it comes to nothing. */
  fresh(): readonly (Upstream | Integration)[] {
    const previous = this.#previous;
    return [
      ...[...this.upstreams.values()].filter((each) => previous?.upstreams.get(each.name) !== each),
      ...[...this.integrations.values()].filter((each) => previous?.integrations.get(each.name) !== each),
    ];
  }

  /** The breaker that guards a route's calls: its own when it names one, else that of what it calls. */
  breakerOf({ name, core, ownBreaker }: RouteConfig, called: Upstream | Integration): Breaker | undefined {
    if (!ownBreaker) return called.breaker;
    if (core.breaker === null) return undefined;
    const label = `route:${name}`;
    const before = this.#previous?.breakers.get(label);
    if (before !== undefined && isDeepStrictEqual(before.settings, core.breaker)) {
      this.breakers.set(label, before);
      return before;
    }
    const breaker = new Breaker(label, core.breaker, {
      onTransition: transitions(this.#host, label, { upstream: called.name, route: name }),
    });
    this.breakers.set(label, breaker);
    return breaker;
  }

  #upstream({ name, settings }: UpstreamConfig): Upstream {
    const host = this.#host;
    const before = this.#previous?.upstreams.get(name);
    if (before?.sameSettings(settings)) return before;
    return new Upstream(name, settings, {
      resolver: host.resolver,
      folder: this.#folder,
      onEvent: (level, event, fields) => host.events.log(level, event, fields),
      onTransition: transitions(host, settings.breaker === null ? undefined : name, { upstream: name }),
    });
  }

  #integration({ name, settings }: IntegrationConfig, config: RoutesConfig, Made: typeof Integration): Integration {
    const host = this.#host;
    const accounts = new Map(
      Array.from(config.tenants.values()).flatMap((tenant) => {
        const account = tenant.settings.credentials?.get(name);
        return account === undefined ? [] : [[tenant.name, account] as const];
      }),
    );
    const before = this.#previous?.integrations.get(name);
    if (before?.sameSettings(settings, accounts)) return before;
    return new Made(name, settings, {
      resolver: host.resolver,
      folder: this.#folder,
      accounts,
      metrics: host.metrics.integration(name),
      onEvent: (level, event, fields) => host.events.log(level, event, { integration: name, ...fields }),
      onTransition: transitions(host, settings.breaker === null ? undefined : name, { upstream: name }),
    });
  }

  #reported<T>(entry: UpstreamConfig | IntegrationConfig, findings: Findings, build: () => T): T | undefined {
    try {
      return build();
    } catch (error) {
      const hint = 'the files must be readable PEM, and the key must fit the certificate';
      findings.add(placeOf(entry, ['tls']), 'tls-material', messageOf(error), hint);
      return undefined;
    }
  }
}

/**
 * Counts and tells the changes of a breaker. What lives on with it must not hold the builder, which holds what served before.
 *
 * @param label of its series; undefined for none
 */
function transitions(
  host: Host,
  label: string | undefined,
  whose: Readonly<Record<string, string>>,
): (transition: Transition) => void {
  const counters = label === undefined ? undefined : host.metrics.breaker(label);
  return (transition) => {
    counters?.moveTo(transition.to);
    tellTransition(host, transition, whose);
  };
}

/** An opening says why; the other changes follow from it. */
function tellTransition(host: Host, transition: Transition, whose: Readonly<Record<string, string>>): void {
  const { to, failed, attempts, lastError, openMs } = transition;
  if (to !== 'open') return host.events.log('info', `breaker_${to}`, whose);
  host.events.log('warn', 'breaker_open', { ...whose, failed, attempts, last_error: lastError, open_ms: openMs });
}

/** Takes fresh ones into service: state is taken over from those of the same name before, checks begin. */
export function takeOver(now: Called, fresh: readonly (Upstream | Integration)[], previous: Called | undefined): void {
  for (const each of fresh) {
    if (each instanceof Upstream) adopt(each, previous?.upstreams.get(each.name));
    else adopt(each, previous?.integrations.get(each.name));
    each.start();
  }
  for (const [label, breaker] of now.breakers) {
    const before = previous?.breakers.get(label);
    if (before !== undefined && before !== breaker) breaker.adopt(before);
  }
}

function adopt<T>(fresh: { adoptFrom(old: T): void }, before: T | undefined): void {
  if (before !== undefined) fresh.adoptFrom(before);
}
