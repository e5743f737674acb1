// One of `integrations`: all that calls to a third party share: its client, who we are there, its budget, breaker and retry budget.
import { isDeepStrictEqual } from 'node:util';
import { Breaker, type BreakerState, type Transition } from '../resilience/breaker.ts';
import { Budget } from '../resilience/budget.ts';
import type { IntegrationMetrics } from '../telemetry/integration-metrics.ts';
import { matcher } from '../tenant/cidr.ts';
import type { Tenant } from '../tenant/tenants.ts';
import type { Resolver } from '../upstream/resolver.ts';
import { Client } from './client/client.ts';
import { type Credentials, createCredentials } from './credentials/index.ts';
import { type Account, PER_TENANT } from './credentials/settings.ts';
import { Pacer, type PaceSettings } from './pace/pacer.ts';
import type { IntegrationSettings } from './settings.ts';

export interface IntegrationOptions {
  readonly resolver: Resolver;
  /** What relative paths in `tls` are relative to: the folder of routes.yaml. */
  readonly folder: string;
  /** Tenants' own accounts, by the tenant's id. */
  readonly accounts: ReadonlyMap<string, Account>;
  readonly metrics: IntegrationMetrics;
  /** Structured event log; `event` names are stable. */
  readonly onEvent: (level: 'info' | 'warn', event: string, fields: Record<string, unknown>) => void;
  /** The breaker's state changed. */
  readonly onTransition: (transition: Transition) => void;
}

/** For the status API. */
export interface IntegrationStatus {
  readonly url: string;
  readonly breaker: BreakerState | 'none';
  readonly in_flight: number;
  readonly waiting: number;
  /** Milliseconds until the third party may be called again: its rate, or a pause it asked for. */
  readonly next_call_ms: number;
  /** Why a call failed last, for want of a token, too. */
  readonly last_error?: string;
  /** When that was, RFC 3339. */
  readonly last_error_at?: string;
}

/** The key of the budget that all tenants share. */
const SHARED = '';

export class Integration {
  readonly name: string;
  readonly settings: IntegrationSettings;
  readonly client: Client;
  readonly credentials: Credentials;
  /** Undefined when switched off. */
  readonly breaker: Breaker | undefined;
  readonly budget: Budget;
  readonly #options: IntegrationOptions;
  readonly #pace: PaceSettings | undefined;
  /** By tenant where each has its own account; else the one that all share. Kept over reloads. */
  #pacers = new Map<string, Pacer>();
  #lastError = '';
  /** Since 1970; 0 when nothing has failed. */
  #lastErrorAtMs = 0;
  /** A newer configuration goes on with its pacers. */
  #handedOver = false;

  /** @throws Error when certificates cannot be read or do not fit their key. */
  constructor(name: string, settings: IntegrationSettings, options: IntegrationOptions) {
    const { url, tls, timeout, response_max: responseMaxBytes, addresses } = settings;
    const { resolver, folder, accounts, onEvent } = options;
    const allowed = addresses && matcher(addresses);
    const lookup = resolver.lookup.bind(resolver);
    this.name = name;
    this.settings = settings;
    this.#options = options;
    this.#pace = paceOf(settings);
    this.client = new Client(
      {
        url,
        connectMs: timeout.connect,
        responseMaxBytes,
        requestMaxBytes: Number.POSITIVE_INFINITY,
        tls,
        addresses: allowed,
      },
      { lookup, folder, onEvent },
    );
    this.credentials = createCredentials(settings.auth, {
      name,
      url,
      tls,
      addresses: allowed,
      lookup,
      folder,
      onEvent,
      accounts: () => accounts,
    });
    this.budget = new Budget(settings.retry_budget);
    this.breaker = settings.breaker
      ? new Breaker(name, settings.breaker, { onTransition: options.onTransition })
      : undefined;
  }

  /** Where it is, as logs say it. */
  get target(): string {
    return this.settings.url.href;
  }

