import { http } from '../loads/http.ts';
import type { Comparison } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, postOrder } from '../sluice-files.ts';

const start = sluice(fullChain());
const connections = 64;

export default {
  kind: 'comparison',
  name: 'validation',
  title: 'a POST with a kilobyte of JSON, passed on unseen and held against a schema',
  unit: 'request',
  contenders: [
    { name: 'unvalidated', start, load: http(postOrder('/v1/plain'), { connections }), ours: true },
    { name: 'validated', start, load: http(postOrder('/v1/checked'), { connections }), ours: true },
  ],
  goals: [{ subject: 'validated', against: 'unvalidated', measure: 'cpu', atMost: 1.35 }],
  absent: [],
} satisfies Comparison;
