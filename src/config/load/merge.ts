// Layers of settings into one: built-in < defaults < upstream < route. Every value keeps its own origin.
import type { MapSetting, Setting } from '../../schema/schema.ts';

/** `over` on top of `under`: maps merge deeply; lists and single values, `none` included, replace. */
export function mergeSettings(under: Setting, over: Setting): Setting {
  return under.kind === 'map' && over.kind === 'map' ? mergeMaps(under, over) : over;
}

/** Layers from the lowest to the highest; undefined ones are skipped, and so the result is when there are none. */
export function mergeLayers(layers: readonly (Setting | undefined)[]): Setting | undefined {
  let merged: Setting | undefined;
  for (const layer of layers) {
    if (layer !== undefined) merged = merged === undefined ? layer : mergeSettings(merged, layer);
  }
  return merged;
}

function mergeMaps(under: MapSetting, over: MapSetting): MapSetting {
  if (under.entries.size === 0) return over;
  const entries = new Map(under.entries);
  for (const [key, value] of over.entries) {
    const below = entries.get(key);
    entries.set(key, below === undefined ? value : mergeSettings(below, value));
  }
  return { kind: 'map', entries, at: over.at };
}
