// The version of this package, read once from its manifest.
import { readFileSync } from 'node:fs';
import { MANIFEST } from './places.ts';

interface Manifest {
  readonly version: string;
}

function isManifest(value: unknown): value is Manifest {
  return typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'string';
}

const manifest: unknown = JSON.parse(readFileSync(MANIFEST, 'utf8'));

/** e.g. `0.1.0`. */
export const VERSION = isManifest(manifest) ? manifest.version : 'unknown';
