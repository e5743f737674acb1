// Which call waits for which: what the texts of each name, and whether that can end.
import type { Place } from '../../schema/schema.ts';

/** A place where the text of one call takes something from the answer of another. */
export interface Reference {
  /** The call it names. */
  readonly name: string;
  readonly at: Place;
}

/** Calls that wait for each other in a circle. */
export interface Cycle {
  /** In the order in which each names the next; the last one names the first. */
  readonly calls: readonly string[];
  /** Of the reference that closes it. */
  readonly at: Place;
}

/**
 * The circles among calls, each at the reference that leads back to where it began: walking along the references from the first
 * call of the file on.
 *
 * @param references of every call, in the order of the file
 */
export function cyclesAmong(references: ReadonlyMap<string, readonly Reference[]>): readonly Cycle[] {
  const cycles: Cycle[] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (call: string): void => {
    trail.push(call);
    const followed = new Set<string>();
    for (const { name, at } of references.get(call) ?? []) {
      if (done.has(name) || followed.has(name)) continue;
      followed.add(name);
      const from = trail.indexOf(name);
      if (from < 0) visit(name);
      else cycles.push({ calls: trail.slice(from), at });
    }
    trail.pop();
    done.add(call);
  };
  for (const call of references.keys()) if (!done.has(call)) visit(call);
  return cycles;
}
