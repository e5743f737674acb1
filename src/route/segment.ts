// One segment of a path pattern, and how it meets one segment of a request's path.

/** A segment; `literals` of a mixed one stand around its parameters: `v{major}.json` is `['v', '.json']`. */
export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'mixed'; readonly literals: readonly string[] }
  | { readonly kind: 'param' }
  | { readonly kind: 'rest' };

/**
 * Whether a segment of a request meets the literals of a mixed one; if so, appends what its parameters stand for to
 * `captures`. A parameter is never empty, and each but the last ends at the first place it can. Time is linear in the segment.
 */
export function matchMixed(literals: readonly string[], segment: string, captures: string[]): boolean {
  const suffix = literals[literals.length - 1] ?? '';
  const end = segment.length - suffix.length;
  if (!segment.startsWith(literals[0] ?? '') || end < 0) return false;
  if (!segment.endsWith(suffix) || insideEscape(segment, end)) return false;
  const captured = captures.length;
  let from = literals[0]?.length ?? 0;
  for (let i = 1; i < literals.length - 1; i++) {
    const literal = literals[i] ?? '';
    const at = indexOfWhole(segment, literal, from + 1);
    if (at < 0) {
      captures.length = captured;
      return false;
    }
    captures.push(segment.slice(from, at));
    from = at + literal.length;
  }
  if (from >= end) {
    captures.length = captured;
    return false;
  }
  captures.push(segment.slice(from, end));
  return true;
}

/** Like `indexOf`, but never starts within an escape: the `25` of `%25` is not text. */
function indexOfWhole(segment: string, literal: string, from: number): number {
  let at = segment.indexOf(literal, from);
  while (at >= 0 && insideEscape(segment, at)) at = segment.indexOf(literal, at + 1);
  return at;
}

function insideEscape(segment: string, at: number): boolean {
  return segment[at - 1] === '%' || segment[at - 2] === '%';
}

/** A text that meets these literals and, of others, only those that meet all that meet these. */
function sample(literals: readonly string[]): string {
  return literals.join('\0');
}

/** Whether some text meets both. Parameters absorb anything, so only the two ends can keep mixed segments apart. */
export function mixedOverlap(a: readonly string[], b: readonly string[]): boolean {
  const [prefixA = '', prefixB = ''] = [a[0], b[0]];
  const [suffixA = '', suffixB = ''] = [a.at(-1), b.at(-1)];
  const prefixes = prefixA.startsWith(prefixB) || prefixB.startsWith(prefixA);
  return prefixes && (suffixA.endsWith(suffixB) || suffixB.endsWith(suffixA));
}

/** Whether one of two mixed segments meets all that the other meets: the narrower one is then the more specific. */
export function mixedNested(a: readonly string[], b: readonly string[]): boolean {
  return matchMixed(a, sample(b), []) || matchMixed(b, sample(a), []);
}

/** Whether some segment of a request meets both. */
export function segmentsOverlap(a: Segment, b: Segment): boolean {
  if (a.kind === 'literal') return meets(b, a.text);
  if (b.kind === 'literal') return meets(a, b.text);
  return a.kind === 'mixed' && b.kind === 'mixed' ? mixedOverlap(a.literals, b.literals) : true;
}

/** Whether a segment of a request, folded by `foldReserved`, meets a pattern's. A parameter is never empty. */
export function meets(segment: Segment, text: string): boolean {
  if (segment.kind === 'literal') return segment.text === text;
  if (segment.kind === 'mixed') return matchMixed(segment.literals, text, []);
  return segment.kind === 'rest' || text !== '';
}
