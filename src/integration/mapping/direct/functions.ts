// The built-in functions that mappings use most. Only arguments that fit their signature are taken; the rest is left to jsonata.
import { isSame, textOf, truthOf } from './operators.ts';
import {
  append,
  emptySequence,
  isList,
  isRecord,
  type List,
  lookUp,
  type Run,
  refuseFunction,
  UNDECIDED,
} from './value.ts';

interface Builtin {
  /** How many arguments it takes, at least and at most. */
  readonly takes: readonly [least: number, most: number];
  /** Without arguments it takes the context. */
  readonly orContext?: boolean;
  readonly call: (args: readonly unknown[], run: Run) => unknown;
}

/** By the name after the `$`. */
export const BUILTINS: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ['sum', ofNumbers(total)],
  ['average', ofNumbers((list) => (list.length === 0 ? undefined : total(list) / list.length))],
  ['max', ofNumbers((list) => (list.length === 0 ? undefined : list.reduce((a, b) => Math.max(a, b))))],
  ['min', ofNumbers((list) => (list.length === 0 ? undefined : list.reduce((a, b) => Math.min(a, b))))],
  ['count', of(1, ([value]) => listOf(value)?.length ?? 0)],
  ['exists', of(1, ([value]) => value !== undefined)],
  ['reverse', of(1, ([value], run) => reversed(listOf(value), run))],
  ['distinct', of(1, ([value], run) => distinct(value, run))],
  ['append', of(2, ([first, second], run) => append(first, second, run))],
  ['merge', of(1, ([value], run) => merged(value, run))],
  ['keys', orContext(([value], run) => keysOf(value, run))],
  // A missing name is one that reads `undefined`.
  ['lookup', of(2, ([value, name], run) => lookUp(value, textArgument(name) ?? 'undefined', run))],
  ['boolean', orContext(([value], run) => truthOf(value, run))],
  ['not', orContext(([value], run) => (value === undefined ? undefined : !truthOf(value, run)))],
  ['string', orContext(([value], run) => textOf(value, run))],
  ['number', orContext(([value]) => numberOf(value))],
  ['abs', ofNumber(Math.abs)],
  ['floor', ofNumber(Math.floor)],
  ['ceil', ofNumber(Math.ceil)],
  ['round', { takes: [0, 2], orContext: true, call: round }],
  ['uppercase', ofText((text) => text.toUpperCase())],
  ['lowercase', ofText((text) => text.toLowerCase())],
  ['trim', ofText(trimmed)],
  ['length', ofText((text) => charactersOf(text).length)],
  ['substring', { takes: [2, 3], call: substring }],
  ['substringBefore', ofTexts((text, _token, at) => (at < 0 ? text : text.slice(0, at)))],
  ['substringAfter', ofTexts((text, token, at) => (at < 0 ? text : text.slice(at + token.length)))],
  ['contains', of(2, ([text, token], run) => contains(textArgument(text), textArgument(token), run))],
  ['split', ofTexts((text, token) => text.split(token))],
  ['join', { takes: [1, 2], call: join }],
  ['now', of(0, (_args, run) => run.now.toISOString())],
  ['millis', of(0, (_args, run) => run.now.getTime())],
]);

function of(count: number, call: Builtin['call']): Builtin {
  return { takes: [count, count], call };
}

function orContext(call: Builtin['call']): Builtin {
  return { takes: [0, 1], orContext: true, call };
}

function ofNumber(call: (value: number) => number): Builtin {
  return orContext(([value]) => (value === undefined ? undefined : call(numberArgument(value))));
}

function ofText(call: (text: string) => unknown): Builtin {
  return orContext(([value], run) => {
    const text = textArgument(value);
    return text === undefined ? undefined : call(run.spendOn(text));
  });
}

/** @param call told where the token is in the text, or -1 */
function ofTexts(call: (text: string, token: string, at: number) => unknown): Builtin {
  return of(2, ([first, second], run) => {
    const text = textArgument(first);
    const token = textArgument(second);
    if (token === undefined) throw UNDECIDED;
    if (text === undefined) return undefined;
    const result = call(run.spendOn(text), token, text.indexOf(token));
    if (isList(result)) run.spend(result.length);
    return result;
  });
}

function ofNumbers(call: (list: readonly number[]) => number | undefined): Builtin {
  return of(1, ([value], run) => {
    const list = listOf(value);
    if (list === undefined) return undefined;
    run.spend(list.length);
    if (!list.every((item) => typeof item === 'number')) throw UNDECIDED;
    return call(list);
  });
}

function total(list: readonly number[]): number {
  return list.reduce((sum, item) => sum + item, 0);
}

