// The end of an exchange as operators see it: one count, one log line.
import type { Exchange } from '../exchange/exchange.ts';
import type { AccessLog } from './access-log.ts';
import type { EventLog } from './events.ts';
import { reportIncident } from './incident.ts';
import type { Metrics } from './metrics.ts';

const CLIENT_GONE = 499;

export class Recorder {
  readonly #metrics: Metrics;
  readonly #accessLog: AccessLog | undefined;
  readonly #events: EventLog;

  /** @param accessLog undefined when switched off. */
  constructor(metrics: Metrics, accessLog: AccessLog | undefined, events: EventLog) {
    this.#metrics = metrics;
    this.#accessLog = accessLog;
    this.#events = events;
  }

  /** Counts and logs an exchange that has ended. */
  record(x: Exchange): void {
    const now = performance.now();
    const durationMs = now - x.startedAt;
    x.bytesIn += x.body.received;
    if (x.aborted) x.status = CLIENT_GONE;
    let { tally } = x;
    if (tally === undefined) {
      tally = this.#metrics.unmatched;
      this.#metrics.unmatched.start();
    }
    tally.finish(x.method, x.status, x.source, durationMs / 1000, x.bytesIn, x.bytesOut);
    if (x.tenant !== undefined) this.#metrics.tenant(x.tenant.id).finish(x.status, x.source, x.cut);
    if (x.cut) tally.cut(x.reason);
    // Waiting for the client's body, or for an upstream, is not our own time.
    if (x.headAt > 0) {
      const begunAt = x.body.present && x.body.complete ? Math.min(x.body.completedAt, x.headAt) : x.startedAt;
      this.#metrics.overhead.observe(Math.max(0, x.headAt - begunAt - x.upstreamMs) / 1000);
    }
    this.#accessLog?.record(x, durationMs);
  }

  /** Logs what should never have been thrown; returns the incident ID that the client is told. */
  readonly crash = (x: Exchange, error: unknown): string =>
    reportIncident(this.#events, error, { request_id: x.requestId, route: x.route?.name });
}
