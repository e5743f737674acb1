// Routes to `proxies/body-origin.ts`.
import { extended } from './extended-files.ts';
import { fullChain, type SluiceFiles } from './sluice-files.ts';

/** GET /bodies/N gives N bytes, POST /bodies takes as many as one likes; as many at once as clients have connections. */
export const BODY_FILES: SluiceFiles = extended(fullChain(), (originPort) => ({
  upstreams: { bodies: { targets: [`http://127.0.0.1:${originPort}`], connections: 4096 } },
  routes: {
    give: { match: 'GET /bodies/{bytes}', to: 'bodies' },
    take: { match: 'POST /bodies', to: 'bodies', body_max: 'none' },
  },
}));
