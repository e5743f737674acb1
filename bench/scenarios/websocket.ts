// WebSocket messages, echoed by the origin.
import { EXPRESS_PROXY } from '../beside.ts';
import { extended } from '../extended-files.ts';
import { webSocketLoad } from '../loads/websocket.ts';
import { recipe } from '../recipe.ts';
import { recipeOrigin } from '../recipe-origin.ts';
import type { Comparison } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, KEY } from '../sluice-files.ts';

const files = extended(fullChain(), () => ({
  routes: { socket: { match: 'GET /v1/socket', to: 'origin', websocket: true } },
}));
const load = webSocketLoad({ path: '/v1/socket', headers: { 'x-api-key': KEY }, connections: 64, bytes: 64 });

const comparison: Comparison = {
  kind: 'comparison',
  name: 'websocket',
  title: 'messages of 64 bytes over 64 WebSockets to an echo, one under way on each',
  unit: 'message',
  origin: recipeOrigin('websocket-origin.ts'),
  contenders: [
    { name: 'sluice, full chain', start: sluice(files), load, ours: true },
    { name: EXPRESS_PROXY, start: recipe('express-hpm-websocket.ts'), load },
  ],
  goals: [{ subject: 'sluice, full chain', against: EXPRESS_PROXY, measure: 'cpu', atMost: 1.25 }],
  absent: [],
};

export default comparison;
