// The mixed segments (`v{major}.json`) at one place of the path tree, found by their ends so that their number does not matter.
import { mixedNested } from './segment.ts';

export interface Branch<Node> {
  readonly literals: readonly string[];
  readonly node: Node;
}

/** Branches whose literal text is equally long before, between and after the parameters. */
export class Bucket<Node> {
  readonly prefixLength: number;
  readonly suffixLength: number;
  readonly literalLength: number;
  /** By prefix and suffix; `/` is in no segment. */
  readonly #byEnds = new Map<string, Branch<Node>[]>();

  constructor(literals: readonly string[]) {
    this.prefixLength = literals[0]?.length ?? 0;
    this.suffixLength = literals.at(-1)?.length ?? 0;
    this.literalLength = literals.join('').length;
  }

  holds(literals: readonly string[]): boolean {
    const { prefixLength, suffixLength, literalLength } = new Bucket(literals);
    const sameEnds = prefixLength === this.prefixLength && suffixLength === this.suffixLength;
    return sameEnds && literalLength === this.literalLength;
  }

  /** The branches that begin and end as `segment` does; `matchMixed` has the last word. */
  find(segment: string): readonly Branch<Node>[] | undefined {
    if (segment.length <= this.literalLength) return undefined;
    const suffix = segment.slice(segment.length - this.suffixLength);
    return this.#byEnds.get(`${segment.slice(0, this.prefixLength)}/${suffix}`);
  }

  /** The branch of exactly these literals. */
  reach(literals: readonly string[], make: () => Node): Node {
    const ends = `${literals[0] ?? ''}/${literals.at(-1) ?? ''}`;
    const branches = this.#byEnds.get(ends) ?? [];
    this.#byEnds.set(ends, branches);
    const found = branches.find((branch) => branch.literals.join('/') === literals.join('/'));
    if (found !== undefined) return found.node;
    const node = make();
    branches.push({ literals, node });
    return node;
  }

  *branches(): Generator<Branch<Node>> {
    for (const branches of this.#byEnds.values()) yield* branches;
  }
}

export class MixedBranches<Node> {
  /** Most literal text first: of two nested patterns the narrower one never has less. */
  readonly buckets: Bucket<Node>[] = [];

  reach(literals: readonly string[], make: () => Node): Node {
    let bucket = this.buckets.find((each) => each.holds(literals));
    if (bucket === undefined) {
      bucket = new Bucket(literals);
      this.buckets.push(bucket);
      this.buckets.sort((a, b) => b.literalLength - a.literalLength);
    }
    return bucket.reach(literals, make);
  }

  *nodes(): Generator<Node> {
    for (const bucket of this.buckets) for (const branch of bucket.branches()) yield branch.node;
  }

  /** Pairs that meet some segment both, and neither of which is the more specific. */
  *rivals(): Generator<readonly [Node, Node]> {
    for (const [index, bucket] of this.buckets.entries()) {
      for (const other of this.buckets.slice(index)) yield* rivalsBetween(bucket, other);
    }
  }
}

function* rivalsBetween<Node>(bucket: Bucket<Node>, other: Bucket<Node>): Generator<readonly [Node, Node]> {
  const prefixLength = Math.min(bucket.prefixLength, other.prefixLength);
  const suffixLength = Math.min(bucket.suffixLength, other.suffixLength);
  // Branches meet when they agree on as much of their ends as both have: see mixedOverlap.
  const endsOf = ({ literals }: Branch<Node>): string => {
    const suffix = literals.at(-1) ?? '';
    return `${literals[0]?.slice(0, prefixLength)}/${suffix.slice(suffix.length - suffixLength)}`;
  };
  const byEnds = Map.groupBy(bucket.branches(), endsOf);
  for (const theirs of other.branches()) {
    for (const ours of byEnds.get(endsOf(theirs)) ?? []) {
      if (ours === theirs) break;
      if (!mixedNested(ours.literals, theirs.literals)) yield [ours.node, theirs.node];
    }
  }
}
