// `npm run bench`: what was asked for, one scenario after the other. `--help` says what there is.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Arguments, HELP, parseArguments, UsageError } from './arguments.ts';
import { comparedWith, withRevision } from './compare.ts';
import { loadScenario, scenarioNames } from './find-scenarios.ts';
import { thisMachine } from './machine.ts';
import { measure, messageOf, type Site } from './measure.ts';
import { startOrigin } from './origin.ts';
import { installPeers, missingTools } from './peers/install.ts';
import { interrupt, isInterrupted } from './process.ts';
import { profile } from './profile.ts';
import { Report } from './report/report.ts';
import type { Fact, Probe, Scenario } from './scenario.ts';

const ROOT = join(import.meta.dirname, '..');

process.exitCode = await main(process.argv.slice(2));

/** The exit code: 0 all went well, 1 a scenario failed, 2 nothing was begun. */
async function main(argv: readonly string[]): Promise<number> {
  const names = await scenarioNames();
  const wanted = readArguments(argv, names);
  if (wanted === undefined) return 2;
  if (wanted.help) {
    console.log(HELP.replace('SCENARIOS', names.join(', ')));
    return 0;
  }
  if (wanted.installPeers) return installPeers();
  const missing = missingTools();
  if (missing !== undefined) {
    console.error(missing);
    return 2;
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  try {
    return await runAll(wanted, directory, names);
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function readArguments(argv: readonly string[], names: readonly string[]): Arguments | undefined {
  try {
    return parseArguments(argv, names);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\nnpm run bench -- --help shows what there is`);
    return undefined;
  }
}

async function runAll(wanted: Arguments, directory: string, names: readonly string[]): Promise<number> {
  const report = new Report(thisMachine(), wanted);
  const site: Site = { directory, source: ROOT, nodeFlags: [] };
  const { compare } = wanted;
  if (compare === undefined)
    await eachScenario(wanted, report, (scenario) => runScenario(scenario, wanted, report, site));
  else {
    await withRevision(compare, directory, (source) =>
      eachScenario(wanted, report, (scenario) =>
        runCompared(scenario, wanted, report, site, { revision: compare, source }),
      ),
    );
  }
  report.print();
  if (!wanted.quick && compare === undefined) await report.save(names);
  return report.hasFailures ? 1 : 0;
}

/** One that fails is told of, and the others still run. */
async function eachScenario(
  { scenarios }: Arguments,
  report: Report,
  run: (scenario: Scenario) => Promise<void>,
): Promise<void> {
  for (const name of scenarios) {
    try {
      await run(await loadScenario(name));
    } catch (error) {
      if (isInterrupted()) throw error;
      report.failed(name, error);
    }
  }
}

async function runScenario(scenario: Scenario, wanted: Arguments, report: Report, site: Site): Promise<void> {
  if (wanted.profile) {
    if (scenario.kind !== 'comparison') return report.skipped(scenario);
    report.begin(scenario);
    report.profiled(scenario, await profile(scenario, site, wanted));
    return;
  }
  report.begin(scenario);
  if (scenario.kind === 'comparison') {
    report.measured(scenario, await measure(scenario, site, wanted, (round) => report.round(round)));
  } else {
    report.probed(scenario, await probe(scenario, site));
  }
}

async function runCompared(
  scenario: Scenario,
  wanted: Arguments,
  report: Report,
  site: Site,
  { revision, source }: { readonly revision: string; readonly source: string },
): Promise<void> {
  if (scenario.kind !== 'comparison') return report.skipped(scenario);
  const compared = comparedWith(scenario, revision, source);
  report.begin(compared);
  report.measured(compared, await measure(compared, site, wanted, (round) => report.round(round)));
}

async function probe(scenario: Probe, site: Site): Promise<readonly Fact[]> {
  const origin = await startOrigin(site.directory);
  try {
    return await scenario.run({ ...site, originPort: origin.port });
  } finally {
    await origin.stop();
  }
}
