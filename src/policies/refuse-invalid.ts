// How every kind of validation refuses: the problem, the violations with their pointers, and one count.
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import type { Breach } from '../json/breach.ts';
import type { Counter } from '../telemetry/instruments.ts';

/** A problem with the counter of its reason, resolved at load. */
export interface Refusal {
  readonly problem: Problem;
  readonly counter: Counter;
}

/** Refuses for a reason that is a sentence. */
export function refuse(x: Exchange, { problem, counter }: Refusal, detail: string): Problem {
  counter.value++;
  return x.refuse(problem, detail);
}

/** Refuses for what a value breaks in its schema. */
export function refuseBreaches(x: Exchange, refusal: Refusal, what: string, breaches: readonly Breach[]): Problem {
  x.violations = breaches.map(({ pointer, detail }) => ({ pointer, detail }));
  const [first] = breaches;
  const detail = first === undefined ? '' : `: ${first.pointer || 'the value'} ${first.detail}`;
  return refuse(x, refusal, `${what} does not match its schema${detail}`);
}
