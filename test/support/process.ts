// Processes that tests start.
import { type ChildProcessByStdio, type SpawnOptions, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

/** Starts a program that the kernel kills when this process is gone, however it went: nothing outlives a test that crashed. */
export function spawnBound(
  command: string,
  args: readonly string[],
  options: Pick<SpawnOptions, 'cwd' | 'env'> = {},
): ChildProcessByStdio<null, Readable, Readable> {
  // `setpriv` becomes the program: same process, same pid.
  return spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
}
