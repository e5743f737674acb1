// Routes files made of others by adding to them.
import type { SluiceFiles } from './sluice-files.ts';

/** Top-level keys of routes.yaml, and what is added to each. */
type Additions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export function extended(
  base: SluiceFiles,
  additions: (originPort: number) => Additions,
  gateway: object = {},
): SluiceFiles {
  return {
    routes(originPort) {
      const file: Record<string, object> = JSON.parse(base.routes(originPort));
      for (const [key, added] of Object.entries(additions(originPort))) file[key] = { ...file[key], ...added };
      return JSON.stringify(file);
    },
    gateway: { ...base.gateway, ...gateway },
  };
}