/** Where a list is expected, one value is a list of one. */
function listOf(value: unknown): List | undefined {
  return value === undefined || isList(value) ? value : [value];
}

function textArgument(value: unknown): string | undefined {
  if (value !== undefined && typeof value !== 'string') throw UNDECIDED;
  return value;
}

function numberArgument(value: unknown): number {
  if (typeof value !== 'number') throw UNDECIDED;
  return value;
}

function reversed(list: List | undefined, run: Run): List | undefined {
  if (list === undefined || list.length <= 1) return list;
  run.spend(list.length);
  return list.toReversed();
}

function distinct(value: unknown, run: Run): unknown {
  if (!isList(value) || value.length <= 1) return value;
  const seen: List = value.sequence === true ? emptySequence() : [];
  for (const item of value) {
    run.spend(seen.length + 1);
    if (!seen.some((known) => isSame(item, known, run))) seen.push(item);
  }
  return seen;
}

function merged(value: unknown, run: Run): unknown {
  const list = listOf(value);
  if (list === undefined) return undefined;
  if (!list.every(isRecord)) throw UNDECIDED;
  // A member may have any name, `__proto__` too.
  const object: Record<string, unknown> = Object.create(null);
  for (const item of list) {
    refuseFunction(item);
    const names = Object.keys(item);
    run.spend(names.length + 1);
    for (const name of names) object[name] = item[name];
  }
  return object;
}

function keysOf(value: unknown, run: Run): List {
  const names = emptySequence();
  if (isList(value)) {
    run.spend(value.length);
    const all: Record<string, unknown> = Object.create(null);
    for (const item of value) for (const name of keysOf(item, run)) all[String(name)] = true;
    refuseFunction(all);
    names.push(...Object.keys(all));
  } else if (isRecord(value)) {
    refuseFunction(value);
    names.push(...Object.keys(value));
  }
  run.spend(names.length);
  return names;
}

const DECIMAL = /^-?[0-9]+(\.[0-9]+)?([Ee][-+]?[0-9]+)?$/;
/** Anchored as oddly as in jsonata. */
const OTHER_BASE = /^(0[xX][0-9A-Fa-f]+)|(0[oO][0-7]+)|(0[bB][0-1]+)$/;

function numberOf(value: unknown): number | undefined {
  if (value === undefined || typeof value === 'number') return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value !== 'string') throw UNDECIDED;
  if (DECIMAL.test(value) && Number.isFinite(Number(value))) return Number.parseFloat(value);
  if (OTHER_BASE.test(value)) return Number(value);
  throw UNDECIDED;
}

/** To the even neighbour where there are two. */
function round([value, places]: readonly unknown[]): number | undefined {
  const digits = places === undefined ? 0 : numberArgument(places);
  if (value === undefined) return undefined;
  const number = shifted(numberArgument(value), digits);
  let result = Math.round(number);
  if (Math.abs(result - number) === 0.5 && Math.abs(result % 2) === 1) result -= 1;
  result = shifted(result, -digits);
  return Object.is(result, -0) ? 0 : result;
}

/** The decimal point moved; in the text, since a multiplication would not be exact. */
function shifted(number: number, digits: number): number {
  if (digits === 0 || Number.isNaN(digits)) return number;
  const [mantissa = '', exponent] = number.toString().split('e');
  return Number(`${mantissa}e${exponent === undefined ? digits : Number(exponent) + digits}`);
}

function trimmed(text: string): string {
  return text.replace(/[ \t\n\r]+/g, ' ').replace(/^ | $/g, '');
}

/** Code points: half of a character is none. */
function charactersOf(text: string): string[] {
  return Array.from(text);
}

function substring([value, from, count]: readonly unknown[], run: Run): string | undefined {
  const text = textArgument(value);
  const length = count === undefined ? undefined : numberArgument(count);
  let start = from === undefined ? Number.NaN : numberArgument(from);
  if (text === undefined) return undefined;
  const characters = charactersOf(run.spendOn(text));
  if (characters.length + start < 0) start = 0;
  if (length === undefined) return characters.slice(start).join('');
  if (length <= 0) return '';
  const end = start >= 0 ? start + length : characters.length + start + length;
  return characters.slice(start, end).join('');
}

function contains(text: string | undefined, token: string | undefined, run: Run): boolean | undefined {
  return text === undefined || token === undefined ? undefined : run.spendOn(text).includes(token);
}

function join([value, separator]: readonly unknown[], run: Run): string | undefined {
  const list = listOf(value);
  const between = textArgument(separator) ?? '';
  if (list === undefined) return undefined;
  run.spend(list.length);
  if (!list.every((item) => typeof item === 'string')) throw UNDECIDED;
  return run.spendOn(list.join(between));
}