  /** Whether each tenant has its own account, and so its own budget with the vendor. */
  get perTenant(): boolean {
    return this.settings.auth === PER_TENANT;
  }

  /** What the call of a tenant is paced by; undefined for no pace. */
  pacerOf(tenant: Tenant | undefined): Pacer | undefined {
    const pace = this.#pace;
    if (pace === undefined) return undefined;
    const key = this.perTenant ? (tenant?.id ?? SHARED) : SHARED;
    let pacer = this.#pacers.get(key);
    if (pacer === undefined) {
      pacer = this.#createPacer(pace, key);
      this.#pacers.set(key, pacer);
    }
    return pacer;
  }

  /** Keeps why a call failed, for whoever asks. */
  remember(why: string): void {
    this.#lastError = why;
    this.#lastErrorAtMs = Date.now();
  }

  /** Called when the configuration it belongs to is taken into service. */
  start(): void {
    this.client.start();
    this.credentials.start?.();
  }

  /** Whether a reload can keep this object as it is. */
  sameSettings(settings: IntegrationSettings, accounts: ReadonlyMap<string, Account>): boolean {
    return isDeepStrictEqual(this.settings, settings) && isDeepStrictEqual(this.#options.accounts, accounts);
  }

  /** Takes over from the integration of the same name in the configuration before: call it just before `start`. */
  adoptFrom(old: Integration): void {
    this.budget.adopt(old.budget);
    if (old.breaker !== undefined) this.breaker?.adopt(old.breaker);
    this.#lastError = old.#lastError;
    this.#lastErrorAtMs = old.#lastErrorAtMs;
    if (this.#pace === undefined) return;
    // The same pacers, also under another pace: with two of them side by side the third party would get both their rates.
    this.#pacers = old.#pacers;
    old.#handedOver = true;
    if (isDeepStrictEqual(this.#pace, old.#pace)) return;
    for (const pacer of this.#pacers.values()) pacer.change(this.#pace);
  }

  status(): IntegrationStatus {
    const pacers = [...this.#pacers.values()];
    const paced = pacers.reduce((sum, { inFlight }) => sum + inFlight, 0);
    const at = this.#lastErrorAtMs;
    return {
      url: this.target,
      breaker: this.breaker?.state ?? 'none',
      in_flight: this.#pace === undefined ? this.client.inFlight : paced,
      waiting: pacers.reduce((sum, { depth }) => sum + depth, 0),
      next_call_ms: Math.ceil(Math.max(0, ...pacers.map(({ waitMs }) => waitMs))),
      ...(at > 0 && { last_error: this.#lastError, last_error_at: new Date(at).toISOString() }),
    };
  }

  /** When the first certificate that its calls depend on expires, in seconds since 1970; undefined when none is known. */
  certificateExpiryS(): number | undefined {
    return this.client.certificateExpiryS();
  }

  /** After the last call has ended. Idempotent. */
  async close(): Promise<void> {
    this.breaker?.shutdown();
    if (!this.#handedOver) for (const pacer of this.#pacers.values()) pacer.close();
    await Promise.all([this.client.close(), this.credentials.close?.()]);
  }

  #createPacer(pace: PaceSettings, key: string): Pacer {
    const { metrics, onEvent } = this.#options;
    return new Pacer(pace, {
      depth: metrics.depth,
      waited: metrics.waited,
      refusals: metrics.refusals,
      onPause: (pauseMs, status) => {
        metrics.pauses.value++;
        const whose = key === SHARED ? {} : { tenant: key };
        onEvent('warn', 'pace_paused', { ...whose, pause_ms: Math.round(pauseMs), status });
      },
    });
  }
}

function paceOf({ pace }: IntegrationSettings): PaceSettings | undefined {
  if (!pace) return undefined;
  const { rate, concurrency, queue, wait, share } = pace;
  return { rate, concurrency: concurrency ?? Number.POSITIVE_INFINITY, queue, waitMs: wait, share };
}
