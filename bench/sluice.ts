// Sluice as a contender: `sluice serve` from a checkout, with files of its own.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { closedPort } from '../test/support/ports.ts';
import { Measured } from './process.ts';
import type { Ground, Starter } from './scenario.ts';
import type { SluiceFiles } from './sluice-files.ts';

/** A gateway that serves, and where it can be spoken to. */
export interface RunningSluice {
  readonly measured: Measured;
  readonly adminPort: number;
  /** Its routes.yaml, which it watches. */
  readonly routesFile: string;
}

/** From the sources, as everybody here runs it, or as it is shipped, which needs `npm run build` before. */
export type Entry = 'src/main.ts' | 'dist/main.js';

export async function startSluice(
  files: SluiceFiles,
  ground: Ground,
  entry: Entry = 'src/main.ts',
): Promise<RunningSluice> {
  const { directory, originPort, source, nodeFlags } = ground;
  const port = await closedPort();
  const adminPort = await closedPort();
  const own = join(directory, `sluice-${port}`);
  const routesFile = join(own, 'routes.yaml');
  const gatewayFile = join(own, 'gateway.yaml');
  await mkdir(own);
  await writeFile(routesFile, files.routes(originPort));
  await writeFile(gatewayFile, JSON.stringify({ log: { level: 'warn', access: true }, ...files.gateway }));
  const measured = await Measured.start(
    'proxy',
    port,
    [process.execPath, ...nodeFlags, join(source, entry)].concat(
      ['serve', '--routes', routesFile],
      ['--config', gatewayFile],
    ),
    { NODE_ENV: 'production', PORT: String(port), ADMIN_PORT: String(adminPort) },
  );
  return { measured, adminPort, routesFile };
}

export function sluice(files: SluiceFiles): Starter {
  return async (ground) => (await startSluice(files, ground)).measured;
}
