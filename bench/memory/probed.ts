// A gateway whose memory can be asked for from outside.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { closedPort } from '../../test/support/ports.ts';
import { ask } from '../ask.ts';
import type { Ground } from '../scenario.ts';
import { startSluice } from '../sluice.ts';
import type { SluiceFiles } from '../sluice-files.ts';
import type { Held } from './heap-door.ts';

export interface Probed {
  readonly port: number;
  /** After a collection. */
  held(): Promise<Held>;
}

/** Starts one, and stops it when `use` has ended. */
export async function probe<T>(files: SluiceFiles, ground: Ground, use: (gateway: Probed) => Promise<T>): Promise<T> {
  const doorPort = await closedPort();
  const door = pathToFileURL(join(import.meta.dirname, 'heap-door.ts')).href;
  const nodeFlags = [...ground.nodeFlags, '--expose-gc', '--import', `${door}?${doorPort}`];
  const { measured } = await startSluice(files, { ...ground, nodeFlags });
  try {
    return await use({
      port: measured.port,
      held: async () => JSON.parse((await ask(doorPort, '/')).body),
    });
  } finally {
    await measured.stop();
  }
}
