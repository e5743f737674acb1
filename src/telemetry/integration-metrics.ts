// What is counted of one integration beside what is counted of every upstream: its queue.
import { FamilyGroup } from './family-group.ts';
import type { Counter, Gauge, Histogram } from './instruments.ts';
import { durationBounds } from './route-metrics.ts';

/** Why a call did not get its turn. */
export type PaceRefusal = 'queue_full' | 'wait';

/** The families whose series belong to an integration. */
export class IntegrationFamilies extends FamilyGroup {
  readonly queueDepth = this.gauge('sluice_pace_queue_depth', 'Calls that wait for their turn.', 'integration');
  readonly wait = this.histogram(
    'sluice_pace_wait_seconds',
    'Time that a call waited for its turn; 0 where it went at once.',
    durationBounds,
    'integration',
  );
  readonly refused = this.counter(
    'sluice_pace_refused_total',
    'Calls that were refused a turn: the queue was full, or the wait too long.',
    'integration',
    'reason',
  );
  readonly paused = this.counter(
    'sluice_pace_pauses_total',
    'Times that the third party asked for a pause of a second or more.',
    'integration',
  );
}

/** One integration's series, kept over reloads by its name. */
export class IntegrationMetrics {
  readonly name: string;
  readonly depth: Gauge;
  readonly refusals: Readonly<Record<PaceRefusal, Counter>>;
  readonly pauses: Counter;
  readonly #families: IntegrationFamilies;
  #wait: Histogram | undefined;

  constructor(name: string, families: IntegrationFamilies) {
    this.name = name;
    this.#families = families;
    this.depth = families.queueDepth.cell(name);
    this.pauses = families.paused.cell(name);
    this.refusals = {
      queue_full: families.refused.cell(name, 'queue_full'),
      wait: families.refused.cell(name, 'wait'),
    };
  }

  /** How long a call waited; the histogram exists from the first one. */
  readonly waited: Histogram = {
    observe: (seconds) => {
      this.#wait ??= this.#families.wait.cell(this.name);
      this.#wait.observe(seconds);
    },
  };

  /** Takes the integration's series out of every scrape; calls that still wait end uncounted. */
  remove(): void {
    this.#wait ??= { observe: () => {} };
    this.#families.removeOwner(this.name);
  }
}
