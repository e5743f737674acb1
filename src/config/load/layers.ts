// Lays the layers of a route and of an upstream over each other: built-in < defaults < upstream < route.
import type { MapSetting, Setting } from '../../schema/node.ts';
import * as settings from '../../schema/settings.ts';
import { SHARED_WITH_UPSTREAM } from '../format/route-settings.ts';
import { mergeSettings } from './merge.ts';

const NO_ENTRIES: ReadonlyMap<string, Setting> = new Map();

/** The entries of a map setting; none for anything else. */
export function entriesOf(setting: Setting | undefined): ReadonlyMap<string, Setting> {
  return setting?.kind === 'map' ? setting.entries : NO_ENTRIES;
}

/** What a route says over what stands below it. Of an upstream only `timeout`, `retry` and `breaker` reach its routes. */
export function layerRoute(
  defaults: Setting | undefined,
  upstream: Setting | undefined,
  route: MapSetting,
): MapSetting {
  const entries = new Map(entriesOf(defaults));
  spreadTimeout(entries);
  for (const name of SHARED_WITH_UPSTREAM) lay(entries, name, entriesOf(upstream).get(name));
  for (const [name, own] of route.entries) lay(entries, name, own);
  return { kind: 'map', entries, at: route.at };
}

/** What an upstream says over the part of `defaults` that concerns it. */
export function layerUpstream(defaults: Setting | undefined, upstream: MapSetting): MapSetting {
  const entries = new Map<string, Setting>();
  for (const name of SHARED_WITH_UPSTREAM) lay(entries, name, entriesOf(defaults).get(name));
  spreadTimeout(entries);
  for (const [name, own] of upstream.entries) lay(entries, name, own);
  return { kind: 'map', entries, at: upstream.at };
}

function lay(entries: Map<string, Setting>, name: string, own: Setting | undefined): void {
  if (own === undefined) return;
  const base = entries.get(name);
  entries.set(name, base === undefined ? own : mergeSettings(base, own));
}

/**
 * `timeout: none` in `defaults` is none of its parts: an upstream that bounds its connects, or a route that sets `total`, must
 * not bring the built-in `answer` back.
 */
function spreadTimeout(entries: Map<string, Setting>): void {
  const timeout = entries.get('timeout');
  if (timeout?.kind !== 'leaf' || timeout.value !== null) return;
  const parts = ['answer', 'idle', 'total'].map((part) => [part, timeout] as const);
  entries.set('timeout', settings.map(parts, timeout.at));
}
