// `npm test`: checks what the machine must have, then runs node's own test runner over test/. Nothing is skipped silently.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** A program that tests start, and the Debian package that has it. */
interface Requirement {
  readonly command: string;
  readonly debianPackage: string;
  readonly why: string;
}

const REQUIREMENTS: readonly Requirement[] = [
  { command: 'nginx', debianPackage: 'nginx-light', why: 'an upstream that Sluice did not write' },
  { command: 'openssl', debianPackage: 'openssl', why: 'certificates that are expired, or for another name' },
  { command: 'prlimit', debianPackage: 'util-linux', why: 'a gateway that runs out of file descriptors' },
  { command: 'setpriv', debianPackage: 'util-linux', why: 'no gateway outlives the test that started it' },
  { command: 'curl', debianPackage: 'curl', why: 'the commands that `npm start` prints are run as printed' },
];

/** A test or suite that takes this long hangs, also on a busy machine: it fails, by name. What outlasts the tests of a file is left-behind.ts' business. */
const TEST_TIMEOUT_MS = 600_000;

// Debian keeps servers in sbin, which is not on the PATH of everyone.
process.env['PATH'] = [dirname(process.execPath), process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin'].join(
  delimiter,
);

assertNodeVersion();
for (const requirement of REQUIREMENTS) {
  if (!isInstalled(requirement.command)) install(requirement);
}
process.exitCode = await runTests(process.argv.slice(2));

function assertNodeVersion(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 24 || (major === 24 && minor >= 12)) return;
  fail(
    `Sluice needs Node 24.12 or newer, and this is ${process.version}. Run \`npm ci && npm test\`: npm brings Node 26.`,
  );
}

function isInstalled(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function install({ command, debianPackage, why }: Requirement): void {
  const byHand = `apt-get update && apt-get install --yes --no-install-recommends ${debianPackage}`;
  if (process.getuid?.() === 0 && isInstalled('apt-get')) {
    process.stderr.write(`${command} is missing (${why}): installing ${debianPackage}\n`);
    spawnSync('sh', ['-c', byHand], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  if (!isInstalled(command)) fail(`the tests need ${command} (${why}). Install it with: sudo sh -c '${byHand}'`);
}

/** Runs the files or patterns given, else everything; other flags (`--test-name-pattern=…`) go to node as they are. */
function runTests(given: readonly string[]): Promise<number> {
  const flags = given.filter((argument) => argument.startsWith('-'));
  const files = given.filter((argument) => !argument.startsWith('-'));
  const runner = spawn(
    process.execPath,
    [
      '--test',
      '--test-reporter=spec',
      `--test-concurrency=${availableParallelism()}`,
      `--test-timeout=${TEST_TIMEOUT_MS}`,
      `--import=${pathToFileURL(join(import.meta.dirname, 'support/preload/left-behind.ts')).href}`,
      ...flags,
      ...(files.length > 0 ? files : ['test/**/*.test.ts']),
    ],
    { stdio: 'inherit' },
  );
  return new Promise((resolve, reject) => {
    runner.on('error', reject);
    runner.on('exit', (code) => resolve(code ?? 1));
  });
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
