// The fast 503 of an open breaker, and further refusals that need nobody but the gateway.
import { get } from 'node:http';
import { extended } from '../extended-files.ts';
import { http } from '../loads/http.ts';
import { recipe } from '../recipe.ts';
import type { Comparison, Contender, Ground } from '../scenario.ts';
import { sluice } from '../sluice.ts';
import { fullChain, KEY } from '../sluice-files.ts';

const headers = { 'x-api-key': KEY };
const MIN_ATTEMPTS = 5;

const files = extended(fullChain(), () => ({
  upstreams: {
    // Nobody listens there, and no probe comes as long as the run lasts.
    gone: { targets: ['http://127.0.0.1:1'], breaker: { min: MIN_ATTEMPTS, open: '1h' } },
  },
  routes: {
    broken: { match: 'GET /v1/broken', to: 'gone', retry: 0 },
    'switched-off': { match: 'GET /v1/switched-off', to: 'origin', disabled: true },
    denied: { match: 'GET /v1/denied', to: 'origin', ip: { deny: ['127.0.0.0/8'] } },
  },
}));
const start = sluice(files);

/** Until its breaker is open. */
async function startBroken(ground: Ground): ReturnType<typeof start> {
  const measured = await start(ground);
  for (let attempt = 0; attempt < MIN_ATTEMPTS; attempt++) {
    await new Promise((resolve, reject) => {
      get({ port: measured.port, path: '/v1/broken', headers }, (response) => response.resume().on('end', resolve)).on(
        'error',
        reject,
      );
    });
  }
  return measured;
}

const CONNECTIONS = 64;
const refusals: readonly Contender[] = [
  {
    name: '503 open breaker',
    start: startBroken,
    load: http({ path: '/v1/broken', headers, status: 503 }, { connections: CONNECTIONS }),
    ours: true,
  },
  {
    name: '503 route switched off',
    start,
    load: http({ path: '/v1/switched-off', headers, status: 503 }, { connections: CONNECTIONS }),
    ours: true,
  },
  {
    name: '403 address denied',
    start,
    load: http({ path: '/v1/denied', headers, status: 403 }, { connections: CONNECTIONS }),
    ours: true,
  },
];

const comparison: Comparison = {
  kind: 'comparison',
  name: 'open-breaker',
  title: 'refusals for the sake of the upstream, or by the route, beside an Express app that says hello',
  unit: 'request',
  contenders: [
    {
      name: 'express hello',
      start: recipe('express-hello.ts'),
      load: http({ path: '/' }, { connections: CONNECTIONS }),
    },
    ...refusals,
  ],
  goals: refusals.map(({ name }) => ({ subject: name, against: 'express hello', measure: 'cpu', atMost: 1.6 })),
  absent: [],
};

export default comparison;
