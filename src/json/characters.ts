// Sets of code points as sorted, disjoint ranges: what one position of a regular expression can read.

/** Pairs of first and last code point, ascending. */
export type CharacterSet = readonly (readonly [number, number])[];

const LAST = 0x10ffff;

/** What `.` reads: not the line terminators. */
export const DOT: CharacterSet = [
  [0, 0x09],
  [0x0b, 0x0c],
  [0x0e, 0x2027],
  [0x202a, LAST],
];
export const DIGIT: CharacterSet = [[0x30, 0x39]];
export const WORD: CharacterSet = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
export const SPACE: CharacterSet = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];

export function single(codePoint: number): CharacterSet {
  return [[codePoint, codePoint]];
}

/** The union of ranges in any order. */
export function union(ranges: CharacterSet): CharacterSet {
  const merged: [number, number][] = [];
  for (const [from, to] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** Everything that is not in `set`, which is sorted. */
export function complement(set: CharacterSet): CharacterSet {
  const rest: [number, number][] = [];
  let next = 0;
  for (const [from, to] of set) {
    if (from > next) rest.push([next, from - 1]);
    next = to + 1;
  }
  if (next <= LAST) rest.push([next, LAST]);
  return rest;
}

/** Whether no code point is in two of the sets. */
export function disjoint(sets: readonly CharacterSet[]): boolean {
  const ranges = sets.flat().toSorted((a, b) => a[0] - b[0]);
  return ranges.every(([from], index) => from > (ranges[index - 1]?.[1] ?? -1));
}

/** Whether a code point is in a set. */
export function includes(set: CharacterSet, codePoint: number): boolean {
  let low = 0;
  let high = set.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const [from, to] = set[middle] ?? [0, -1];
    if (codePoint < from) high = middle;
    else if (codePoint > to) low = middle + 1;
    else return true;
  }
  return false;
}

const properties = new Map<string, CharacterSet>();

/** What a property escape such as `\p{L}` reads, as this engine's Unicode has it. */
export function property(written: string): CharacterSet {
  const known = properties.get(written);
  if (known !== undefined) return known;
  const one = new RegExp(`^${written}$`, 'u');
  const ranges: [number, number][] = [];
  for (let codePoint = 0; codePoint <= LAST; codePoint++) {
    if (!one.test(String.fromCodePoint(codePoint))) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === codePoint - 1) last[1] = codePoint;
    else ranges.push([codePoint, codePoint]);
  }
  properties.set(written, ranges);
  return ranges;
}
