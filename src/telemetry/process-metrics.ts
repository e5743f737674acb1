// What the process itself is doing: prom-client's process_* and nodejs_* metrics, and how late the event loop runs.
import { type ELDHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { NumberFamily } from './families.ts';
import type { Gauge } from './instruments.ts';

/** Their names say what they are not: `promtool check metrics` objects. Three of them repeat a metric without the suffix. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
  'nodejs_eventloop_utilization_histogram',
  'nodejs_eventloop_utilization_summary',
];

let shared: Registry | undefined;

/** One per process, since what it observes (garbage collection, handles) is, and its observers cannot be stopped. */
export function processRegistry(): Registry {
  if (shared === undefined) {
    shared = new Registry();
    collectDefaultMetrics({ register: shared });
    for (const name of MISNAMED) shared.removeSingleMetric(name);
  }
  return shared;
}

const RESOLUTION_MS = 10;
const WINDOW_MS = 15_000;

/**
 * Keeps percentiles of the event loop's delay over the last whole window. A window of its own, not "since the last scrape",
 * so that two scrapers see the same.
 */
export class EventLoopLag {
  readonly #delays: ELDHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #timer: NodeJS.Timeout;
  readonly #percentiles: readonly (readonly [percentile: number, gauge: Gauge])[];

  /** `family` has the label `percentile`. */
  constructor(family: NumberFamily) {
    this.#percentiles = [
      [50, family.cell('50')],
      [99, family.cell('99')],
      [100, family.cell('100')],
    ];
    this.#delays.enable();
    this.#timer = setInterval(() => this.#turnWindow(), WINDOW_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#delays.disable();
  }

  #turnWindow(): void {
    for (const [percentile, gauge] of this.#percentiles) {
      // What is measured is the distance of two ticks of a timer: an idle loop's is the resolution.
      const delayMs = this.#delays.percentile(percentile) / 1e6 - RESOLUTION_MS;
      gauge.value = Math.max(0, delayMs) / 1000;
    }
    this.#delays.reset();
  }
}
