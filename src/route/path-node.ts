// One place of the path tree: what may follow it, most specific first, and the routes that end there.
import { Candidates, type Conflict, conditionsMeet, type MatchEntry } from './candidates.ts';
import { foldCase } from './escapes.ts';
import { MixedBranches } from './mixed-branches.ts';
import { patternsOverlap } from './pattern.ts';
import type { Segment } from './segment.ts';

export class PathNode<T> {
  literals: Map<string, PathNode<T>> | undefined = undefined;
  /** The literals with capitals, by their text in lower case. */
  capitals: Map<string, PathNode<T>> | undefined = undefined;
  mixed: MixedBranches<PathNode<T>> | undefined = undefined;
  param: PathNode<T> | undefined = undefined;
  /** Routes of exactly this path. */
  end: Candidates<T> | undefined = undefined;
  /** Routes of this path and all below it: `**`. */
  rest: Candidates<T> | undefined = undefined;

  /** Adds a route, of whose pattern `depth` segments led here; returns the one that would win exactly when it would. */
  add(entry: MatchEntry<T>, depth = 0): MatchEntry<T> | undefined {
    const segment = entry.match.pattern.segments[depth];
    if (segment === undefined) {
      this.end ??= new Candidates();
      return this.end.add(entry);
    }
    if (segment.kind === 'rest') {
      this.rest ??= new Candidates();
      return this.rest.add(entry);
    }
    return this.#reach(segment).add(entry, depth + 1);
  }

  #reach(segment: Exclude<Segment, { kind: 'rest' }>): PathNode<T> {
    if (segment.kind === 'param') {
      this.param ??= new PathNode();
      return this.param;
    }
    if (segment.kind === 'mixed') {
      this.mixed ??= new MixedBranches();
      return this.mixed.reach(segment.literals, () => new PathNode());
    }
    this.literals ??= new Map();
    let next = this.literals.get(segment.text);
    if (next === undefined) {
      next = new PathNode();
      this.literals.set(segment.text, next);
      const lower = foldCase(segment.text);
      if (lower !== segment.text) {
        this.capitals ??= new Map();
        this.capitals.set(lower, next);
      }
    }
    return next;
  }

  /** Routes that end here, or go on from here, and could both win: beyond those that `add` returned. */
  *conflicts(): Generator<Conflict> {
    if (this.end !== undefined) yield* this.end.conflicts();
    if (this.rest !== undefined) yield* this.rest.conflicts();
    for (const [a, b] of this.mixed?.rivals() ?? []) {
      const conflict = firstMeeting(a, b);
      if (conflict !== undefined) yield conflict;
    }
  }

  /** This one and all below it. */
  *places(): Generator<PathNode<T>> {
    yield this;
    for (const child of this.#children()) yield* child.places();
  }

  *#children(): Generator<PathNode<T>> {
    if (this.literals !== undefined) yield* this.literals.values();
    if (this.mixed !== undefined) yield* this.mixed.nodes();
    if (this.param !== undefined) yield this.param;
  }

  /** All routes at and below this place. */
  *entries(): Generator<MatchEntry<T>> {
    if (this.end !== undefined) yield* this.end.entries();
    if (this.rest !== undefined) yield* this.rest.entries();
    for (const child of this.#children()) yield* child.entries();
  }
}

/** Two mixed segments of which neither is narrower leave it open which path wins, so no request may meet a route of each. */
function firstMeeting<T>(a: PathNode<T>, b: PathNode<T>): Conflict | undefined {
  const theirs = [...b.entries()];
  for (const ours of a.entries()) {
    const rival = theirs.find(
      ({ match }) => patternsOverlap(ours.match.pattern, match.pattern) && conditionsMeet(ours.match, match),
    );
    if (rival !== undefined) return { a: ours.name, b: rival.name };
  }
  return undefined;
}
