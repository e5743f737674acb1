// What the admin app shows of this gateway: the configuration in service and how it does.

import { shownConfig } from '../config/explain/shown.ts';
import type { Host } from '../config/service/host.ts';
import type { Configuration } from '../config/service/reload.ts';
import type { Machine } from '../gateway.ts';
import type { AdminView, Readiness } from './app.ts';

/** Most that a probe's answer tells. */
const WARNINGS = 50;

export class GatewayView implements AdminView {
  readonly metrics: AdminView['metrics'];
  readonly #machine: Machine;
  readonly #configuration: Configuration;

  constructor(machine: Machine, configuration: Configuration, host: Host) {
    this.#machine = machine;
    this.#configuration = configuration;
    this.metrics = host.metrics;
    host.metrics.refreshWith(() => this.#refreshGauges(host));
  }

  ready(): Readiness {
    const reasons = this.#machine.reply.draining ? ['draining'] : [];
    return { ready: reasons.length === 0, reasons };
  }

  warnings(): readonly string[] {
    const { service } = this.#configuration;
    const deserted = [...(service?.upstreams.values() ?? [])].filter(({ targets }) => targets.counts().healthy === 0);
    const open = breakersOf(service).filter(({ state }) => state === 'open');
    const { shortOf } = this.#machine.pressure;
    return [
      ...(shortOf === undefined ? [] : [`new requests are refused: the process is short of ${shortOf}`]),
      ...deserted.map(({ name }) => `upstream ${name} has no healthy target`),
      ...open.map(({ label }) => `breaker ${label} is open`),
    ].slice(0, WARNINGS);
  }

  config(): unknown {
    const { service, files } = this.#configuration;
    return service === undefined ? {} : { hash: service.snapshot.hash, files, ...shownConfig(service.config) };
  }

  status(): unknown {
    const { service, records, refusedFor, isCurrent } = this.#configuration;
    return {
      config_hash: service?.snapshot.hash,
      ready: this.ready().ready,
      uptime_s: Math.round(process.uptime()),
      in_flight: this.#machine.live.size,
      short_of: this.#machine.pressure.shortOf ?? null,
      last_reload_successful: isCurrent,
      last_reload_findings: refusedFor,
      reloads: records,
      upstreams: Object.fromEntries(
        Array.from(service?.upstreams ?? [], ([name, upstream]) => [name, upstream.status()]),
      ),
      integrations: Object.fromEntries(
        Array.from(service?.integrations ?? [], ([name, integration]) => [name, integration.status()]),
      ),
      route_breakers: Object.fromEntries(Array.from(service?.breakers ?? [], ([label, { state }]) => [label, state])),
      next_probes: nextProbes(service),
      tenants: service?.snapshot.tenants.size ?? 0,
    };
  }

  /** What is read off live objects rather than counted: states of targets, expiry of certificates. */
  #refreshGauges({ metrics }: Host): void {
    for (const [name, upstream] of this.#configuration.service?.upstreams ?? []) {
      const { targets } = metrics.upstream(name);
      const counts = upstream.targets.counts();
      targets.healthy.value = counts.healthy;
      targets.unhealthy.value = counts.unhealthy;
      targets.ejected.value = counts.ejected;
      const expiresAtS = upstream.certificateExpiryS();
      if (expiresAtS !== undefined) metrics.upstreamCertificate(name, expiresAtS * 1000);
    }
    for (const [name, integration] of this.#configuration.service?.integrations ?? []) {
      // It has one target, which nothing checks: how its calls fare is all that is known.
      const { targets } = metrics.upstream(name);
      const isClosed = (integration.breaker?.state ?? 'closed') === 'closed';
      targets.healthy.value = isClosed ? 1 : 0;
      targets.unhealthy.value = isClosed ? 0 : 1;
      const expiresAtS = integration.certificateExpiryS();
      if (expiresAtS !== undefined) metrics.upstreamCertificate(name, expiresAtS * 1000);
    }
  }
}

/** Those of upstreams and integrations, then those that routes have of their own. */
function breakersOf(service: Configuration['service']) {
  const called = [...(service?.upstreams.values() ?? []), ...(service?.integrations.values() ?? [])];
  return [...called.flatMap(({ breaker }) => breaker ?? []), ...(service?.breakers.values() ?? [])];
}

/** When each open breaker lets its next probe through, by label, RFC 3339. */
function nextProbes(service: Configuration['service']): Record<string, string> {
  return Object.fromEntries(
    breakersOf(service).flatMap((breaker) => {
      const inMs = breaker.nextProbeMs();
      return inMs === undefined ? [] : [[breaker.label, new Date(Date.now() + inMs).toISOString()]];
    }),
  );
}
