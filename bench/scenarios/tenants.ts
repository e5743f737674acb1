import { http } from '../loads/http.ts';
import type { Comparison } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, ITEM } from '../sluice-files.ts';

const load = http(ITEM, { connections: 64 });

export default {
  kind: 'comparison',
  name: 'tenants',
  title: 'the same request with ten tenants and with a hundred thousand',
  unit: 'request',
  contenders: [
    { name: '10 tenants', start: sluice(fullChain({ otherTenants: 9 })), load, ours: true },
    { name: '100,000 tenants', start: sluice(fullChain({ otherTenants: 99_999 })), load, ours: true },
  ],
  goals: [{ subject: '100,000 tenants', against: '10 tenants', measure: 'cpu', atMost: 1.03 }],
  absent: [],
} satisfies Comparison;
