// What is compared with what, and the goal each ratio is held against (docs/performance.md).
import { caddy, nginxProxy, recipe, type Starter, sluice } from './contenders.ts';
import type { Request } from './load.ts';
import { isInstalled } from './process.ts';
import { facade, fullChain, KEY, ORDER } from './sluice-files.ts';

export interface Contender {
  readonly name: string;
  readonly start: Starter;
  readonly request: Request;
}

/** `subject` may cost at most `atMost` times the CPU of `against`, per request. */
export interface Goal {
  readonly subject: string;
  readonly against: string;
  readonly atMost: number;
}

export interface Scenario {
  readonly name: string;
  readonly connections: number;
  readonly contenders: readonly Contender[];
  readonly goals: readonly Goal[];
  /** Peers this machine does not have. */
  readonly absent: readonly string[];
}

const ITEM: Request = { path: '/v1/items/7', headers: { 'x-api-key': KEY } };
const json = { 'x-api-key': KEY, 'content-type': 'application/json' };

const QUOTE: Request = { path: '/v1/quotes', method: 'POST', headers: json, body: ORDER };

const peers = [
  { name: 'nginx', present: isInstalled('nginx'), start: nginxProxy, atMost: 2.8 },
  { name: 'caddy', present: isInstalled('caddy'), start: caddy, atMost: 0.6 },
] as const;
const presentPeers = peers.filter(({ present }) => present);

const full = sluice(fullChain());

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'proxy',
    connections: 64,
    contenders: [
      { name: 'sluice, full chain', start: full, request: ITEM },
      { name: 'express + undici', start: recipe('express-undici.ts'), request: ITEM },
      { name: 'express + http-proxy-middleware', start: recipe('express-hpm.ts'), request: ITEM },
      ...presentPeers.map(({ name, start }) => ({ name, start, request: ITEM })),
    ],
    goals: [
      { subject: 'sluice, full chain', against: 'express + undici', atMost: 1.25 },
      { subject: 'sluice, full chain', against: 'express + http-proxy-middleware', atMost: 0.4 },
      ...presentPeers.map(({ name, atMost }) => ({ subject: 'sluice, full chain', against: name, atMost })),
    ],
    absent: peers.filter(({ present }) => !present).map(({ name }) => name),
  },
  {
    name: 'refusals',
    connections: 64,
    contenders: [
      { name: 'express hello', start: recipe('express-hello.ts'), request: { path: '/' } },
      { name: '401 no key', start: full, request: { path: ITEM.path, refused: true } },
      { name: '404 no route', start: full, request: { ...ITEM, path: '/nowhere', refused: true } },
      { name: '429 over the limit', start: full, request: { ...ITEM, path: '/v1/limited', refused: true } },
    ],
    goals: ['401 no key', '404 no route', '429 over the limit'].map((subject) => ({
      subject,
      against: 'express hello',
      atMost: 1.6,
    })),
    absent: [],
  },
  {
    name: 'routes',
    connections: 64,
    contenders: [
      { name: '10 routes', start: sluice(fullChain({ otherRoutes: 4 })), request: ITEM },
      { name: '10,000 routes', start: sluice(fullChain({ otherRoutes: 9_994 })), request: ITEM },
    ],
    goals: [{ subject: '10,000 routes', against: '10 routes', atMost: 1.03 }],
    absent: [],
  },
  {
    name: 'tenants',
    connections: 64,
    contenders: [
      { name: '10 tenants', start: sluice(fullChain({ otherTenants: 9 })), request: ITEM },
      { name: '100,000 tenants', start: sluice(fullChain({ otherTenants: 99_999 })), request: ITEM },
    ],
    goals: [{ subject: '100,000 tenants', against: '10 tenants', atMost: 1.03 }],
    absent: [],
  },
  {
    name: 'validation',
    connections: 64,
    contenders: [
      {
        name: 'plain POST, 1 KB',
        start: full,
        request: { path: '/v1/plain', method: 'POST', headers: json, body: ORDER },
      },
      {
        name: 'validated POST, 1 KB',
        start: full,
        request: { path: '/v1/checked', method: 'POST', headers: json, body: ORDER },
      },
    ],
    goals: [{ subject: 'validated POST, 1 KB', against: 'plain POST, 1 KB', atMost: 1.35 }],
    absent: [],
  },
  {
    name: 'facade',
    connections: 16,
    contenders: [
      { name: 'facade call, mapped and checked', start: sluice(facade()), request: QUOTE },
      { name: 'express + axios', start: recipe('express-axios.ts'), request: QUOTE },
    ],
    goals: [{ subject: 'facade call, mapped and checked', against: 'express + axios', atMost: 1.4 }],
    absent: [],
  },
];
