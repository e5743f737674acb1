// From the command line to the first answer, and what a gateway holds: as it is shipped, and from the sources, whose types Node
// has to strip first.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { eventually } from '../../test/support/wait.ts';
import { ask } from '../ask.ts';
import { http } from '../loads/http.ts';
import type { Fact, Ground } from '../scenario.ts';
import { type Entry, type RunningSluice, startSluice } from '../sluice.ts';
import { fullChain, KEY, type SluiceFiles } from '../sluice-files.ts';
import { probe } from './probed.ts';

const FULL_CHAIN_ROUTES = 5;
const HUNDRED_ROUTES = routes(100);
const MEGABYTE = 1_000_000;
/** The first of them reads the files from disk, and is not counted. */
const STARTS = 6;
const REST_MS = 5_000;

function routes(count: number): SluiceFiles {
  return fullChain({ otherRoutes: count - FULL_CHAIN_ROUTES });
}

/** What is shipped: JavaScript in `dist/`. Another revision may make it in another way. */
export async function build({ source }: Ground): Promise<void> {
  await promisify(execFile)('npm', ['run', 'build'], { cwd: source });
}

export async function coldStart(ground: Ground): Promise<readonly Fact[]> {
  const hundred = await medianStartMs(HUNDRED_ROUTES, ground, STARTS, 'dist/main.js');
  const fromSources = await medianStartMs(HUNDRED_ROUTES, ground, STARTS, 'src/main.ts');
  const tenThousand = await medianStartMs(routes(10_000), ground, 2, 'dist/main.js');
  return [
    { name: 'start to ready, 100 routes', value: hundred, unit: 'ms', atMost: 500 },
    { name: 'the same from the sources', value: fromSources, unit: 'ms' },
    { name: 'start to ready, 10,000 routes', value: tenThousand, unit: 'ms', atMost: 2_000 },
  ];
}

async function medianStartMs(files: SluiceFiles, ground: Ground, starts: number, entry: Entry): Promise<number> {
  const times: number[] = [];
  for (let start = 0; start < starts; start++) {
    const startedAt = performance.now();
    const gateway = await startSluice(files, ground, entry);
    try {
      await untilReady(gateway);
      times.push(performance.now() - startedAt);
    } finally {
      await gateway.measured.stop();
    }
  }
  const counted = times.slice(1).toSorted((a, b) => a - b);
  return counted[Math.floor(counted.length / 2)] ?? Number.NaN;
}

/** The admin port is bound a moment after the data port, which is where a process counts as started. */
function untilReady({ adminPort }: RunningSluice): Promise<boolean> {
  return eventually(async () => (await ask(adminPort, '/readyz').catch(refusedYet))?.status === 200, 'readiness');
}

function refusedYet(error: unknown): undefined {
  if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) throw error;
}

/** Not collected by force: what the process shows to whoever looks from outside. */
export async function resident(ground: Ground): Promise<readonly Fact[]> {
  const { measured, ...gateway } = await startSluice(HUNDRED_ROUTES, ground, 'dist/main.js');
  try {
    await untilReady({ measured, ...gateway });
    await sleep(REST_MS);
    const started = measured.rssBytes();
    const load = http({ path: '/v1/items/7', headers: { 'x-api-key': KEY } }, { connections: 64 });
    await load(measured.port, { seconds: 3, directory: ground.directory });
    const loaded = measured.rssBytes();
    await sleep(REST_MS);
    return [
      { name: 'resident at rest', value: started / MEGABYTE, unit: 'MB', atMost: 120 },
      { name: 'resident under load', value: loaded / MEGABYTE, unit: 'MB' },
      { name: 'resident some seconds after load', value: measured.rssBytes() / MEGABYTE, unit: 'MB' },
    ];
  } finally {
    await measured.stop();
  }
}

export async function manyRoutes(ground: Ground): Promise<readonly Fact[]> {
  const heapOf = (count: number): Promise<number> =>
    probe(routes(count), ground, async (gateway) => (await gateway.held()).heapUsed);
  const [few, many] = [10, 10_000];
  const perRoute = ((await heapOf(many)) - (await heapOf(few))) / (many - few);
  return [{ name: 'heap of a route, of 10,000', value: perRoute / 1024, unit: 'KiB', atMost: 5 }];
}
