// The last result of every scenario, kept in `bench/results/`: one JSON file each, and a chart of each comparison.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chart } from './chart.ts';
import type { Result } from './summary.ts';

export const RESULTS = join(import.meta.dirname, '../results');

export async function saveResults(results: readonly Result[]): Promise<void> {
  await mkdir(RESULTS, { recursive: true });
  for (const result of results) {
    await writeFile(join(RESULTS, `${result.name}.json`), `${JSON.stringify(result, null, 2)}\n`);
    if (result.kind === 'comparison') await writeFile(join(RESULTS, `${result.name}.svg`), chart(result));
  }
}

/** Of the scenarios that there are, in their order. */
export async function savedResults(scenarios: readonly string[]): Promise<readonly Result[]> {
  const files = new Set(await readdir(RESULTS));
  const known = scenarios.filter((name) => files.has(`${name}.json`));
  return Promise.all(
    known.map(async (name): Promise<Result> => JSON.parse(await readFile(join(RESULTS, `${name}.json`), 'utf8'))),
  );
}
