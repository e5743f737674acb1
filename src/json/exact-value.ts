// JSON whose numbers stay what they were: an order number of 20 digits must not come out of a mapping as another number.

import { randomUUID } from 'node:crypto';

// ECMAScript 2027, "JSON.parse source text access": the runtime has it, the compiler's library not yet.
declare global {
  interface JSON {
    rawJSON(text: string): object;
    isRawJSON(value: unknown): value is { readonly rawJSON: string };
  }
}

/** In a number that a double may not hold: more than 15 significant digits, or an exponent of three. */
const RISKY = /\d[\d.]{15}|[eE][+-]?\d{3}/g;
/** Begins the texts that stand for such numbers while the rest is parsed. Nobody who sends a text knows it. */
const MARK = `${randomUUID()}:`;

/**
 * The value of a JSON text. A number that would change as a double is a `JSON.rawJSON` object instead: it is written as it
 * was read, and arithmetic on it is an error, not another number.
 *
 * @param text valid JSON
 * @param parsed its value where somebody has parsed it already
 */
export function exactValue(text: string, parsed?: { readonly value: unknown }): unknown {
  const marked = withMarks(text);
  if (marked !== undefined) return withoutMarks(JSON.parse(marked));
  return parsed === undefined ? JSON.parse(text) : parsed.value;
}

/**
 * The text with its inexact numbers as marked strings; undefined when it has none. A reviver would see their source, too, but costs
 * microseconds for every value that there is: seconds of the event loop, for one long number in a large body.
 */
function withMarks(text: string): string | undefined {
  const pieces: string[] = [];
  let copiedTo = 0;
  /** Outside of strings, everything before it looked at. */
  let at = 0;
  let quote = text.indexOf('"');
  RISKY.lastIndex = 0;
  for (let found = RISKY.exec(text); found !== null; found = RISKY.exec(text)) {
    while (quote >= 0 && quote < found.index) {
      at = endOfString(text, quote + 1) + 1;
      quote = text.indexOf('"', at);
    }
    if (at <= found.index) {
      const start = numberFrom(text, found.index, at);
      at = numberTo(text, found.index);
      const source = text.slice(start, at);
      if (!isExact(Number(source), source)) {
        pieces.push(text.slice(copiedTo, start), `"${MARK}${source}"`);
        copiedTo = at;
      }
    }
    RISKY.lastIndex = at;
  }
  return pieces.length === 0 ? undefined : pieces.join('') + text.slice(copiedTo);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Index of the closing quote. */
function endOfString(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code === BACKSLASH) i++;
  }
  return text.length;
}

const NUMBER_CHARACTERS = new Set(Array.from('0123456789.+-eE', (character) => character.charCodeAt(0)));

function numberFrom(text: string, index: number, least: number): number {
  let start = index;
  while (start > least && NUMBER_CHARACTERS.has(text.charCodeAt(start - 1))) start--;
  return start;
}

function numberTo(text: string, index: number): number {
  let end = index;
  while (NUMBER_CHARACTERS.has(text.charCodeAt(end))) end++;
  return end;
}

/** Puts the numbers back, in place. */
function withoutMarks(value: unknown): unknown {
  if (typeof value === 'string') return value.startsWith(MARK) ? JSON.rawJSON(value.slice(MARK.length)) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) value[i] = withoutMarks(value[i]);
    return value;
  }
  for (const [key, member] of Object.entries(value)) {
    const unmarked = withoutMarks(member);
    // An own property, also when it is called __proto__.
    if (unmarked !== member) Reflect.set(value, key, unmarked);
  }
  return value;
}

function isExact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  if (!/[.eE]/.test(source)) return Number.isSafeInteger(value);
  const digits = source
    .replace(/[eE].*/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
    .replace(/0+$/, '');
  return digits.length <= 15 && (value !== 0 || digits === '');
}

/** A copy that shares nothing with `value` and keeps its exact numbers. */
export function exactClone(value: unknown): unknown {
  return value === undefined ? undefined : exactValue(JSON.stringify(value));
}
