// A checked routes.yaml as the rest of Sluice sees it: decoded settings to build from, merged trees to explain from.
import type { PartSettings } from '../../integration/route-settings.ts';
import type { IntegrationSettings } from '../../integration/settings.ts';
import type { ConfiguredPolicy } from '../../policies/index.ts';
import type { ResponseSettings } from '../../policies/response-settings.ts';
import type { MapSetting, Place, Setting } from '../../schema/node.ts';
import { nearest } from '../../schema/settings.ts';
import type { PlanSettings } from '../../tenant/settings.ts';
import type { TenantTable } from '../../tenant/tenants.ts';
import type { UpstreamSettings } from '../../upstream/settings.ts';
import type { RouteCore } from './route-settings.ts';
import type { TenantSettings } from './tenants.ts';

/** A named entry of routes.yaml. */
export interface Entry {
  readonly name: string;
  /** The name in the file. */
  readonly at: Place;
  /** Its settings in long form: every layer merged, defaults filled in, each value with its origin. */
  readonly tree: MapSetting;
}

export interface RouteConfig extends Entry {
  /** One of `to` and `calls` is there, once the file was checked. */
  readonly core: RouteCore;
  /** What each of `calls` says, and how it is attempted; empty for a route without. */
  readonly parts: ReadonlyMap<string, PartConfig>;
  readonly response: ResponseSettings | undefined;
  /** All policies there are, in the order of `policies/index.ts`; some of them ask for nothing here. */
  readonly policies: readonly ConfiguredPolicy[];
  /** Whether the route names a breaker itself, and so has one of its own (label `route:NAME`). */
  readonly ownBreaker: boolean;
  /** Whether the route itself says how often it retries, and not a layer below. */
  readonly ownRetry: boolean;
}

/** One of a route's `calls`. */
export interface PartConfig extends Pick<RouteCore, 'timeout' | 'retry'> {
  readonly settings: PartSettings;
  /** How it is attempted, each value with its origin. */
  readonly tree: MapSetting;
}

export interface IntegrationConfig extends Entry {
  readonly settings: IntegrationSettings;
}

export interface UpstreamConfig extends Entry {
  readonly settings: UpstreamSettings;
}

export interface PlanConfig extends Entry {
  readonly settings: PlanSettings;
}

export interface TenantConfig extends Entry {
  readonly settings: TenantSettings;
}

/** All of routes.yaml. Maps keep the order of the file. */
export interface RoutesConfig {
  /** routes.yaml as it was named; paths in it are relative to its folder. */
  readonly file: string;
  readonly plans: ReadonlyMap<string, PlanConfig>;
  readonly tenants: ReadonlyMap<string, TenantConfig>;
  readonly upstreams: ReadonlyMap<string, UpstreamConfig>;
  readonly integrations: ReadonlyMap<string, IntegrationConfig>;
  readonly routes: ReadonlyMap<string, RouteConfig>;
  /** Who may call, ready to identify callers. */
  readonly tenantTable: TenantTable;
}

/** Where the value at `path` stands in the file, or the nearest value above it that does. */
export function placeOf(entry: Entry, path: readonly (string | number)[]): Place {
  for (let length = path.length; length > 0; length--) {
    const { at } = nearest(entry.tree, path.slice(0, length));
    if (at !== 'default' && at !== entry.tree.at) return at;
  }
  return entry.at;
}

/** The setting at exactly `path`; undefined when there is none. */
export function settingAt(tree: Setting, path: readonly string[]): Setting | undefined {
  let found: Setting | undefined = tree;
  for (const step of path) found = found?.kind === 'map' ? found.entries.get(step) : undefined;
  return found;
}

/** Whether a route has a setting of that name that is not switched off. */
export function isSet(route: RouteConfig, name: string): boolean {
  const setting = route.tree.entries.get(name);
  return setting !== undefined && !(setting.kind === 'leaf' && setting.value === null);
}

/** Whether a route identifies its caller. */
export function isAuthenticated(route: RouteConfig): boolean {
  return isSet(route, 'auth');
}

/** The name of an upstream or integration that a route calls, and the path of the setting that says it. */
export interface Destination {
  readonly to: string;
  readonly path: readonly string[];
}

/** Everything that a route calls, in the order of the file. */
export function destinationsOf({ core, parts }: RouteConfig): readonly Destination[] {
  const own = core.to === undefined ? [] : [{ to: core.to, path: ['to'] }];
  return [...own, ...Array.from(parts, ([name, { settings }]) => ({ to: settings.to, path: ['calls', name, 'to'] }))];
}
