// What README.md and docs/performance.md show of the results: written by the run between markers, never by hand.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from '../machine.ts';
import type { Profile } from '../profile.ts';
import { budgetTable } from './budget.ts';
import { savedResults } from './results.ts';
import type { ComparisonResult, Result } from './summary.ts';
import { asMarkdown } from './table.ts';
import { goalTable, remarkOn, resultTable } from './tables.ts';

const ROOT = join(import.meta.dirname, '../..');
/** The comparison that README.md shows, and whose profile is the budget. */
export const MAIN = 'full-chain';

/** Writes the tables anew from all saved results of these scenarios. */
export async function writeDocuments(scenarios: readonly string[]): Promise<void> {
  const results = await savedResults(scenarios);
  await fill('docs/performance.md', 'bench', details(results));
  const main = results.find(({ name }) => name === MAIN);
  if (main?.kind === 'comparison') await fill('README.md', 'bench', overview(main));
}

/** The table of where the time of a request goes. */
export async function writeBudget(profile: Profile, machine: Machine): Promise<void> {
  await fill('docs/performance.md', 'budget', `${asMarkdown(budgetTable(profile))}\n\n${described(machine)}.`);
}

/** Replaces what is between `<!-- NAME:begin -->` and `<!-- NAME:end -->`. */
async function fill(path: string, name: string, text: string): Promise<void> {
  const file = join(ROOT, path);
  const before = await readFile(file, 'utf8');
  const [begin, end] = [`<!-- ${name}:begin -->`, `<!-- ${name}:end -->`];
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${path} has no place for the results: put ${begin} and ${end} into it`);
  await writeFile(file, `${before.slice(0, from + begin.length)}\n\n${text}\n\n${before.slice(to)}`);
}

function overview(result: ComparisonResult): string {
  return [
    `![CPU time per ${result.unit} of each proxy](bench/results/${MAIN}.svg)`,
    asMarkdown(resultTable(result)),
    `${described(result.machine)}; ${extent(result)}. ${remarkOn(result)}`.trim(),
  ].join('\n\n');
}

function details(results: readonly Result[]): string {
  const main = results.filter(({ name }) => name === MAIN);
  const ordered = [...main, ...results.filter(({ name }) => name !== MAIN)];
  const machines = new Set(results.map(({ machine }) => described(machine)));
  const isOneMachine = machines.size === 1;
  return [
    ...(isOneMachine ? [`${[...machines].join()}.`] : []),
    '### Goals',
    asMarkdown(goalTable(ordered)),
    ...ordered.flatMap((result) => [
      `### ${result.name}: ${result.title}`,
      asMarkdown(resultTable(result)),
      [...(isOneMachine ? [] : [`${described(result.machine)}.`]), `${extent(result)}.`, remarkOn(result)]
        .join(' ')
        .trim(),
    ]),
  ].join('\n\n');
}

function extent({ kind, effort: { rounds, seconds } }: Result): string {
  return kind === 'probe' ? 'Measured once' : `${rounds} rounds of ${seconds} s`;
}

function described({ cpu, cores, pinned, kernel, versions }: Machine): string {
  const numbers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const places = pinned ? `${cores} cores, proxy and load pinned to one each` : `${cores} cores`;
  return `${cpu}, ${places}, ${kernel}; ${numbers.join(', ')}`;
}
