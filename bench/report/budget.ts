// A profile as a budget: µs by stage that add up to what was measured, and the functions that take most of it.
import type { Profile } from '../profile.ts';
import { STAGES } from '../stages.ts';
import { asMarkdown, type Table } from './table.ts';

const FUNCTIONS_SHOWN = 30;

export function budgetTable({ unit, cpuMicrosPerUnit, breakdown }: Profile): Table {
  const scale = cpuMicrosPerUnit / breakdown.totalMicros;
  const shown = (micros: number): string => (micros * scale).toFixed(1);
  return {
    head: ['stage', `µs/${unit}`, 'share', 'of it in native calls', 'what'],
    rows: [
      ...breakdown.stages
        .filter(({ micros }) => Number(shown(micros)) > 0)
        .map(({ stage, micros, nativeMicros }) => [
          stage,
          shown(micros),
          `${((100 * micros) / breakdown.totalMicros).toFixed(0)} %`,
          shown(nativeMicros),
          STAGES[stage],
        ]),
      ['all', cpuMicrosPerUnit.toFixed(1), '100 %', '', 'measured without the profiler'],
    ],
  };
}

function functionTable({ unit, cpuMicrosPerUnit, breakdown }: Profile): Table {
  const scale = cpuMicrosPerUnit / breakdown.totalMicros;
  return {
    head: ['function, with the code of Node and V8 below it', `µs/${unit}`, 'stage'],
    rows: breakdown.functions
      .slice(0, FUNCTIONS_SHOWN)
      .map(({ name, stage, micros }) => [name, (micros * scale).toFixed(2), stage]),
  };
}

/** The file of a scenario in `results/profiles/`. */
export function profilePage(scenario: string, title: string, profiles: readonly Profile[]): string {
  return [
    `# Profile of ${scenario}: ${title}`,
    'Written by `npm run bench -- --profile`. Every sample belongs to the nearest function of our own, or of a package with a stage.',
    ...profiles.flatMap((each) => [
      `## ${each.contender}`,
      asMarkdown(budgetTable(each)),
      asMarkdown(functionTable(each)),
    ]),
    '',
  ].join('\n\n');
}
