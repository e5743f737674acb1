// The normalise phase: what a routes file says in long form, its sections in turns.
import type { MapEntry, MapNode, Node, Report, Setting } from '../../schema/schema.ts';
import { routesFile, sections } from '../format/routes-file.ts';
import type { Turns } from './turns.ts';

/** Entries that are read without asking whether the turn is over. */
const AT_ONCE = 16;

/** The long form of a whole file, as `routesFile` has it; undefined when it has not even the shape of one. */
export async function normalise(root: Node, report: Report, turns: Turns): Promise<Setting | undefined> {
  if (root.kind !== 'map') return routesFile.normalise(root, report);
  const tree = routesFile.normalise({ ...root, entries: root.entries.map(withoutEntries) }, report);
  if (tree?.kind !== 'map') return tree;
  const entries = new Map(tree.entries);
  for (const { key, value } of root.entries) {
    const schema = sections[key];
    if (schema === undefined || value.kind !== 'map') continue;
    const section = await normaliseSection(value, (part) => schema.normalise(part, report), turns);
    if (section === undefined) entries.delete(key);
    else entries.set(key, section);
  }
  return { ...tree, entries };
}

function withoutEntries(entry: MapEntry): MapEntry {
  const { key, value } = entry;
  return sections[key] !== undefined && value.kind === 'map' ? { ...entry, value: { ...value, entries: [] } } : entry;
}

/** @returns undefined when that is what one of its parts is: the section as a whole is not sound. */
async function normaliseSection(
  node: MapNode,
  read: (part: MapNode) => Setting | undefined,
  turns: Turns,
): Promise<Setting | undefined> {
  const entries = new Map<string, Setting>();
  let sound = true;
  for (let from = 0; from < node.entries.length; from += AT_ONCE) {
    const part = read({ ...node, entries: node.entries.slice(from, from + AT_ONCE) });
    if (part?.kind === 'map') for (const [name, setting] of part.entries) entries.set(name, setting);
    else sound = false;
    if (turns.isOver) await turns.rest();
  }
  return sound ? { kind: 'map', entries, at: node.at } : undefined;
}
