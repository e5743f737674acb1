// From rounds to numbers that can be believed: medians with their range, ratios of one interleaved run, goals met or missed.
import type { Goal, Scenario } from './scenarios.ts';

/** One contender in one round. */
export interface Sample {
  readonly cpuMicrosPerRequest: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssBytes: number;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export type Summary = Readonly<Record<keyof Sample, Spread>>;

export interface Ratio extends Goal {
  /** Of CPU per request; the median over rounds of the ratio within a round, so a slow minute hits both sides. */
  readonly ratio: Spread;
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly absent: readonly string[];
  readonly contenders: Readonly<Record<string, Summary>>;
  readonly ratios: readonly Ratio[];
}

export function summarise(scenario: Scenario, samples: ReadonlyMap<string, readonly Sample[]>): ScenarioResult {
  const cost = (name: string): number[] =>
    (samples.get(name) ?? []).map(({ cpuMicrosPerRequest }) => cpuMicrosPerRequest);
  return {
    scenario: scenario.name,
    absent: scenario.absent,
    contenders: Object.fromEntries([...samples].map(([name, own]) => [name, summaryOf(own)])),
    ratios: scenario.goals.map((goal) => {
      const against = cost(goal.against);
      return {
        ...goal,
        ratio: spread(cost(goal.subject).map((micros, round) => micros / (against[round] ?? Number.NaN))),
      };
    }),
  };
}

export function print({ scenario, absent, contenders, ratios }: ScenarioResult): void {
  console.log(`\n${scenario}${absent.length > 0 ? ` (absent on this machine: ${absent.join(', ')})` : ''}`);
  console.table(
    Object.fromEntries(
      Object.entries(contenders).map(([name, summary]) => [
        name,
        {
          'CPU µs/request': range(summary.cpuMicrosPerRequest, 1),
          'requests/s': range(summary.requestsPerSecond, 0),
          'p50 ms': summary.p50Ms.median.toFixed(2),
          'p99 ms': summary.p99Ms.median.toFixed(2),
          'RSS MiB': (summary.rssBytes.median / 2 ** 20).toFixed(0),
        },
      ]),
    ),
  );
  for (const { subject, against, atMost, ratio } of ratios) {
    const verdict = ratio.median <= atMost ? 'reached' : 'MISSED';
    console.log(`${subject} / ${against}: ${range(ratio, 2)} × CPU per request (goal ≤ ${atMost}: ${verdict})`);
  }
}

/** A bar for each contender: CPU per request, shorter is better. */
export function chart({ contenders }: ScenarioResult): string {
  const rows = Object.entries(contenders).map(([name, { cpuMicrosPerRequest }]) => ({
    name,
    micros: cpuMicrosPerRequest.median,
  }));
  const longest = Math.max(...rows.map(({ micros }) => micros));
  const bars = rows.map(({ name, micros }, index) => {
    const y = 34 + index * 26;
    return `<text x="236" y="${y + 13}" text-anchor="end">${name}</text><rect x="244" y="${y}" width="${((micros / longest) * 380).toFixed(0)}" height="18" fill="${name.startsWith('sluice') ? '#0b6e99' : '#9aa5ad'}"/><text x="${(250 + (micros / longest) * 380).toFixed(0)}" y="${y + 13}">${micros.toFixed(0)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="680" height="${44 + rows.length * 26}" font-family="sans-serif" font-size="13" role="img" aria-label="CPU microseconds per request">
<rect width="100%" height="100%" fill="#fff"/><text x="244" y="20" font-weight="bold">CPU µs per proxied request (less is better)</text>
${bars.join('\n')}
</svg>
`;
}

function summaryOf(samples: readonly Sample[]): Summary {
  return {
    cpuMicrosPerRequest: spread(samples.map((sample) => sample.cpuMicrosPerRequest)),
    requestsPerSecond: spread(samples.map((sample) => sample.requestsPerSecond)),
    p50Ms: spread(samples.map((sample) => sample.p50Ms)),
    p99Ms: spread(samples.map((sample) => sample.p99Ms)),
    rssBytes: spread(samples.map((sample) => sample.rssBytes)),
  };
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

function range({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}
