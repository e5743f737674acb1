// A contender written in TypeScript in `proxies/`.
import { join } from 'node:path';
import { closedPort } from '../test/support/ports.ts';
import { Measured, type Role } from './process.ts';
import type { Starter } from './scenario.ts';

/** Starts `proxies/FILE PORT ORIGIN …further`. */
export function recipe(file: string, role: Role = 'proxy', further: readonly string[] = []): Starter {
  return async ({ originPort }) => {
    const port = await closedPort();
    const script = join(import.meta.dirname, 'proxies', file);
    const args = [script, String(port), `http://127.0.0.1:${originPort}`, ...further];
    return Measured.start(role, port, [process.execPath, ...args], { NODE_ENV: 'production' });
  };
}
