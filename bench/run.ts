// `npm run bench [-- --rounds 5 --seconds 4 --only proxy]`: side by side, interleaved (A B C A B C), medians and ratios.
// Only ratios of one run count: absolute numbers drift with the machine's neighbours.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { assertTools, type Ground, recipe, sluice, startOrigin } from './contenders.ts';
import { transfer } from './large-body.ts';
import { load } from './load.ts';
import type { Measured } from './process.ts';
import { chart, print, type Sample, type ScenarioResult, summarise } from './report.ts';
import { type Contender, SCENARIOS, type Scenario } from './scenarios.ts';
import { fullChain } from './sluice-files.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    only: { type: 'string' },
  },
});
/** Until the compiler has settled and the pools are open. */
const WARM_UP_SECONDS = 3;
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const wanted = (name: string): boolean => values.only === undefined || values.only.split(',').includes(name);

assertTools();
const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
const origin = await startOrigin(directory);
const ground: Ground = { directory, originPort: origin.port };
try {
  const results: ScenarioResult[] = [];
  for (const scenario of SCENARIOS) {
    if (!wanted(scenario.name)) continue;
    const result = await runScenario(scenario);
    print(result);
    results.push(result);
  }
  if (wanted('large-body')) await runLargeBody();
  await save(results);
} finally {
  await origin.stop();
  await rm(directory, { recursive: true });
}

async function runScenario({ contenders, connections, ...scenario }: Scenario): Promise<ScenarioResult> {
  const running = new Map<Contender, Measured>();
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]));
  const options = { connections, seconds, directory };
  try {
    for (const contender of contenders) {
      const measured = await contender.start(ground);
      running.set(contender, measured);
      await load(measured.port, contender.request, { ...options, seconds: WARM_UP_SECONDS }).catch((error: unknown) =>
        warmUpFailed(contender, error),
      );
    }
    for (let round = 0; round < rounds; round++) {
      for (const [{ name, request }, measured] of running) {
        const before = measured.cpuMicros();
        const { requests, requestsPerSecond, p50Ms, p99Ms } = await load(measured.port, request, options);
        const cpuMicrosPerRequest = (measured.cpuMicros() - before) / requests;
        samples
          .get(name)
          ?.push({ cpuMicrosPerRequest, requestsPerSecond, p50Ms, p99Ms, rssBytes: measured.rssBytes() });
      }
    }
  } finally {
    for (const measured of running.values()) await measured.stop();
  }
  return summarise({ contenders, connections, ...scenario }, samples);
}

/** The first request of the 429 contender is admitted; every other failure would spoil the rounds too. */
function warmUpFailed({ request }: Contender, error: unknown): void {
  if (!request.refused) throw error;
}

async function runLargeBody(): Promise<void> {
  const largeOrigin = await recipe('large-origin.ts', 'load')(ground);
  const gateway = await sluice(fullChain())({ ...ground, originPort: largeOrigin.port });
  try {
    console.log('\n1 GiB through the gateway (the first of each is the warm-up)');
    for (const direction of ['download', 'download', 'upload', 'upload'] as const) {
      const { seconds: took, growthBytes } = await transfer(gateway, direction);
      console.log(
        `${direction}: ${took.toFixed(1)} s, resident memory grew by ${(growthBytes / 2 ** 20).toFixed(1)} MiB`,
      );
    }
  } finally {
    await gateway.stop();
    await largeOrigin.stop();
  }
}

async function save(results: readonly ScenarioResult[]): Promise<void> {
  const folder = join(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version, rounds, seconds };
  for (const result of results) {
    await writeFile(join(folder, `${result.scenario}.json`), `${JSON.stringify({ machine, ...result }, null, 2)}\n`);
    if (result.scenario === 'proxy') await writeFile(join(folder, 'proxy.svg'), chart(result));
  }
}
