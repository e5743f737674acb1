// Tells in time linear in the text whether a pattern is found in it: an automaton in all its possible states at once, as RE2
// does it (Cox 2007), each such set of states worked out when a text first leads there, and then remembered.
import { type Automaton, type Fragment, TEXT_END, TEXT_START } from './automaton.ts';
import { includes } from './characters.ts';

/** Sets of states remembered by one matcher; beyond it all are forgotten. */
const MAX_STATES = 1000;
/** What working out one set costs beside the edges followed, in edges. */
const STATE_EFFORT = 50;
/** Edges that may be followed for one value: some tens of milliseconds. */
const MAX_EFFORT = 1_000_000;

/** What checking one value may still cost. Shared by all patterns it meets. */
export class Effort {
  #left = MAX_EFFORT;

  renew(): void {
    this.#left = MAX_EFFORT;
  }

  /** @throws {EffortExhausted} */
  spend(edges: number): void {
    this.#left -= edges;
    if (this.#left < 0) throw new EffortExhausted('matching takes too long');
  }
}

/** A text leads a pattern through more states than anyone's texts do. */
export class EffortExhausted extends Error {}

/** Positions the automaton may just have read, and where each class of characters leads from there. */
interface State {
  readonly positions: readonly number[];
  readonly next: (State | undefined)[];
}

/** The pattern was found. */
const FOUND: State = { positions: [], next: [] };

export class LinearMatcher {
  readonly #automaton: Automaton;
  readonly #body: Fragment;
  readonly #effort: Effort;
  readonly #last: ReadonlySet<number>;
  /** Where a match can begin within the text. */
  readonly #restarts: readonly number[];
  /** The first code point of each class: two in one class are read by the same positions. */
  readonly #classes: readonly number[];
  readonly #classOfAscii: Uint16Array;
  readonly #seen: Uint8Array;
  readonly #states = new Map<string, State>();
  #start: State | undefined = undefined;

  constructor(automaton: Automaton, body: Fragment, effort: Effort) {
    this.#automaton = automaton;
    this.#body = body;
    this.#effort = effort;
    this.#last = new Set(body.last);
    this.#restarts = body.first.filter((at) => !automaton.startsText(at));
    const bounds = automaton.reads.flat().flatMap(([from, to]) => [from, to + 1]);
    this.#classes = [...new Set([0, ...bounds])].toSorted((a, b) => a - b);
    this.#classOfAscii = Uint16Array.from({ length: 128 }, (_, codePoint) => this.#classOf(codePoint));
    this.#seen = new Uint8Array(automaton.size);
  }

  /** @throws {EffortExhausted} */
  test(text: string): boolean {
    if (this.#body.empty) return true;
    this.#start ??= this.#step(undefined, this.#classOf(TEXT_START));
    let state = this.#start;
    for (let i = 0; i < text.length && state !== FOUND; i++) {
      let codePoint = text.charCodeAt(i);
      if ((codePoint & 0xfc00) === 0xd800) {
        codePoint = text.codePointAt(i) ?? codePoint;
        if (codePoint > 0xffff) i++;
      }
      if (state.positions.length === 0 && this.#restarts.length === 0) return false;
      const group = codePoint < 128 ? (this.#classOfAscii[codePoint] ?? 0) : this.#classOf(codePoint);
      state = state.next[group] ?? this.#step(state, group);
    }
    if (state === FOUND) return true;
    const end = this.#classOf(TEXT_END);
    return (state.next[end] ?? this.#step(state, end)) === FOUND;
  }

  /** Where one character leads; from the start of the text when there was no state before. */
  #step(from: State | undefined, group: number): State {
    const codePoint = this.#classes[group] ?? 0;
    const { reads, next } = this.#automaton;
    const reached: number[] = [];
    let edges = STATE_EFFORT;
    const follow = (positions: readonly number[]): void => {
      edges += positions.length;
      for (const at of positions) {
        if (this.#seen[at] === 1 || !includes(reads[at] ?? [], codePoint)) continue;
        this.#seen[at] = 1;
        reached.push(at);
      }
    };
    follow(from === undefined ? this.#body.first : this.#restarts);
    for (const at of from?.positions ?? []) follow(next[at] ?? []);
    for (const at of reached) this.#seen[at] = 0;
    const state = reached.some((at) => this.#last.has(at)) ? FOUND : this.#remembered(reached);
    if (from !== undefined) from.next[group] = state;
    this.#effort.spend(edges);
    return state;
  }

  #remembered(reached: readonly number[]): State {
    const positions = reached.toSorted((a, b) => a - b);
    const key = positions.join();
    const known = this.#states.get(key);
    if (known !== undefined) return known;
    if (this.#states.size >= MAX_STATES) {
      this.#states.clear();
      this.#start = undefined;
    }
    const state: State = { positions, next: Array.from<undefined>({ length: this.#classes.length }) };
    this.#states.set(key, state);
    return state;
  }

  /** The class of a code point: the last that begins at or before it. */
  #classOf(codePoint: number): number {
    const classes = this.#classes;
    let low = 0;
    let high = classes.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((classes[middle] ?? 0) <= codePoint) low = middle;
      else high = middle;
    }
    return low;
  }
}
