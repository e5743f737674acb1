// One instance of an upstream: where it is, its connections, and what is known of its health.
import type { AttemptResult } from '../resilience/outcome.ts';
import type { TargetState } from '../telemetry/upstream-metrics.ts';
import { hashOf } from './balance.ts';
import { Connections } from './connections.ts';
import { type Connector, type ConnectorOptions, createConnector } from './connector.ts';
import type { Ejection } from './ejection.ts';
import type { TargetSettings } from './settings.ts';
import type { WebSocketProxy } from './websocket-proxy.ts';

export type { TargetState };

/** A target that comes back takes up to its full share over this time. */
const RAMP_MS = 10_000;
const LEAST_SHARE = 0.1;
/** Failures in a row after which a target that nobody may eject is called unhealthy. */
const FAILING = 5;

export class Target {
  /** Without a trailing slash: identifies the target in logs, metrics and over reloads. */
  readonly href: string;
  readonly origin: string;
  /** Put before the path of every request; '' for none. */
  readonly basePath: string;
  /** `Host` of its requests, unless the client's is preserved. */
  readonly authority: string;
  readonly weight: number;
  /** For rendezvous hashing: the same in every process. */
  readonly seed: number;
  /** Calls in flight, between `begin` and `end`. */
  pending = 0;
  unhealthy = false;
  /** Failed attempts in a row. */
  failures = 0;
  /** Why an attempt or a check failed last; '' when none has. */
  lastError = '';
  /** Milliseconds since 1970; 0 when nothing has failed. */
  lastErrorAtMs = 0;
  ejections = 0;
  /** Monotonic milliseconds; 0 when it is not ejected. */
  ejectedUntil = 0;
  /** When it last came back; -Infinity: it was never away. */
  returnedAt = Number.NEGATIVE_INFINITY;
  /** When the certificate it presents expires, in milliseconds since 1970. */
  peerExpiresAtMs: number | undefined = undefined;
  /** Passive health; undefined when it is switched off. */
  ejection: Ejection | undefined = undefined;
  /** Weight in the choice under way; 0: not a candidate. */
  share = 0;
  /** Running credit of smooth weighted round-robin. */
  credit = 0;

  readonly connections: Connections;
  readonly #connect: ConnectorOptions;
  #webSockets: WebSocketProxy | undefined = undefined;

  /** @param connections most connections at a time; calls beyond them wait for one. */
  constructor({ url, weight }: TargetSettings, connections: number, connect: ConnectorOptions) {
    this.href = url.href;
    this.origin = url.origin;
    this.basePath = url.basePath;
    this.authority = new URL(url.origin).host;
    this.weight = weight;
    this.seed = hashOf(url.href);
    this.#connect = connect;
    this.connections = new Connections(url.origin, connections, this.#connector());
  }

  get state(): TargetState {
    if (this.unhealthy) return 'unhealthy';
    if (this.ejectedUntil !== 0) return 'ejected';
    // The last ones of an upstream stay in use whatever they do: what is not ejected is not thereby well.
    return this.failures >= (this.ejection?.failuresMax ?? FAILING) ? 'unhealthy' : 'healthy';
  }

  /** A call comes here. */
  begin(): void {
    this.pending += 1;
  }

  /** A call leaves, once for each that came: with the last byte of its answer, or for another target. */
  end(): void {
    this.pending -= 1;
  }

  /** Passive health: what became of an attempt, as known from the head of its response. */
  judge(result: AttemptResult, why = ''): void {
    if (result === 'ok') this.failures = 0;
    if (result === 'ok' || result === 'aborted') return;
    this.failures += 1;
    this.remember(why);
    this.ejection?.failed(this);
  }

  /** Keeps why something failed here, for whoever asks. */
  remember(why: string): void {
    this.lastError = why;
    this.lastErrorAtMs = Date.now();
  }

  /** Its weight, less while it comes back. */
  shareAt(now: number): number {
    const returned = now - this.returnedAt;
    return returned >= RAMP_MS ? this.weight : this.weight * Math.max(LEAST_SHARE, returned / RAMP_MS);
  }

  /**
   * Opens WebSockets here; made when the first one is asked for, as most targets have none.
   *
   * @param made from this: what it needs is only loaded where there are WebSockets.
   */
  webSockets(made: typeof WebSocketProxy): WebSocketProxy {
    this.#webSockets ??= new made(this.origin, this.#connector());
    return this.#webSockets;
  }

  #connector(): Connector {
    const onPeerExpiry = (expiresAtMs: number): void => {
      this.peerExpiresAtMs = expiresAtMs;
    };
    return createConnector({ ...this.#connect, onPeerExpiry });
  }

  /** What was known of the same target under an earlier configuration. */
  adopt(old: Target): void {
    this.unhealthy = old.unhealthy;
    this.failures = old.failures;
    this.lastError = old.lastError;
    this.lastErrorAtMs = old.lastErrorAtMs;
    this.ejections = old.ejections;
    this.ejectedUntil = old.ejectedUntil;
    this.returnedAt = old.returnedAt;
    this.peerExpiresAtMs = old.peerExpiresAtMs;
  }
}
