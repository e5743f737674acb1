// `--compare REV`: Sluice of this checkout against Sluice of another revision, in the same rounds.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Comparison, Contender } from './scenario.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '..');
/** What noise leaves of a comparison with itself. */
const AT_MOST = 1.03;

/** Checks a revision out beside this one, does what is to be done with it, and removes it again. */
export async function withRevision<T>(
  revision: string,
  directory: string,
  use: (source: string) => Promise<T>,
): Promise<T> {
  const { stdout } = await run('git', ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`], {
    cwd: ROOT,
  }).catch((error: unknown) => {
    throw new Error(`--compare: "${revision}" is no revision of git here`, { cause: error });
  });
  const source = join(directory, 'compared');
  await run('git', ['worktree', 'add', '--detach', source, stdout.trim()], { cwd: ROOT });
  try {
    await provideModules(source);
    return await use(source);
  } finally {
    await run('git', ['worktree', 'remove', '--force', source], { cwd: ROOT });
  }
}

/** The same packages: those installed here where both want the same, else installed there. */
async function provideModules(source: string): Promise<void> {
  const [here, there] = await Promise.all(
    [ROOT, source].map((root) => readFile(join(root, 'package-lock.json'), 'utf8')),
  );
  if (here === there && existsSync(join(ROOT, 'node_modules'))) {
    await symlink(join(ROOT, 'node_modules'), join(source, 'node_modules'));
  } else {
    console.error('its packages are others: npm ci');
    await run('npm', ['ci', '--no-audit', '--no-fund'], { cwd: source });
  }
}

/** Each of ours twice, from here and from there, and nobody else. */
export function comparedWith(comparison: Comparison, revision: string, source: string): Comparison {
  const ours = comparison.contenders.filter((contender) => contender.ours);
  const nameThere = (name: string): string => `${name}, at ${revision}`;
  return {
    ...comparison,
    title: `Sluice as it is here, and at ${revision}`,
    contenders: ours.flatMap((contender): Contender[] => [
      contender,
      {
        ...contender,
        name: nameThere(contender.name),
        start: (ground) => contender.start({ ...ground, source }),
      },
    ]),
    goals: ours.map(({ name }) => ({ subject: name, against: nameThere(name), measure: 'cpu', atMost: AT_MOST })),
    absent: [],
  };
}
