// What is counted of one route: resolved at load, plain additions per request.
import type { Registry } from 'prom-client';
import type { NumberFamily } from './families.ts';
import { FamilyGroup } from './family-group.ts';
import type { Counter, Gauge, Histogram } from './instruments.ts';

/** Upper bounds, in seconds, of every duration of an answer or an attempt. */
export const durationBounds = [
  0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60,
] as const;

/** Methods that are labels of their own (RFC 9110 §9, PATCH, QUERY); every other one is `_OTHER`. */
const METHODS = new Map(
  ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'TRACE', 'CONNECT'].map((m, i) => [m, i + 1]),
);
const OTHER_METHOD = '_OTHER';

/** Distinct method, code and source of one route; what an upstream invents beyond is counted by class of code. */
const MAX_REQUEST_SERIES = 48;
/** Distinct pointers of one route's drift; further ones are `_other`. */
const MAX_DRIFT_POINTERS = 16;

const SWITCHING_PROTOCOLS = 101;

/** The families whose series belong to a route, and what counts the series that were folded into another. */
export class RouteFamilies extends FamilyGroup {
  readonly requests = this.counter(
    'sluice_http_requests_total',
    'Requests answered.',
    'route',
    'method',
    'code',
    'source',
  );
  readonly duration = this.histogram(
    'sluice_http_request_duration_seconds',
    'Time from the request to the end of its answer, by class of status; upgraded connections are left out.',
    durationBounds,
    'route',
    'class',
  );
  readonly inFlight = this.gauge('sluice_http_requests_in_flight', 'Requests being answered.', 'route');
  readonly requestBytes = this.counter(
    'sluice_http_request_body_bytes_total',
    'Bytes of request bodies received.',
    'route',
  );
  readonly responseBytes = this.counter(
    'sluice_http_response_body_bytes_total',
    'Bytes of response bodies sent.',
    'route',
  );
  readonly cut = this.counter(
    'sluice_http_responses_cut_total',
    'Answers cut off after they had begun.',
    'route',
    'reason',
  );
  readonly limiterDecisions = this.counter(
    'sluice_limiter_decisions_total',
    'Decisions of limits.',
    'route',
    'policy',
    'decision',
  );
  readonly authFailures = this.counter(
    'sluice_auth_failures_total',
    'Requests refused for who sent them.',
    'route',
    'reason',
  );
  readonly validationFailures = this.counter(
    'sluice_validation_failures_total',
    'Requests refused for their form; as response_invalid answers that broke their schema, passed on or not.',
    'route',
    'reason',
  );
  readonly drift = this.counter(
    'sluice_drift_total',
    'Answers that broke their schema, by place.',
    'route',
    'pointer',
    'kind',
  );
  readonly requestsFolded: Counter;
  readonly driftFolded: Counter;

  /** `folded` is `sluice_metrics_series_dropped_total`. */
  constructor(registry: Registry, folded: NumberFamily) {
    super(registry);
    this.requestsFolded = folded.cell(this.requests.name);
    this.driftFolded = folded.cell(this.drift.name);
  }
}

/** One route's series, kept over reloads by its name. Satisfies `PolicyMetrics`. */
export class RouteMetrics {
  readonly name: string;
  readonly #families: RouteFamilies;
  readonly #inFlight: Gauge;
  readonly #requestBytes: Counter;
  readonly #responseBytes: Counter;
  /** Made with the first request: of thousands of routes, many never have one. */
  #answers: Answers | undefined = undefined;
  #driftPointers: Set<string> | undefined;
  #removed = false;

  /** `methods`: those the route matches; their successes are counted from 0 (empty: any method). */
  constructor(name: string, families: RouteFamilies, methods: readonly string[]) {
    this.name = name;
    this.#families = families;
    this.#inFlight = families.inFlight.cell(name);
    this.#requestBytes = families.requestBytes.cell(name);
    this.#responseBytes = families.responseBytes.cell(name);
    for (const reason of COMMON_CUTS) families.cut.cell(name, reason);
    this.expect(methods);
  }

  /** Lets the successes of these methods be counted from 0 rather than from the first request. */
  expect(methods: readonly string[]): void {
    for (const method of methods) this.#newRequest(method, 200, 'upstream');
  }

  /** A request has been matched to this route. */
  start(): void {
    this.#inFlight.value++;
  }

  /**
   * Its answer is complete, or its client has gone (status 499). Call once for each {@link start}; `seconds` is all the time
   * between the two, the bytes are those of the bodies.
   */
  finish(
    method: string,
    status: number,
    source: string,
    seconds: number,
    requestBytes: number,
    responseBytes: number,
  ): void {
    this.#inFlight.value--;
    this.#requestBytes.value += requestBytes;
    this.#responseBytes.value += responseBytes;
    this.#answers ??= new Answers();
    this.#request(this.#answers, method, status, source).value++;
    // The life of a tunnel is not the time of an answer.
    if (status !== SWITCHING_PROTOCOLS) this.#duration(this.#answers, status).observe(seconds);
  }

