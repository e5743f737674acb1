// The gateway inside the test's own process and HTTP server, as an embedder runs it.
import { createServer, type RequestListener } from 'node:http';
import { join } from 'node:path';
import { createGateway, type Gateway } from '../../src/index.ts';
import type { CleanUp } from './clean-up.ts';
import { temporaryDirectory } from './files.ts';
import { listenOnLoopback } from './ports.ts';

export interface EmbeddedGateway {
  readonly gateway: Gateway;
  readonly url: string;
  /** Where its routes.yaml and log are. */
  readonly directory: string;
}

/** Creates a gateway and serves `listener(gateway)` on a free loopback port; both end after the test. */
export async function embedGateway(
  t: CleanUp,
  routes: Readonly<Record<string, unknown>>,
  listener: (gateway: Gateway) => RequestListener = ({ app }) => app,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<EmbeddedGateway> {
  const directory = await temporaryDirectory(t, {
    'routes.yaml': JSON.stringify(routes),
    'gateway.yaml': JSON.stringify(settings),
  });
  const gateway = await createGateway({
    routes: join(directory, 'routes.yaml'),
    config: join(directory, 'gateway.yaml'),
    env: {},
    log: join(directory, 'gateway.log'),
  });
  const server = createServer(listener(gateway));
  gateway.attach(server);
  const port = await listenOnLoopback(server);
  t.after(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
    await gateway.close();
  });
  return { gateway, url: `http://127.0.0.1:${port}`, directory };
}
