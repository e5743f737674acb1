// Builds and looks into settings, the long form of configuration.
import type { LeafSetting, ListSetting, MapSetting, Origin, Setting } from './node.ts';

/** @param text as written, for people. */
export function leaf(value: unknown, text: string, at: Origin, secret = false): LeafSetting {
  return { kind: 'leaf', value, text, secret, at };
}

export function list(items: readonly Setting[], at: Origin): ListSetting {
  return { kind: 'list', items, at };
}

export function map(entries: Iterable<readonly [string, Setting]>, at: Origin): MapSetting {
  return { kind: 'map', entries: new Map(entries), at };
}

/** Every leaf below `setting` with the names that lead to it; the items of a list have the path of the list. */
export function* leaves(
  setting: Setting,
  path: readonly string[] = [],
): Generator<readonly [path: readonly string[], leaf: LeafSetting]> {
  if (setting.kind === 'leaf') yield [path, setting];
  else if (setting.kind === 'list') for (const item of setting.items) yield* leaves(item, path);
  else for (const [name, value] of setting.entries) yield* leaves(value, [...path, name]);
}

/**
 * The leaves below `setting` that are not below any of `seen`, to which its parts are added: what many share is told once.
 */
export function unseenLeaves(setting: Setting, seen: Set<Setting>, found: LeafSetting[] = []): readonly LeafSetting[] {
  if (setting.kind === 'leaf') {
    found.push(setting);
  } else if (!seen.has(setting)) {
    seen.add(setting);
    for (const part of setting.kind === 'list' ? setting.items : setting.entries.values()) {
      unseenLeaves(part, seen, found);
    }
  }
  return found;
}

/** The setting at `path` below `setting`, or the nearest one above it when there is nothing there. */
export function nearest(setting: Setting, path: readonly (string | number)[]): Setting {
  let found = setting;
  for (const step of path) {
    const next = child(found, step);
    if (next === undefined) break;
    found = next;
  }
  return found;
}

function child(setting: Setting, step: string | number): Setting | undefined {
  if (setting.kind === 'map') return setting.entries.get(String(step));
  return setting.kind === 'list' ? setting.items[Number(step)] : undefined;
}
