// `^(…)`: a list in the order of its terms.
import { compare } from './operators.ts';
import type { Step } from './path.ts';
import { type Evaluate, isList, isNumeric, type List, type Run, UNDECIDED } from './value.ts';

export interface Term {
  readonly evaluate: Evaluate;
  readonly descending: boolean;
}

/** What an item sorts by, per term. */
type Keys = readonly (string | number | undefined)[];

/** Rough number of comparisons of an item, most of them cheap. */
const COST = 4;

/** Sorts by terms; what has none comes last, in either direction. */
export function sort(terms: readonly Term[], filters: readonly Evaluate[]): Step {
  return (list, run) => {
    let sorted: unknown = list.length <= 1 ? list : inOrder(list, terms, run);
    for (const filter of filters) sorted = filter(sorted, run);
    if (!isList(sorted)) throw UNDECIDED;
    return sorted;
  };
}

function inOrder(list: List, terms: readonly Term[], run: Run): List {
  run.spend(list.length * COST);
  const items = Array.from(list, (item) => ({ item, keys: terms.map(({ evaluate }) => keyOf(evaluate(item, run))) }));
  // Whether jsonata compares a text with a number depends on which items meet.
  for (let i = 0; i < terms.length; i += 1) {
    const kinds = new Set(items.map(({ keys }) => typeof keys[i]));
    if (kinds.has('string') && kinds.has('number')) throw UNDECIDED;
  }
  return items.toSorted((a, b) => order(a.keys, b.keys, terms)).map(({ item }) => item);
}

function keyOf(value: unknown): string | number | undefined {
  if (value === undefined || typeof value === 'string' || isNumeric(value)) return value;
  throw UNDECIDED;
}

function order(a: Keys, b: Keys, terms: readonly Term[]): number {
  for (const [i, { descending }] of terms.entries()) {
    const [left, right] = [a[i], b[i]];
    if (left === undefined && right === undefined) continue;
    if (left === undefined) return 1;
    if (right === undefined) return -1;
    const found = compare(left, right);
    if (found !== 0) return descending ? -found : found;
  }
  return 0;
}
