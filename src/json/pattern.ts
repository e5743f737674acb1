// How the patterns of schemas are matched: never in more than linear time, whatever the pattern and the text.
import type { Automaton } from './automaton.ts';
import { type Effort, LinearMatcher } from './linear-matcher.ts';
import { type PatternPart, type ReadPattern, readPattern } from './pattern-reader.ts';

/** A pattern that may begin anywhere is tried at every character: only a short one is left to an engine that tries. */
const MAX_UNANCHORED_POSITIONS = 16;

const OUT_OF_REACH =
  'it can read a text in several ways, and has a look-around, a back-reference, \\b or flags, or is too long';

export interface TextMatcher {
  test(text: string): boolean;
}

/** Why a pattern (ECMAScript, `u` flag) cannot be used; undefined when it can. */
export function patternFault(pattern: string): string | undefined {
  try {
    RegExp(pattern, 'u');
  } catch (error) {
    return `is not a regular expression: ${error instanceof Error ? error.message : String(error)}`;
  }
  const read = readPattern(pattern);
  if (read.beyond === 'nothing' || neverBacktracks(read)) return undefined;
  return `cannot be matched in linear time: ${OUT_OF_REACH}`;
}

/**
 * The matcher of a pattern that has no fault. The engine's own where it never backtracks, as it is fastest; where it might,
 * one that is linear by construction, but knows neither look-around (except right after `^`) nor back-reference.
 */
export function patternMatcher(pattern: string, effort: Effort): TextMatcher {
  const read = readPattern(pattern);
  if (neverBacktracks(read)) return new RegExp(pattern, 'u');
  if (read.beyond !== 'nothing') throw new TypeError(`${pattern} was not refused`);
  return new LinearPattern(pattern, read.parts, effort);
}

/** Whether a matcher that tries takes linear time too. */
function neverBacktracks({ parts, beyond }: ReadPattern): boolean {
  if (beyond === 'anything') return false;
  return parts.every(({ automaton, body }) => {
    return automaton.deterministic(body) && (isAnchored(automaton, body.first) || isShort(automaton));
  });
}

function isAnchored(automaton: Automaton, first: readonly number[]): boolean {
  return first.length > 0 && first.every((at) => automaton.startsText(at));
}

function isShort(automaton: Automaton): boolean {
  return automaton.loops === 0 && automaton.size <= MAX_UNANCHORED_POSITIONS;
}

/** All parts of a pattern, each matched in linear time. */
export class LinearPattern implements TextMatcher {
  readonly #pattern: string;
  readonly #parts: readonly { readonly matcher: LinearMatcher; readonly negated: boolean }[];

  constructor(pattern: string, parts: readonly PatternPart[], effort: Effort) {
    this.#pattern = pattern;
    this.#parts = parts.map(({ automaton, body, negated }) => {
      return { matcher: new LinearMatcher(automaton, body, effort), negated };
    });
  }

  /** @throws {EffortExhausted} */
  test(text: string): boolean {
    return this.#parts.every(({ matcher, negated }) => matcher.test(text) !== negated);
  }

  /** The pattern, by which ajv tells patterns apart. */
  toString(): string {
    return `/${this.#pattern}/u`;
  }
}
