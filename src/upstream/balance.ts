// How one of several targets is chosen. A candidate has a `share` above 0; each choice is one or two passes without allocation.

/** What a choice needs to know of a target. */
export interface Candidate {
  /** Relative weight; 0: not to be chosen. */
  readonly share: number;
  /** Calls in flight. */
  readonly pending: number;
  readonly seed: number;
  credit: number;
}

export type Choose = <T extends Candidate>(targets: readonly T[]) => T | undefined;

/** Each in turn, in proportion to its share and evenly spread: nginx's smooth weighted round-robin. */
export function roundRobin<T extends Candidate>(targets: readonly T[]): T | undefined {
  return inTurn(targets, Number.POSITIVE_INFINITY);
}

/** The fewest calls in flight for its share; those equal in that, as when all are idle, in turn (nginx's least_conn). */
export function leastPending<T extends Candidate>(targets: readonly T[]): T | undefined {
  let least = Number.POSITIVE_INFINITY;
  for (const target of targets) {
    if (target.share > 0) least = Math.min(least, target.pending / target.share);
  }
  return inTurn(targets, least);
}

function inTurn<T extends Candidate>(targets: readonly T[], mostLoad: number): T | undefined {
  let chosen: T | undefined;
  let total = 0;
  for (const target of targets) {
    if (target.share === 0 || target.pending / target.share > mostLoad) continue;
    target.credit += target.share;
    total += target.share;
    if (chosen === undefined || target.credit > chosen.credit) chosen = target;
  }
  if (chosen !== undefined) chosen.credit -= total;
  return chosen;
}

/**
 * The same target for the same key, in every process; when a target goes, only its own keys move. Weighted rendezvous hashing
 * (Thaler and Ravishankar 1998; weights: Schindelhauer and Schomaker 2005).
 */
export function byHash<T extends Candidate>(targets: readonly T[], key: string): T | undefined {
  const hash = hashOf(key);
  let chosen: T | undefined;
  let best = Number.NEGATIVE_INFINITY;
  for (const target of targets) {
    if (target.share === 0) continue;
    const uniform = (mix(hash ^ target.seed) + 0.5) / 2 ** 32;
    const score = -target.share / Math.log(uniform);
    if (score <= best) continue;
    best = score;
    chosen = target;
  }
  return chosen;
}

/** FNV-1a, 32 bits, over UTF-16 units. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mix(hash);
}

/** MurmurHash3's finaliser: every bit of the input moves every bit of the output. */
function mix(input: number): number {
  let hash = Math.imul(input ^ (input >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
