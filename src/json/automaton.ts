// A regular expression as the position automaton of Glushkov (1961): one state for each character that is written, so that
// what can be read next is always known without trying.
import { type CharacterSet, disjoint, includes } from './characters.ts';

/** Part of an automaton: where it can begin and end, and whether it can read nothing. */
export interface Fragment {
  readonly first: readonly number[];
  readonly last: readonly number[];
  readonly empty: boolean;
}

export const EMPTY: Fragment = { first: [], last: [], empty: true };

/** The start and the end of a text, which `^` and `$` read as if they were characters. No code point is as high. */
export const TEXT_START = 0x110000;
export const TEXT_END = 0x110001;

/** Builds positions and the edges between them. An edge added twice is kept twice: two ways to read the same text. */
export class Automaton {
  readonly reads: CharacterSet[] = [];
  readonly next: number[][] = [];
  /** Some part can read nothing in two ways, which a matcher that tries would try both. */
  #emptyTwice = false;
  #loops = 0;
  /** Where look-arounds begin: no edge leads there. */
  readonly #looks: (readonly number[])[] = [];

  get size(): number {
    return this.reads.length;
  }

  get loops(): number {
    return this.#loops;
  }

  position(reads: CharacterSet): Fragment {
    const at = this.reads.push(reads) - 1;
    this.next.push([]);
    return { first: [at], last: [at], empty: false };
  }

  sequence(a: Fragment, b: Fragment): Fragment {
    this.#connect(a.last, b.first);
    return {
      first: a.empty ? [...a.first, ...b.first] : a.first,
      last: b.empty ? [...a.last, ...b.last] : b.last,
      empty: a.empty && b.empty,
    };
  }

  either(a: Fragment, b: Fragment): Fragment {
    this.#emptyTwice ||= a.empty && b.empty;
    return { first: [...a.first, ...b.first], last: [...a.last, ...b.last], empty: a.empty || b.empty };
  }

  optional(body: Fragment): Fragment {
    this.#emptyTwice ||= body.empty;
    return { ...body, empty: true };
  }

  /** One or more times. */
  loop(body: Fragment): Fragment {
    this.#connect(body.last, body.first);
    this.#emptyTwice ||= body.empty;
    this.#loops++;
    return body;
  }

  /** A look-around: tried where it stands, and left again. */
  look(body: Fragment): Fragment {
    this.#looks.push(body.first);
    return EMPTY;
  }

  /**
   * Whether no two positions that can come next read the same character, from `start` on (Brüggemann-Klein and
   * Wood 1998). A matcher that tries then fails at its next character wherever it turns wrong: it never backtracks far.
   */
  deterministic(start: Fragment): boolean {
    if (this.#emptyTwice) return false;
    const apart = (positions: readonly number[]): boolean => disjoint(positions.map((at) => this.reads[at] ?? []));
    return apart(start.first) && this.#looks.every(apart) && this.next.every(apart);
  }

  /** Whether `^^`, `$$` or `$^` is written in some way: the start and the end of a text are there to be read once, in order. */
  readsEndsAgain(): boolean {
    return this.next.some((next, at) => {
      const end = this.#endReadAt(at);
      return end !== undefined && next.some((to) => (this.#endReadAt(to) ?? Number.POSITIVE_INFINITY) <= end);
    });
  }

  startsText(at: number): boolean {
    return this.#endReadAt(at) === TEXT_START;
  }

  #endReadAt(at: number): number | undefined {
    const reads = this.reads[at] ?? [];
    return [TEXT_START, TEXT_END].find((end) => includes(reads, end));
  }

  #connect(from: readonly number[], to: readonly number[]): void {
    for (const position of from) this.next[position]?.push(...to);
  }
}
