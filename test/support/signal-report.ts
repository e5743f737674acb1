// What a preload (test/support/preload/) says on standard error when it is sent SIGUSR2: a word, and JSON.
import type { GatewayProcess } from './gateway.ts';
import { eventually } from './wait.ts';

/** Sends SIGUSR2 and resolves with what stands behind `word: ` on the next line that begins with it. */
export async function signalReport(gateway: GatewayProcess, word: string): Promise<unknown> {
  const { length } = gateway.stderr;
  gateway.kill('SIGUSR2');
  const line = new RegExp(`^${word}: (.*)\n`, 'm');
  return JSON.parse(await eventually(() => line.exec(gateway.stderr.slice(length))?.[1], `line "${word}: …"`));
}
