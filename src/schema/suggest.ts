// "Did you mean": the known word that a mistyped one is nearest to.

/**
 * The candidate nearest to `word` by Damerau-Levenshtein distance (a swap of neighbours is one mistake), or one of which
 * either contains the other; undefined when none is near enough to be worth saying.
 */
export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = allowedMistakes(typed.length) + 1;
  let contained: string | undefined;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    if (contained === undefined && overlaps(typed, known)) contained = candidate;
    if (Math.abs(known.length - typed.length) >= bestDistance) continue;
    const distance = editDistance(typed, known, bestDistance);
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best ?? contained;
}

/** The hint for a finding: `did you mean "retry"?`; undefined when nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const near = nearestWord(word, candidates);
  return near === undefined ? undefined : `did you mean "${near}"?`;
}

function allowedMistakes(length: number): number {
  return Math.min(4, Math.round(length * 0.4));
}

function overlaps(typed: string, known: string): boolean {
  const shorter = Math.min(typed.length, known.length);
  return shorter >= 4 && (typed.includes(known) || known.includes(typed));
}

/** Optimal string alignment over three rolling rows; stops as soon as no alignment can be below `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let lowest = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (swapped(a, i, b, j)) cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
      lowest = Math.min(lowest, cost);
    }
    if (lowest >= limit) return limit;
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function swapped(a: string, i: number, b: string, j: number): boolean {
  return i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
