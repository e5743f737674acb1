// The scenarios: the files of a folder, each named after itself.
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Scenario } from './scenario.ts';

const FOLDER = join(import.meta.dirname, 'scenarios');

export async function scenarioNames(): Promise<readonly string[]> {
  const files = await readdir(FOLDER);
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
}

export async function loadScenario(name: string): Promise<Scenario> {
  const file = join(FOLDER, `${name}.ts`);
  const { default: scenario }: { default: Scenario } = await import(pathToFileURL(file).href);
  if (scenario.name !== name) throw new Error(`${file} exports the scenario "${scenario.name}": name it like its file`);
  return scenario;
}
