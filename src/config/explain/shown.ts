// The configuration as the admin API shows it: every effective value, and no secret.
import type { Setting } from '../../schema/node.ts';
import type { Entry, RoutesConfig } from '../format/routes-config.ts';
import { shownText } from './redact.ts';

/** Plain JSON. */
export function shownConfig({
  plans,
  tenants,
  upstreams,
  integrations,
  routes,
}: RoutesConfig): Record<string, unknown> {
  return {
    plans: shownEntries(plans),
    tenants: shownEntries(tenants),
    upstreams: shownEntries(upstreams),
    integrations: shownEntries(integrations),
    routes: shownEntries(routes),
  };
}

function shownEntries(entries: ReadonlyMap<string, Entry>): Record<string, unknown> {
  return Object.fromEntries(Array.from(entries.values(), ({ name, tree }) => [name, shown(tree, [])]));
}

function shown(setting: Setting, path: readonly string[]): unknown {
  switch (setting.kind) {
    case 'leaf':
      return shownText(setting, path);
    case 'list':
      return setting.items.map((item) => shown(item, path));
    case 'map':
      return Object.fromEntries(Array.from(setting.entries, ([key, value]) => [key, shown(value, [...path, key])]));
  }
}
