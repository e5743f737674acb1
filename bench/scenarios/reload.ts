// A gateway whose routes change again and again while it serves.
import { rename, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../test/support/wait.ts';
import { ask } from '../ask.ts';
import { extended } from '../extended-files.ts';
import { openLoop } from '../loads/open-loop.ts';
import type { Comparison, Contender, Load } from '../scenario.ts';
import { type RunningSluice, sluice, startSluice } from '../sluice.ts';
import { fullChain, KEY, type SluiceFiles } from '../sluice-files.ts';

const ROUTES = 1_000;
const FULL_CHAIN_ROUTES = 5;
const RELOADS_PER_ROUND = 2;
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

/** One that is reloaded while it is under load. */
function reloaded(name: string): Contender {
  let gateway: RunningSluice | undefined;
  let originPort = 0;
  let current = 0;

  async function reload({ routesFile, measured }: RunningSluice): Promise<void> {
    current++;
    await writeFile(`${routesFile}.next`, generation(current).routes(originPort));
    await rename(`${routesFile}.next`, routesFile);
    await eventually(
      async () => (await ask(measured.port, generationPath(current), { headers })).status === 200,
      `generation ${current} in service`,
    );
  }

  async function reloadEvenly(running: RunningSluice, seconds: number): Promise<void> {
    const startedAt = performance.now();
    for (let done = 0; done < RELOADS_PER_ROUND; done++) {
      const dueAt = startedAt + ((done + 1) / (RELOADS_PER_ROUND + 1)) * seconds * 1000;
      await sleep(Math.max(0, dueAt - performance.now()));
      await reload(running);
    }
  }

  const loadAndReload: Load = async (port, options) => {
    if (gateway === undefined) throw new Error(`${name}: loaded before it was started`);
    const [result] = await Promise.all([load(port, options), reloadEvenly(gateway, options.seconds)]);
    return result;
  };

  return {
    name,
    async start(ground) {
      originPort = ground.originPort;
      gateway = await startSluice(generation(current), ground);
      return gateway.measured;
    },
    load: loadAndReload,
    ours: true,
  };
}

const RELOADED = `${RELOADS_PER_ROUND} reloads a round`;

const comparison: Comparison = {
  kind: 'comparison',
  name: 'reload',
  title: 'time of a GET, 2,000 a second, while 1,000 routes are replaced; every request must be answered 200',
  unit: 'request',
  contenders: [{ name: 'no reload', start: sluice(generation(0)), load, ours: true }, reloaded(RELOADED)],
  goals: [{ subject: RELOADED, against: 'no reload', measure: 'p99', atMostMsMore: 5 }],
  absent: [],
};

export default comparison;
