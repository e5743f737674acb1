// Reads a regular expression (ECMAScript, `u` flag) into automata.
import { Automaton, EMPTY, type Fragment, TEXT_END, TEXT_START } from './automaton.ts';
import { type CharacterSet, complement, DIGIT, DOT, property, SPACE, single, union, WORD } from './characters.ts';

/** More positions than anyone writes by hand; a longer repetition is read as an endless one. */
const MAX_POSITIONS = 1000;
/** Positions of a look-around that is tried anew wherever the pattern comes by. */
const MAX_LOOK_POSITIONS = 16;

/** What must be found in a text or, `negated`, must not be. */
export interface PatternPart {
  readonly automaton: Automaton;
  readonly body: Fragment;
  readonly negated: boolean;
}

/**
 * What a pattern says beyond its parts: nothing; something that costs a matcher that tries no more than a few steps each
 * time (a short look-around, `\b`, how often at most a long repetition repeats); or anything (a back-reference, flags).
 */
export type Remainder = 'nothing' | 'short' | 'anything';

export interface ReadPattern {
  /** All must hold: the pattern itself, then what it looks ahead for from the start of the text. */
  readonly parts: readonly PatternPart[];
  readonly beyond: Remainder;
}

/** Reads a pattern the engine has already accepted. */
export function readPattern(pattern: string): ReadPattern {
  return new PatternReader(pattern).lookingAhead() ?? new PatternReader(pattern).whole();
}

