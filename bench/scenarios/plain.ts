import { beside } from '../beside.ts';
import { http } from '../loads/http.ts';
import type { Comparison } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { ITEM, plain } from '../sluice-files.ts';

const load = http(ITEM, { connections: 64 });
const { contenders, absent } = beside(load);

export default {
  kind: 'comparison',
  name: 'plain',
  title: 'a small GET through a route without policies and without an access log',
  unit: 'request',
  contenders: [{ name: 'sluice', start: sluice(plain()), load, ours: true }, ...contenders],
  goals: [],
  absent,
} satisfies Comparison;
