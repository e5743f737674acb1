// A connection of its own for every request of the client's.
import { beside, EXPRESS_PROXY, EXPRESS_UNDICI, NODE_FLOOR } from '../beside.ts';
import { http } from '../loads/http.ts';
import type { Comparison } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, KEY } from '../sluice-files.ts';

const load = http({ path: '/v1/items/7', headers: { 'x-api-key': KEY, Connection: 'close' } }, { connections: 64 });
const others = beside(load);
/** The bare sockets of the floor know kept connections only. */
const rivals = others.contenders.filter(({ name }) => name !== NODE_FLOOR);

const comparison: Comparison = {
  kind: 'comparison',
  name: 'churn',
  title: 'GET of 406 bytes on a new connection each time',
  unit: 'request',
  contenders: [{ name: 'sluice, full chain', start: sluice(fullChain()), load, ours: true }, ...rivals],
  goals: [
    { subject: 'sluice, full chain', against: EXPRESS_UNDICI, measure: 'cpu', atMost: 1.25 },
    { subject: 'sluice, full chain', against: EXPRESS_PROXY, measure: 'cpu', atMost: 1 },
  ],
  absent: others.absent,
};

export default comparison;
