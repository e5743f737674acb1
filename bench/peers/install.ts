// `--install-peers`: what Sluice is measured beside and with, from Debian.
import { spawnSync } from 'node:child_process';
import { PEERS } from '../beside.ts';
import { isInstalled } from '../process.ts';
import { isPresent } from './peer.ts';

/** Without these nothing can be measured: the load, and the origin behind all. */
const NEEDED = { wrk: 'wrk', nginx: 'nginx-light' } as const;

/** What is missing of what no run can do without, said with what to do about it; undefined when nothing is. */
export function missingTools(): string | undefined {
  const missing = Object.entries(NEEDED).filter(([command]) => !isInstalled(command));
  if (missing.length === 0) return undefined;
  const packages = missing.map(([, name]) => name).join(' ');
  return `missing: ${missing.map(([command]) => command).join(', ')}. Install with \`npm run bench -- --install-peers\`, or \`apt-get install --yes ${packages}\``;
}

/** Installs what is not there; the exit code. */
export function installPeers(): number {
  const packages = new Set([
    ...Object.entries(NEEDED).flatMap(([command, name]) => (isInstalled(command) ? [] : [name])),
    ...PEERS.filter((peer) => !isPresent(peer)).map(({ packageName }) => packageName),
  ]);
  if (packages.size === 0) {
    console.log('nginx, haproxy, caddy and wrk are all here');
    return 0;
  }
  const command = `apt-get install --yes --no-install-recommends ${[...packages].join(' ')}`;
  const refusal = whyNot();
  if (refusal !== undefined) {
    console.error(`${refusal}. Run it yourself:\n  ${command}`);
    return 1;
  }
  console.log(command);
  const [program = '', ...args] = command.split(' ');
  const { status } = spawnSync(program, args, {
    stdio: 'inherit',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  if (status !== 0) {
    console.error('apt-get failed (its message is above). Where its lists are old: apt-get update');
    return 1;
  }
  console.log(
    'The bench starts its own; where the packages started services: systemctl disable --now nginx haproxy caddy',
  );
  return 0;
}

function whyNot(): string | undefined {
  if (!isInstalled('apt-get'))
    return 'There is no apt-get here: install nginx, haproxy, caddy and wrk in this system’s way';
  if (process.getuid?.() !== 0) return 'Only root may install packages';
  return undefined;
}