  /** `sluice_http_responses_cut_total`, by what the access log gives as reason. */
  cut(reason: string): void {
    if (!this.#removed) this.#families.cut.cell(this.name, cutReason(reason)).value++;
  }

  /** `sluice_limiter_decisions_total`; resolve at load. */
  limiterDecision(policy: string, decision: 'allow' | 'reject' | 'error'): Counter {
    return this.#families.limiterDecisions.cell(this.name, policy, decision);
  }

  /** `sluice_auth_failures_total`; resolve at load. */
  authFailure(reason: string): Counter {
    return this.#families.authFailures.cell(this.name, reason);
  }

  /** `sluice_validation_failures_total`; resolve at load. */
  validationFailure(reason: string): Counter {
    return this.#families.validationFailures.cell(this.name, reason);
  }

  /** `sluice_drift_total`; pointers come from answers, so this is asked while traffic runs. */
  drift(pointer: string, kind: 'missing' | 'type' | 'unexpected' | 'enum'): Counter {
    if (this.#removed) return UNSEEN_COUNTER;
    this.#driftPointers ??= new Set();
    if (!this.#driftPointers.has(pointer)) {
      if (this.#driftPointers.size >= MAX_DRIFT_POINTERS) {
        this.#families.driftFolded.value++;
        return this.#families.drift.cell(this.name, '_other', kind);
      }
      this.#driftPointers.add(pointer);
    }
    return this.#families.drift.cell(this.name, pointer, kind);
  }

  /** Takes the route's series out of every scrape. Requests still in flight finish uncounted. */
  remove(): void {
    this.#removed = true;
    this.#families.removeOwner(this.name);
  }

  #request({ requests }: Answers, method: string, status: number, source: string): Counter {
    const key = requestKey(method, status, source);
    let counter = requests.get(key);
    if (counter === undefined) {
      counter = this.#newRequest(method, status, source);
      if (requests.size < MAX_REQUEST_SERIES) requests.set(key, counter);
    }
    return counter;
  }

  #newRequest(method: string, status: number, source: string): Counter {
    if (this.#removed) return UNSEEN_COUNTER;
    const { requests, requestsFolded } = this.#families;
    if (this.#answers !== undefined && this.#answers.requests.size >= MAX_REQUEST_SERIES) {
      requestsFolded.value++;
      return requests.cell(this.name, OTHER_METHOD, statusClass(status), source);
    }
    return requests.cell(this.name, METHODS.has(method) ? method : OTHER_METHOD, String(status), source);
  }

  #duration({ durations }: Answers, status: number): Histogram {
    const first = Math.trunc(status / 100);
    let histogram = durations[first];
    if (histogram === undefined) {
      histogram = this.#removed ? UNSEEN_HISTOGRAM : this.#families.duration.cell(this.name, statusClass(status));
      durations[first] = histogram;
    }
    return histogram;
  }
}

/** What a route looks up for each of its answers. */
class Answers {
  /** By status, method and source; see {@link requestKey}. */
  readonly requests = new Map<number, Counter>();
  /** By the first digit of the status. */
  readonly durations: (Histogram | undefined)[] = [undefined, undefined, undefined, undefined, undefined, undefined];
}

/** What cuts most answers: counted from 0 for every route, so that the first one is an increase. */
const COMMON_CUTS = ['truncated', 'idle_timeout', 'total_timeout'] as const;

/** Reasons of the access log as the few values of a label. */
const CUT_REASONS: ReadonlyMap<string, string> = new Map([
  ['upstream.truncated', 'truncated'],
  ['upstream.idle_timeout', 'idle_timeout'],
  ['upstream.total_timeout', 'total_timeout'],
  ['drain_timeout', 'drain'],
  ['route_removed', 'revoked'],
  ['tenant_disabled', 'revoked'],
  ['key_revoked', 'revoked'],
]);

function cutReason(reason: string): string {
  return CUT_REASONS.get(reason) ?? (reason.startsWith('request.') ? 'request' : 'internal');
}

/** Where requests end up that finish after their route has gone. */
const UNSEEN_COUNTER: Counter = { value: 0 };
const UNSEEN_HISTOGRAM: Histogram = { observe: () => {} };

/** One small integer for method, status and source, so that a request looks its counter up without a string. */
function requestKey(method: string, status: number, source: string): number {
  return (status * 16 + (METHODS.get(method) ?? 0)) * 2 + (source === 'upstream' ? 1 : 0);
}

function statusClass(status: number): string {
  return `${Math.trunc(status / 100)}xx`;
}
