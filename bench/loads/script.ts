// Loads that wrk cannot make: a Node script of this folder on the load's core, its terms as JSON in, what it saw as JSON out.
import { join } from 'node:path';
import { output } from '../process.ts';
import type { Load, LoadResult } from '../scenario.ts';

/** What every script is told beside its own terms. */
export interface ScriptTerms {
  readonly port: number;
  readonly seconds: number;
}

export interface ScriptOptions {
  /** It spins, so that it is never late: everything else on its core goes first. */
  readonly spins?: boolean;
}

/** @param terms asked for anew every time, with the port under load. */
export function script(
  file: string,
  terms: (port: number, options: { readonly directory: string }) => object | Promise<object>,
  { spins = false }: ScriptOptions = {},
): Load {
  return async (port, { seconds, directory }): Promise<LoadResult> => {
    const all: ScriptTerms = { ...(await terms(port, { directory })), port, seconds };
    const node = [process.execPath, join(import.meta.dirname, file), JSON.stringify(all)];
    return JSON.parse(await output('load', spins ? ['chrt', '--idle', '0', ...node] : node));
  };
}
