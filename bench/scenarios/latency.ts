// What a proxy adds to the time of a request while it is half as busy as it could be.
import { http } from '../loads/http.ts';
import { openLoop } from '../loads/open-loop.ts';
import { startOrigin } from '../origin.ts';
import { nginx } from '../peers/nginx.ts';
import { contendersOf } from '../peers/peer.ts';
import type { Comparison } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, KEY } from '../sluice-files.ts';

const CONNECTIONS = 64;
const request = { path: '/v1/items/7', headers: { 'x-api-key': KEY } };
const flatOut = http(request, { connections: CONNECTIONS });
const CALIBRATION_SECONDS = 2;

/** Found out once, with Sluice, which is the first of the contenders and then has warmed up; the same for all. */
let halfLoad: Promise<number> | undefined;

const load = openLoop(async (port, { directory }) => {
  halfLoad ??= (async () => {
    await flatOut(port, { seconds: CALIBRATION_SECONDS, directory });
    const { unitsPerSecond } = await flatOut(port, { seconds: CALIBRATION_SECONDS, directory });
    return unitsPerSecond / 2;
  })();
  return { ...request, connections: CONNECTIONS, rate: await halfLoad };
});
const peers = contendersOf([nginx], load);

const comparison: Comparison = {
  kind: 'comparison',
  name: 'latency',
  title: 'time of a GET of 406 bytes at half of the load that Sluice can take, from the moment it was due',
  unit: 'request',
  contenders: [
    { name: 'sluice, full chain', start: sluice(fullChain()), load, ours: true },
    ...peers.contenders,
    { name: 'origin alone', start: ({ directory }) => startOrigin(directory), load },
  ],
  goals: [
    { subject: 'sluice, full chain', against: 'origin alone', measure: 'p50', atMostMsMore: 0.15 },
    { subject: 'sluice, full chain', against: 'origin alone', measure: 'p99', atMostMsMore: 1 },
  ],
  absent: peers.absent,
};

export default comparison;
