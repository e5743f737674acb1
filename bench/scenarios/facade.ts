import { http } from '../loads/http.ts';
import { recipe } from '../recipe.ts';
import type { Comparison } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { facade, postOrder } from '../sluice-files.ts';

const load = http(postOrder('/v1/quotes'), { connections: 16 });

export default {
  kind: 'comparison',
  name: 'facade',
  title:
    'a call to a third party: body and answer checked and mapped, a token, a pace; beside axios that does none of it',
  unit: 'request',
  contenders: [
    { name: 'sluice, facade', start: sluice(facade()), load, ours: true },
    { name: 'express + axios', start: recipe('express-axios.ts'), load },
  ],
  goals: [{ subject: 'sluice, facade', against: 'express + axios', measure: 'cpu', atMost: 1.4 }],
  absent: [],
} satisfies Comparison;
