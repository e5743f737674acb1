// Instruments resolved at load: a request touches plain numbers, a scrape turns them into series.

/** A counter cell of one series. Increment `value` directly on the hot path. */
export interface Counter {
  value: number;
}

/** A gauge cell of one series. */
export interface Gauge {
  value: number;
}

/** A histogram cell of one series; `observe` takes seconds. */
export interface Histogram {
  observe(seconds: number): void;
}
