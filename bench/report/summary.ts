// From rounds to numbers that can be believed: medians with their range, ratios within a round, goals met or missed.

import type { Machine } from '../machine.ts';
import type { Effort, Sample, Samples } from '../measure.ts';
import type { Comparison, Fact, Goal, Measure, Probe } from '../scenario.ts';

export interface Spread {
  readonly median: number;
  readonly lowerQuartile: number;
  readonly upperQuartile: number;
  readonly min: number;
  readonly max: number;
}

export type ContenderResult = Readonly<Record<keyof Sample, Spread>> & {
  readonly name: string;
  readonly ours: boolean;
  /** CPU of ours as a multiple of this one's; left out where there is more than one of ours, and for ours itself. */
  readonly oursAgainst?: Spread;
};

export interface GoalResult {
  readonly goal: Goal;
  /** A multiple, or ms for `atMostMsMore`: of each round, so a slow minute hits both sides. */
  readonly value: Spread;
  readonly reached: boolean;
}

interface Conditions {
  readonly machine: Machine;
  readonly effort: Effort;
}

export interface ComparisonResult extends Conditions, Pick<Comparison, 'kind' | 'name' | 'title' | 'unit' | 'absent'> {
  readonly contenders: readonly ContenderResult[];
  readonly goals: readonly GoalResult[];
}

export interface ProbeResult extends Conditions, Pick<Probe, 'kind' | 'name' | 'title'> {
  readonly facts: readonly Fact[];
}

export type Result = ComparisonResult | ProbeResult;

const FIELD = {
  cpu: 'cpuMicrosPerUnit',
  throughput: 'unitsPerSecond',
  p50: 'p50Ms',
  p99: 'p99Ms',
} as const satisfies Record<Measure, keyof Sample>;

export function summarise(comparison: Comparison, samples: Samples, conditions: Conditions): ComparisonResult {
  const { kind, name, title, unit, absent, contenders, goals } = comparison;
  const ours = contenders.filter((contender) => contender.ours);
  const only = ours.length === 1 ? ours[0]?.name : undefined;
  return {
    kind,
    name,
    title,
    unit,
    absent,
    contenders: contenders.map((contender) => ({
      name: contender.name,
      ours: contender.ours === true,
      ...summaryOf(samples.get(contender.name) ?? []),
      ...(only !== undefined && !contender.ours && { oursAgainst: ratio(samples, 'cpu', only, contender.name) }),
    })),
    goals: goals.map((goal) => judge(goal, samples)),
    ...conditions,
  };
}

function judge(goal: Goal, samples: Samples): GoalResult {
  const { measure, subject, against } = goal;
  if ('atMostMsMore' in goal) {
    const value = perRound(samples, measure, subject, against, (ours, theirs) => ours - theirs);
    return { goal, value, reached: value.median <= goal.atMostMsMore };
  }
  const value = ratio(samples, measure, subject, against);
  return { goal, value, reached: 'atMost' in goal ? value.median <= goal.atMost : value.median >= goal.atLeast };
}

function ratio(samples: Samples, measure: Measure, subject: string, against: string): Spread {
  return perRound(samples, measure, subject, against, (ours, theirs) => ours / theirs);
}

function perRound(
  samples: Samples,
  measure: Measure,
  subject: string,
  against: string,
  of: (ours: number, theirs: number) => number,
): Spread {
  const values = (name: string): number[] => {
    const own = samples.get(name);
    if (own === undefined) throw new Error(`a goal names "${name}", which is no contender`);
    return own.map((sample) => sample[FIELD[measure]]);
  };
  const theirs = values(against);
  return spread(values(subject).map((ours, round) => of(ours, theirs[round] ?? Number.NaN)));
}

function summaryOf(samples: readonly Sample[]): Readonly<Record<keyof Sample, Spread>> {
  const of = (field: keyof Sample): Spread => spread(samples.map((sample) => sample[field]));
  return {
    cpuMicrosPerUnit: of('cpuMicrosPerUnit'),
    unitsPerSecond: of('unitsPerSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    rssBytes: of('rssBytes'),
    waitShare: of('waitShare'),
  };
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    lowerQuartile: quantile(sorted, 0.25),
    upperQuartile: quantile(sorted, 0.75),
    min: quantile(sorted, 0),
    max: quantile(sorted, 1),
  };
}

/** Between the two nearest values, in proportion. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}
