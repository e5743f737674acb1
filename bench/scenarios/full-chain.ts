import { beside, EXPRESS_PROXY, EXPRESS_UNDICI, goalsOf } from '../beside.ts';
import { http } from '../loads/http.ts';
import { caddy } from '../peers/caddy.ts';
import { nginx } from '../peers/nginx.ts';
import type { Comparison } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, ITEM } from '../sluice-files.ts';

const SUBJECT = 'sluice, full chain';
const load = http(ITEM, { connections: 64 });
const { contenders, absent } = beside(load);
const goals = [
  { subject: SUBJECT, against: EXPRESS_UNDICI, measure: 'cpu', atMost: 1.25 },
  { subject: SUBJECT, against: EXPRESS_PROXY, measure: 'cpu', atMost: 0.4 },
  { subject: SUBJECT, against: caddy.name, measure: 'cpu', atMost: 0.6 },
  { subject: SUBJECT, against: nginx.name, measure: 'cpu', atMost: 2.8 },
] as const;

export default {
  kind: 'comparison',
  name: 'full-chain',
  title: 'a small GET through the full policy chain, beside proxies that do little or nothing else',
  unit: 'request',
  contenders: [{ name: SUBJECT, start: sluice(fullChain()), load, ours: true }, ...contenders],
  goals: goalsOf(goals, contenders),
  absent,
} satisfies Comparison;
