// The version of this package, read once from its manifest.
import { readFileSync } from 'node:fs';

interface Manifest {
  readonly version: string;
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string';
}

const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** e.g. `0.1.0`. */
export const VERSION = isManifest(manifest) ? manifest.version : 'unknown';
