// What is counted of one upstream and of one breaker: cells that attempts, retries and ejections touch directly.
import { FamilyGroup } from './family-group.ts';
import type { Counter, Gauge, Histogram } from './instruments.ts';
import { durationBounds } from './route-metrics.ts';

/** How one attempt ended, at the head of its answer; `aborted`: from our side, as when the client left. */
export type AttemptResult = 'ok' | '5xx' | 'timeout' | 'connect' | 'dns' | 'tls' | 'reset' | 'protocol' | 'aborted';
/** What became of the wish to try again. */
export type RetryOutcome = 'success' | 'failed' | 'budget_exhausted' | 'not_replayable' | 'deadline';
/** `ejected`: left out for its failures. `unhealthy`: so says the active check, or it fails and is used all the same. */
export type TargetState = 'healthy' | 'unhealthy' | 'ejected';
export type BreakerState = 'closed' | 'open' | 'half_open';

/** The families whose series belong to an upstream. */
export class UpstreamFamilies extends FamilyGroup {
  readonly attempts = this.counter(
    'sluice_upstream_attempts_total',
    'Attempts to have a request answered by an upstream.',
    'upstream',
    'result',
  );
  readonly attemptDuration = this.histogram(
    'sluice_upstream_attempt_duration_seconds',
    'Time of one attempt until the head of its answer or its failure.',
    durationBounds,
    'upstream',
  );
  readonly targets = this.gauge('sluice_upstream_targets', 'Targets of an upstream by state.', 'upstream', 'state');
  readonly retries = this.counter('sluice_retries_total', 'Retries by what became of them.', 'upstream', 'outcome');
}

/**
 * One upstream's series, kept over reloads by its name.
 *
 * @example
 * const upstream = metrics.upstream('orders');
 * upstream.attempts.ok.value++;
 * upstream.attemptFinished(0.031);
 * upstream.targets.healthy.value = 2;
 */
export class UpstreamMetrics {
  readonly name: string;
  readonly attempts: Readonly<Record<AttemptResult, Counter>>;
  readonly retries: Readonly<Record<RetryOutcome, Counter>>;
  readonly targets: Readonly<Record<TargetState, Gauge>>;
  readonly #families: UpstreamFamilies;
  #duration: Histogram | undefined;

  constructor(name: string, families: UpstreamFamilies) {
    const attempts = (result: AttemptResult): Counter => families.attempts.cell(name, result);
    const retries = (outcome: RetryOutcome): Counter => families.retries.cell(name, outcome);
    const targets = (state: TargetState): Gauge => families.targets.cell(name, state);
    this.name = name;
    this.#families = families;
    this.attempts = {
      ok: attempts('ok'),
      '5xx': attempts('5xx'),
      timeout: attempts('timeout'),
      connect: attempts('connect'),
      dns: attempts('dns'),
      tls: attempts('tls'),
      reset: attempts('reset'),
      protocol: attempts('protocol'),
      aborted: attempts('aborted'),
    };
    this.retries = {
      success: retries('success'),
      failed: retries('failed'),
      budget_exhausted: retries('budget_exhausted'),
      not_replayable: retries('not_replayable'),
      deadline: retries('deadline'),
    };
    this.targets = { healthy: targets('healthy'), unhealthy: targets('unhealthy'), ejected: targets('ejected') };
  }

  /** How long an attempt took; the histogram exists from the first one. */
  attemptFinished(seconds: number): void {
    this.#duration ??= this.#families.attemptDuration.cell(this.name);
    this.#duration.observe(seconds);
  }

  /** Takes the upstream's series out of every scrape; attempts still under way finish uncounted. */
  remove(): void {
    this.#duration ??= { observe: () => {} };
    this.#families.removeOwner(this.name);
  }
}

/** The families whose series belong to a breaker. */
export class BreakerFamilies extends FamilyGroup {
  readonly state = this.gauge(
    'sluice_breaker_state',
    '1 for the state a breaker is in, 0 for the others.',
    'upstream',
    'state',
  );
  readonly transitions = this.counter(
    'sluice_breaker_transitions_total',
    'Changes of state of a breaker, by the state entered.',
    'upstream',
    'to',
  );
}

/** One breaker's series: closed when made. Its label is the upstream's name, or `route:NAME` for a route's own breaker. */
export class BreakerMetrics {
  readonly name: string;
  readonly #families: BreakerFamilies;
  readonly #state: Readonly<Record<BreakerState, Gauge>>;
  readonly #transitions: Readonly<Record<BreakerState, Counter>>;

  constructor(name: string, families: BreakerFamilies) {
    const state = (s: BreakerState): Gauge => families.state.cell(name, s);
    const to = (s: BreakerState): Counter => families.transitions.cell(name, s);
    this.name = name;
    this.#families = families;
    this.#state = { closed: state('closed'), open: state('open'), half_open: state('half_open') };
    this.#transitions = { closed: to('closed'), open: to('open'), half_open: to('half_open') };
    this.#state.closed.value = 1;
  }

  /** The breaker has changed to this state. */
  moveTo(next: BreakerState): void {
    for (const [state, gauge] of Object.entries(this.#state)) gauge.value = state === next ? 1 : 0;
    this.#transitions[next].value++;
  }

  /** Takes the breaker's series out of every scrape. */
  remove(): void {
    this.#families.removeOwner(this.name);
  }
}
