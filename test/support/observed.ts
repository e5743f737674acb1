// What operators see of a request afterwards: its one access-log line, what was counted, and that nothing of it is left.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { RunningGateway } from './gateway.ts';
import type { LogLine } from './log-lines.ts';
import { eventually } from './wait.ts';

export class Observed {
  readonly #gateway: RunningGateway;

  constructor(gateway: RunningGateway) {
    this.#gateway = gateway;
  }

  /** The access-log line of a request, by the `X-Request-Id` it was sent with; fails when there is another. */
  async line(id: string): Promise<LogLine> {
    const line = await this.#gateway.log.until((each) => each.request_id === id && each.event === undefined);
    const lines = this.#gateway.log.access.filter((each) => each.request_id === id);
    assert.equal(lines.length, 1, `one access-log line of ${id}`);
    return line;
  }

  /** The sum of a metric's series whose labels include these. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    return sum(await this.#scrape(), name, labels);
  }

  /** Resolves once nothing is in flight; every request must then have been logged once and counted once. */
  async atRest(): Promise<void> {
    await eventually(async () => {
      const scraped = await this.#scrape();
      return (
        sum(scraped, 'sluice_http_requests_in_flight') === 0 &&
        sum(scraped, 'sluice_http_requests_total') === this.#gateway.log.access.length
      );
    }, 'rest: all requests ended, each counted once and logged once');
  }

  async #scrape(): Promise<string> {
    const response = await fetch(`${this.#gateway.adminUrl}/metrics`, { headers: { connection: 'close' } });
    return response.text();
  }
}

/** For `X-Request-Id`: known to the test and to the log. */
export function newId(): string {
  return randomUUID();
}

function sum(text: string, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  let total = 0;
  for (const line of text.split('\n')) {
    const [, series, set = '', value] = /^([a-z_]+)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (series !== name || !wanted.every((each) => `,${set}`.includes(`,${each}`))) continue;
    total += Number(value);
  }
  return total;
}
