// An origin of a scenario's own, written in TypeScript in `proxies/`.
import type { Measured } from './process.ts';
import { recipe } from './recipe.ts';

/** Starts `proxies/FILE PORT` beside the load. */
export function recipeOrigin(file: string): (directory: string) => Promise<Measured> {
  return (directory) => recipe(file, 'load')({ directory, originPort: 0, source: '', nodeFlags: [] });
}
