// Lays the layers of a route and of what it calls over each other: built-in < defaults < upstream or integration < route.
import type { MapSetting, Setting } from '../../schema/node.ts';
import * as settings from '../../schema/settings.ts';
import { SHARED_WITH_CALLED } from '../format/route-settings.ts';
import { mergeSettings } from './merge.ts';

const NO_ENTRIES: ReadonlyMap<string, Setting> = new Map();

/** The entries of a map setting; none for anything else. */
export function entriesOf(setting: Setting | undefined): ReadonlyMap<string, Setting> {
  return setting?.kind === 'map' ? setting.entries : NO_ENTRIES;
}

type Entries = ReadonlyMap<string, Setting>;

/**
 * What stands below a route, by the name of the upstream or integration that it leads to; only the `timeout`, `retry` and
 * `breaker` of that reach the route. All routes to one place have the very same settings below them.
 */
export function layersBelow(defaults: Setting | undefined, called: Entries): (to: string) => Entries {
  const known = new Map<string, Entries>();
  return (to) => {
    const before = known.get(to);
    if (before !== undefined) return before;
    const entries = new Map(entriesOf(defaults));
    spreadTimeout(entries);
    for (const name of SHARED_WITH_CALLED) lay(entries, name, entriesOf(called.get(to)).get(name));
    known.set(to, entries);
    return entries;
  };
}

/** What a route says over what stands below it. */
export function layerRoute(below: Entries, route: MapSetting): MapSetting {
  const entries = new Map(below);
  for (const [name, own] of route.entries) lay(entries, name, own);
  return { kind: 'map', entries, at: route.at };
}

/** What an upstream or integration says over the part of `defaults` that concerns it. */
export function layerCalled(defaults: Setting | undefined, called: MapSetting): MapSetting {
  const entries = new Map<string, Setting>();
  for (const name of SHARED_WITH_CALLED) lay(entries, name, entriesOf(defaults).get(name));
  spreadTimeout(entries);
  for (const [name, own] of called.entries) lay(entries, name, own);
  return { kind: 'map', entries, at: called.at };
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
