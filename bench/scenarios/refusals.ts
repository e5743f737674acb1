import { http, type Request } from '../loads/http.ts';
import { recipe } from '../recipe.ts';
import type { Comparison, Contender } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, ITEM } from '../sluice-files.ts';

const HELLO = 'express hello';
const start = sluice(fullChain());
const connections = 64;

function refusal(name: string, request: Request): Contender {
  return { name, start, load: http(request, { connections }), ours: true };
}

const refusals = [
  refusal('401, no key', { path: ITEM.path, status: 401 }),
  refusal('404, no route', { ...ITEM, path: '/nowhere', status: 404 }),
  refusal('429, over the limit', { ...ITEM, path: '/v1/limited', status: 429 }),
];

export default {
  kind: 'comparison',
  name: 'refusals',
  title: 'a refused request, beside Express that answers by itself',
  unit: 'request',
  contenders: [
    { name: HELLO, start: recipe('express-hello.ts'), load: http({ path: '/' }, { connections }) },
    ...refusals,
  ],
  goals: refusals.map(({ name }) => ({ subject: name, against: HELLO, measure: 'cpu', atMost: 1.6 })),
  absent: [],
} satisfies Comparison;
