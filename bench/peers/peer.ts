// A proxy of somebody else's that Sluice is measured beside, where the machine has it.
import { spawnSync } from 'node:child_process';
import { isInstalled } from '../process.ts';
import type { Contender, Load, Starter } from '../scenario.ts';

/** PEM files. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

export interface Peer {
  readonly name: string;
  /** Of Debian. */
  readonly packageName: string;
  /** Prints its version. */
  readonly versionCommand: readonly [string, ...string[]];
  /** A proxy in front of the origin, with TLS towards the client when it is given. */
  readonly proxy: (tls?: Tls) => Starter;
}

export function isPresent({ versionCommand: [program] }: Peer): boolean {
  return isInstalled(program);
}

/** `2.6.12`. */
export function versionOf({ versionCommand: [program, ...args] }: Peer): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return /\d+(\.\d+)+/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown';
}

/** The peers this machine has, under one load, and the names of those it has not. */
export function contendersOf(
  peers: readonly Peer[],
  load: Load,
  tls?: Tls,
): { readonly contenders: readonly Contender[]; readonly absent: readonly string[] } {
  const [absent, present] = [peers.filter((peer) => !isPresent(peer)), peers.filter(isPresent)];
  return {
    contenders: present.map((peer) => ({ name: peer.name, start: peer.proxy(tls), load })),
    absent: absent.map(({ name }) => name),
  };
}
