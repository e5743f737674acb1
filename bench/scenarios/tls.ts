// HTTPS at the front, plain HTTP behind.
import { EXPRESS_UNDICI } from '../beside.ts';
import { certificateIn } from '../certificate.ts';
import { http } from '../loads/http.ts';
import { nginx } from '../peers/nginx.ts';
import { contendersOf, type Tls } from '../peers/peer.ts';
import { recipe } from '../recipe.ts';
import type { Comparison, Starter } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, KEY } from '../sluice-files.ts';

/** A starter that needs the certificate of the run. */
function secured(starter: (tls: Tls) => Starter): Starter {
  return async (ground) => starter(await certificateIn(ground.directory))(ground);
}

const load = http({ path: '/v1/items/7', headers: { 'x-api-key': KEY } }, { connections: 64, scheme: 'https' });
const peers = contendersOf([{ ...nginx, proxy: () => secured(nginx.proxy) }], load);

const comparison: Comparison = {
  kind: 'comparison',
  name: 'tls',
  title: 'GET of 406 bytes over HTTPS, connections kept',
  unit: 'request',
  contenders: [
    {
      name: 'sluice, full chain',
      start: secured((tls) => sluice({ ...fullChain(), gateway: { listen: { tls } } })),
      load,
      ours: true,
    },
    {
      name: EXPRESS_UNDICI,
      start: secured(({ cert, key }) => recipe('express-undici.ts', 'proxy', [cert, key])),
      load,
    },
    ...peers.contenders,
  ],
  goals: [{ subject: 'sluice, full chain', against: EXPRESS_UNDICI, measure: 'cpu', atMost: 1.25 }],
  absent: peers.absent,
};

export default comparison;
