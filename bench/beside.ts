// What a proxied GET is measured beside: the Node recipes, and the peers that this machine has.
import { caddy } from './peers/caddy.ts';
import { haproxy } from './peers/haproxy.ts';
import { nginx } from './peers/nginx.ts';
import { contendersOf, type Peer } from './peers/peer.ts';
import { recipe } from './recipe.ts';
import type { Contender, Goal, Load } from './scenario.ts';

export const PEERS: readonly Peer[] = [nginx, haproxy, caddy];

export const NODE_FLOOR = 'node http + bare sockets';
export const EXPRESS_UNDICI = 'express + undici';
export const EXPRESS_PROXY = 'express + http-proxy-middleware';

/** The recipes and the peers under the same load, and the names of the peers that are not here. */
export function beside(load: Load): { readonly contenders: readonly Contender[]; readonly absent: readonly string[] } {
  const peers = contendersOf(PEERS, load);
  return {
    contenders: [
      { name: NODE_FLOOR, start: recipe('http-floor.ts'), load },
      { name: EXPRESS_UNDICI, start: recipe('express-undici.ts'), load },
      { name: EXPRESS_PROXY, start: recipe('express-hpm.ts'), load },
      ...peers.contenders,
    ],
    absent: peers.absent,
  };
}

/** Without those of peers that are not here. */
export function goalsOf(goals: readonly Goal[], contenders: readonly Contender[]): readonly Goal[] {
  const names = new Set(contenders.map(({ name }) => name));
  return goals.filter(({ against }) => names.has(against));
}
