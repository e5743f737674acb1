// A gateway whose routes change again and again while it serves.
import { rename, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../test/support/wait.ts';
import { ask } from '../ask.ts';
import { extended } from '../extended-files.ts';
import { openLoop } from '../loads/open-loop.ts';
import type { Comparison, Load, Starter } from '../scenario.ts';
import { type RunningSluice, sluice, startSluice } from '../sluice.ts';
import { fullChain, KEY, type SluiceFiles } from '../sluice-files.ts';

const ROUTES = 1_000;
const FULL_CHAIN_ROUTES = 5;
const headers = { 'x-api-key': KEY };
const load = openLoop(() => ({ path: '/v1/items/7', headers, connections: 64, rate: 2_000 }));

/** A thousand routes, one of which says which generation of the file this is. */
function generation(number: number): SluiceFiles {
  return extended(fullChain({ otherRoutes: ROUTES - FULL_CHAIN_ROUTES - 1 }), () => ({
    routes: { generation: { match: `GET ${generationPath(number)}`, to: 'origin' } },
  }));
}

function generationPath(number: number): string {
  return `/v1/generations/${number}`;
}

/** A gateway that is reloaded while it is under load. */
interface Reloaded {
  readonly gateway: RunningSluice;
  readonly originPort: number;
  generation: number;
}

/** By port: there are two in a comparison with another revision. */
const running = new Map<number, Reloaded>();

const start: Starter = async (ground) => {
  const gateway = await startSluice(generation(0), ground);
  running.set(gateway.measured.port, { gateway, originPort: ground.originPort, generation: 0 });
  return gateway.measured;
};

const loadAndReload: Load = async (port, options) => {
  const reloaded = running.get(port);
  if (reloaded === undefined) throw new Error(`no gateway was started on ${port}`);
  const reloading = sleep((options.seconds * 1000) / 3).then(() => reload(reloaded));
  const [result] = await Promise.all([load(port, options), reloading]);
  return result;
};

/** Resolves when the new routes serve. */
async function reload(reloaded: Reloaded): Promise<void> {
  const { gateway, originPort } = reloaded;
  const next = ++reloaded.generation;
  await writeFile(`${gateway.routesFile}.next`, generation(next).routes(originPort));
  await rename(`${gateway.routesFile}.next`, gateway.routesFile);
  await eventually(
    async () => (await ask(gateway.measured.port, generationPath(next), { headers })).status === 200,
    `generation ${next} in service`,
  );
}

const RELOADED = 'a reload in each round';

const comparison: Comparison = {
  kind: 'comparison',
  name: 'reload',
  title: 'time of a GET, 2,000 a second, while 1,000 routes are replaced; every request must be answered 200',
  unit: 'request',
  contenders: [
    { name: 'no reload', start: sluice(generation(0)), load, ours: true },
    { name: RELOADED, start, load: loadAndReload, ours: true },
  ],
  goals: [{ subject: RELOADED, against: 'no reload', measure: 'p99', atMostMsMore: 5 }],
  absent: [],
};

export default comparison;