const GROUP = /\((?:\?(?:<?[=!]|<[^>]*>|[ims]*(?:-[ims]+)?:))?/y;
const QUANTIFIER = /(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/y;
const LOOK = /\(\?([=!])/y;
const ESCAPE =
  /\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|u\{([0-9a-fA-F]+)\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|c([A-Za-z])|[pP]\{[^}]*\}|k<[^>]*>|[0-9]+|[\s\S])/uy;

const SETS: ReadonlyMap<string, CharacterSet> = new Map([
  ['d', DIGIT],
  ['D', complement(DIGIT)],
  ['w', WORD],
  ['W', complement(WORD)],
  ['s', SPACE],
  ['S', complement(SPACE)],
]);
const CONTROLS: ReadonlyMap<string, number> = new Map([
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['v', 0x0b],
  ['f', 0x0c],
  // In a class; outside it is a word boundary.
  ['b', 0x08],
  ['0', 0],
]);

/** Nothing here can be malformed: the engine has accepted the pattern. */
class PatternReader {
  readonly #text: string;
  #automaton = new Automaton();
  #beyond: Remainder = 'nothing';
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): ReadPattern {
    const body = this.#alternatives();
    return this.#done([{ automaton: this.#automaton, body, negated: false }]);
  }

  /** A pattern of one alternative that begins `^(?=…)`: what it looks ahead for is a part of its own. */
  lookingAhead(): ReadPattern | undefined {
    if (!/^\^\(\?[=!]/.test(this.#text)) return undefined;
    const start = (): Fragment => this.#automaton.position(single(TEXT_START));
    this.#at = 1;
    const ahead: PatternPart[] = [];
    for (let look = this.#match(LOOK); look !== undefined; look = this.#match(LOOK)) {
      const automaton = new Automaton();
      this.#automaton = automaton;
      ahead.push({ automaton, body: automaton.sequence(start(), this.#alternatives()), negated: look[1] === '!' });
      this.#at++;
    }
    const automaton = new Automaton();
    this.#automaton = automaton;
    const body = automaton.sequence(start(), this.#alternative());
    return this.#at < this.#text.length ? undefined : this.#done([{ automaton, body, negated: false }, ...ahead]);
  }

  #done(parts: readonly PatternPart[]): ReadPattern {
    if (parts.some(({ automaton }) => automaton.size > MAX_POSITIONS)) this.#beyond = 'anything';
    if (parts.some(({ automaton }) => automaton.readsEndsAgain())) this.#says('short');
    return { parts, beyond: this.#beyond };
  }

  #says(more: Remainder): void {
    if (this.#beyond !== 'anything') this.#beyond = more;
  }

  #alternatives(): Fragment {
    let found = this.#alternative();
    while (this.#text[this.#at] === '|') {
      this.#at++;
      found = this.#automaton.either(found, this.#alternative());
    }
    return found;
  }

  #alternative(): Fragment {
    let found = EMPTY;
    for (
      let next = this.#text[this.#at];
      next !== undefined && next !== '|' && next !== ')';
      next = this.#text[this.#at]
    ) {
      found = this.#automaton.sequence(found, this.#term());
      if (this.#automaton.size > MAX_POSITIONS) break;
    }
    return found;
  }

  #term(): Fragment {
    const start = this.#at;
    const before = this.#automaton.size;
    const body = this.#atom();
    const quantifier = this.#match(QUANTIFIER);
    if (quantifier === undefined) return body;
    const [min, max] = bounds(quantifier);
    if (max === 0) return EMPTY;
    const size = this.#automaton.size - before;
    const copies = Number.isFinite(max) ? max : Math.max(1, min);
    const isTooLong = before + copies * size > MAX_POSITIONS;
    if (isTooLong) this.#says('short');
    if (copies === 1 || isTooLong) {
      const looped = max > 1 ? this.#automaton.loop(body) : body;
      return min === 0 ? this.#automaton.optional(looped) : looped;
    }
    const after = this.#at;
    const written = [body];
    while (written.length < copies) {
      this.#at = start;
      written.push(this.#atom());
    }
    this.#at = after;
    return this.#chain(written, min, !Number.isFinite(max));
  }

  /** x{2,4} as `xx(x(x)?)?`: each copy is reached through the one before it, or the copies would be ambiguous among themselves. */
  #chain(written: readonly Fragment[], min: number, endless: boolean): Fragment {
    let rest = EMPTY;
    for (let copy = written.length; copy > 0; copy--) {
      const body = written[copy - 1] ?? EMPTY;
      const looped = endless && copy === written.length ? this.#automaton.loop(body) : body;
      const found = this.#automaton.sequence(looped, rest);
      rest = copy > min ? this.#automaton.optional(found) : found;
    }
    return rest;
  }

  #atom(): Fragment {
    const next = this.#text[this.#at];
    if (next === '^' || next === '$') {
      this.#at++;
      return this.#automaton.position(single(next === '^' ? TEXT_START : TEXT_END));
    }
    if (next === '(') return this.#group();
    if (next === '[') return this.#automaton.position(this.#class());
    if (next === '\\') return this.#escaped();
    const codePoint = this.#text.codePointAt(this.#at) ?? 0;
    this.#at += codePoint > 0xffff ? 2 : 1;
    return this.#automaton.position(next === '.' ? DOT : single(codePoint));
  }

  #group(): Fragment {
    const open = this.#match(GROUP)?.[0] ?? '(';
    const { size, loops } = this.#automaton;
    const body = this.#alternatives();
    if (this.#text[this.#at] === ')') this.#at++;
    if (/[ims-]:$/.test(open)) this.#says('anything');
    if (!/[=!]$/.test(open)) return body;
    // A look-around reads nothing of the text.
    const isShort = this.#automaton.loops === loops && this.#automaton.size - size <= MAX_LOOK_POSITIONS;
    this.#says(isShort ? 'short' : 'anything');
    return this.#automaton.look(body);
  }

  #escaped(): Fragment {
    const text = this.#match(ESCAPE)?.[0] ?? '';
    if (text === '\\b' || text === '\\B') {
      this.#says('short');
      return EMPTY;
    }
    if (/^\\(?:k<|[1-9])/.test(text)) {
      this.#says('anything');
      return EMPTY;
    }
    this.#at -= text.length;
    return this.#automaton.position(this.#member());
  }

  #class(): CharacterSet {
    this.#at++;
    const negated = this.#text[this.#at] === '^';
    if (negated) this.#at++;
    const ranges: (readonly [number, number])[] = [];
    while (this.#at < this.#text.length && this.#text[this.#at] !== ']') {
      const from = this.#member();
      const isRange = this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']' && from.length === 1;
      if (!isRange) {
        ranges.push(...from);
        continue;
      }
      this.#at++;
      const to = this.#member();
      ranges.push([from[0]?.[0] ?? 0, to[0]?.[1] ?? 0]);
    }
    this.#at++;
    const members = union(ranges);
    return negated ? complement(members) : members;
  }

  /** One character or character class escape. */
  #member(): CharacterSet {
    const found = this.#match(ESCAPE);
    if (found === undefined) {
      const codePoint = this.#text.codePointAt(this.#at) ?? 0;
      this.#at += codePoint > 0xffff ? 2 : 1;
      return single(codePoint);
    }
    const [text, high, low, braced, short, hex, control] = found;
    if (high !== undefined && low !== undefined) {
      return single(String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)).codePointAt(0) ?? 0);
    }
    const digits = braced ?? short ?? hex;
    if (digits !== undefined) return single(Number.parseInt(digits, 16));
    if (control !== undefined) return single(control.charCodeAt(0) % 32);
    const letter = text[1] ?? '';
    if (letter === 'p' || letter === 'P') return property(text);
    return SETS.get(letter) ?? single(CONTROLS.get(letter) ?? letter.codePointAt(0) ?? 0);
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at += found[0].length;
    return found;
  }
}

function bounds(quantifier: RegExpExecArray): readonly [number, number] {
  const [text, min, comma, max] = quantifier;
  if (min === undefined) {
    if (text.startsWith('?')) return [0, 1];
    return [text.startsWith('+') ? 1 : 0, Number.POSITIVE_INFINITY];
  }
  if (comma !== ',') return [Number(min), Number(min)];
  return [Number(min), max === undefined || max === '' ? Number.POSITIVE_INFINITY : Number(max)];
}
