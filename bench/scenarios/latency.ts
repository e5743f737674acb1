// What a proxy adds to the time of a request while it is half as busy as it could be: in its own time, and in the requests it is given.
import { NODE_FLOOR } from '../beside.ts';
import { http } from '../loads/http.ts';
import { openLoop } from '../loads/open-loop.ts';
import { startOrigin } from '../origin.ts';
import { nginx } from '../peers/nginx.ts';
import { contendersOf } from '../peers/peer.ts';
import { recipe } from '../recipe.ts';
import type { Comparison, Contender, Goal, Load } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, KEY } from '../sluice-files.ts';

const CONNECTIONS = 64;
const request = { path: '/v1/items/7', headers: { 'x-api-key': KEY } };
const flatOut = http(request, { connections: CONNECTIONS });
const CALIBRATION_SECONDS = 2;

/** Requests a second, when they come in crowds. Found out once, with Sluice, which is the first and then has warmed up. */
let most: Promise<number> | undefined;

function ofMost(share: number): Load {
  return openLoop(async (port, { directory }) => {
    most ??= (async () => {
      await flatOut(port, { seconds: CALIBRATION_SECONDS, directory });
      return (await flatOut(port, { seconds: CALIBRATION_SECONDS, directory })).unitsPerSecond;
    })();
    return { ...request, connections: CONNECTIONS, rate: (await most) * share };
  });
}

/** A request that comes alone costs twice as much as one of a crowd: this keeps Sluice's core busy for half of the time. */
const halfBusy = ofMost(1 / 4);
/** And this for most of it. */
const halfOfMost = ofMost(1 / 2);

const LOADS = [
  { load: halfBusy, when: 'half busy' },
  { load: halfOfMost, when: 'half of its most requests' },
] as const;

const { absent } = contendersOf([nginx], halfBusy);

function contenders({ load, when }: (typeof LOADS)[number]): Contender[] {
  return [
    { name: `sluice, ${when}`, start: sluice(fullChain()), load, ours: true },
    { name: `${NODE_FLOOR}, ${when}`, start: recipe('http-floor.ts'), load },
    ...contendersOf([nginx], load).contenders.map((peer) => ({ ...peer, name: `${peer.name}, ${when}` })),
    { name: `origin alone, ${when}`, start: ({ directory }) => startOrigin(directory), load },
  ];
}

function goals({ when }: (typeof LOADS)[number]): Goal[] {
  const [subject, against] = [`sluice, ${when}`, `origin alone, ${when}`];
  return [
    { subject, against, measure: 'p50', atMostMsMore: 0.15 },
    { subject, against, measure: 'p99', atMostMsMore: 1 },
  ];
}

const comparison: Comparison = {
  kind: 'comparison',
  name: 'latency',
  title: 'time of a GET of 406 bytes at half load, from the moment it was due',
  unit: 'request',
  contenders: LOADS.flatMap(contenders),
  goals: LOADS.flatMap(goals),
  absent,
};

export default comparison;
