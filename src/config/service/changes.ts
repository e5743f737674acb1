// What a reload changes, by name: said in the log and the status, because a file cut short may still be a valid one.
import type { Setting } from '../../schema/node.ts';
import type { Entry, RoutesConfig } from '../format/routes-config.ts';
import type { Turns } from '../load/turns.ts';

const KINDS = ['routes', 'tenants', 'upstreams', 'integrations', 'plans'] as const;
type Kind = (typeof KINDS)[number];

/** How many, and the first of their names. */
export interface Names {
  readonly count: number;
  readonly names: readonly string[];
}

type ByKind = Readonly<Partial<Record<Kind, Names>>>;

/** What is new, gone, or set otherwise; a kind without any is left out. */
export interface Changes {
  readonly added: ByKind;
  readonly removed: ByKind;
  readonly changed: ByKind;
}

const NAMES_MAX = 20;

/** Compares effective settings, wherever they stand in the file; what their schemas, mappings and modules say is not looked at. */
export async function changesBetween(before: RoutesConfig, after: RoutesConfig, turns: Turns): Promise<Changes> {
  const added: Partial<Record<Kind, Names>> = {};
  const removed: Partial<Record<Kind, Names>> = {};
  const changed: Partial<Record<Kind, Names>> = {};
  for (const kind of KINDS) {
    const old: ReadonlyMap<string, Entry> = before[kind];
    const now: ReadonlyMap<string, Entry> = after[kind];
    note(
      added,
      kind,
      [...now.keys()].filter((name) => !old.has(name)),
    );
    note(
      removed,
      kind,
      [...old.keys()].filter((name) => !now.has(name)),
    );
    note(changed, kind, await changedNames(old, now, turns));
  }
  return { added, removed, changed };
}

/** Whether something that served is gone: meant, or the file was cut short. */
export function takesAway({ removed }: Changes): boolean {
  const { routes, tenants, upstreams, integrations } = removed;
  return [routes, tenants, upstreams, integrations].some((names) => names !== undefined);
}

async function changedNames(
  before: ReadonlyMap<string, Entry>,
  after: ReadonlyMap<string, Entry>,
  turns: Turns,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const [name, { tree }] of after) {
    const old = before.get(name);
    if (old !== undefined && !isSame(old.tree, tree)) names.push(name);
    if (turns.isOver) await turns.rest();
  }
  return names;
}

function note(into: Partial<Record<Kind, Names>>, kind: Kind, names: readonly string[]): void {
  if (names.length > 0) into[kind] = { count: names.length, names: names.slice(0, NAMES_MAX) };
}

/** The same settings, but for where they come from. */
function isSame(a: Setting, b: Setting): boolean {
  if (a.kind === 'leaf') return b.kind === 'leaf' && a.text === b.text;
  if (a.kind === 'list') {
    if (b.kind !== 'list' || a.items.length !== b.items.length) return false;
    return a.items.every((item, index) => {
      const other = b.items[index];
      return other !== undefined && isSame(item, other);
    });
  }
  if (b.kind !== 'map' || a.entries.size !== b.entries.size) return false;
  for (const [key, value] of a.entries) {
    const other = b.entries.get(key);
    if (other === undefined || !isSame(value, other)) return false;
  }
  return true;
}
