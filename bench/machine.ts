// What a result was measured on: a figure without it says nothing.
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { join } from 'node:path';
import { PEERS } from './beside.ts';
import { isPresent, versionOf } from './peers/peer.ts';
import { pinned } from './process.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  /** Whether proxy and load had a core each. */
  readonly pinned: boolean;
  readonly versions: Readonly<Record<string, string>>;
}

const PACKAGES = ['express', 'undici', 'http-proxy-middleware', 'axios'];

export function thisMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    kernel: `Linux ${/^\d+\.\d+/.exec(release())?.[0] ?? release()}`,
    pinned,
    versions: {
      node: process.versions.node,
      ...Object.fromEntries(PACKAGES.map((name) => [name, installedVersion(name)])),
      ...Object.fromEntries(PEERS.filter(isPresent).map((peer) => [peer.name, versionOf(peer)])),
    },
  };
}

function installedVersion(name: string): string {
  const manifest = join(import.meta.dirname, '../node_modules', name, 'package.json');
  const { version }: { version: string } = JSON.parse(readFileSync(manifest, 'utf8'));
  return version;
}
