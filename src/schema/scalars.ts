// The single values a setting can be: text, numbers, quantities with units, words.
import { REFERENCE, type ScalarOptions, scalar } from './scalar.ts';
import type { JsonSchema, Rate, Schema } from './schema.ts';
import { didYouMean } from './suggest.ts';
import { parseBytes, parseDuration, parsePercent, parseRate, type Refusal } from './units.ts';

/** A scalar of your own: a CIDR, a URL, a path pattern. `json` describes it to the editor, which takes a reference as well. */
export function custom<T>(options: ScalarOptions<T>): Schema<Exclude<T, Refusal>> {
  return scalar({ ...options, json: isAnyText(options.json) ? options.json : orReferenceText(options.json) });
}

/** Says nothing that a reference could break. */
function isAnyText(json: JsonSchema): boolean {
  return (
    json['type'] === 'string' && Object.keys(json).every((keyword) => keyword === 'type' || keyword === 'examples')
  );
}

function orReferenceText(json: JsonSchema): JsonSchema {
  const { anyOf, ...rest } = json;
  const forms: readonly unknown[] = Array.isArray(anyOf) ? anyOf : [json];
  return { ...(Array.isArray(anyOf) && rest), anyOf: [...forms, { type: 'string', pattern: REFERENCE }] };
}

interface StringOptions {
  readonly doc: string;
  readonly default?: string;
  /** The whole text must match. */
  readonly pattern?: RegExp;
  readonly expected?: string;
}

/** Text, exactly as written: an unquoted `2.0` or `true` is text too. */
export function string(options: StringOptions): Schema<string> {
  const { doc, pattern, expected = 'text' } = options;
  const whole = pattern && new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, ''));
  return scalar({
    doc,
    expected,
    default: options.default,
    parse: (text) => (whole === undefined || whole.test(text) ? text : { error: `"${text}" is not ${expected}` }),
    json: { type: ['string', 'number', 'boolean'], ...(pattern && { pattern: orReference(pattern.source) }) },
  });
}

interface NumberOptions {
  readonly doc: string;
  readonly default?: number;
  readonly min?: number;
  readonly max?: number;
}

/** A whole number between `min` and `max`, both included. */
export function integer(options: NumberOptions): Schema<number> {
  return numeric(options, 'a whole number', /^[+-]?(0|[1-9]\d*)$/, 'integer');
}

/** A number between `min` and `max`, both included. */
export function number(options: NumberOptions): Schema<number> {
  return numeric(options, 'a number', /^[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/, 'number');
}

function numeric(options: NumberOptions, kind: string, syntax: RegExp, type: string): Schema<number> {
  const { doc, min = -Number.MAX_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options;
  const expected = kind + boundsText(options.min, options.max);
  return scalar({
    doc,
    expected,
    default: options.default,
    parse(text) {
      if (!syntax.test(text)) return { error: `"${text}" is not ${expected}` };
      const value = Number(text);
      if (value < min) return { error: `${text} is too small`, hint: `the least is ${min}` };
      return value <= max ? value : { error: `${text} is too large`, hint: `the most is ${max}` };
    },
    json: {
      type: [type, 'string'],
      pattern: REFERENCE,
      ...(options.min !== undefined && { minimum: options.min }),
      ...(options.max !== undefined && { maximum: options.max }),
    },
  });
}

function boundsText(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return `, ${min} or more`;
  return max === undefined ? '' : `, ${max} or less`;
}

const YES = /^(true|yes|on|y)$/i;
const NO = /^(false|no|off|n)$/i;

/** `true` or `false`, and no other word for them. */
export function boolean(options: { readonly doc: string; readonly default?: boolean }): Schema<boolean> {
  return scalar({
    doc: options.doc,
    expected: 'true or false',
    default: options.default,
    parse(text) {
      if (text === 'true') return true;
      if (text === 'false') return false;
      const error = `"${text}" is not true or false`;
      if (YES.test(text)) return { error, hint: 'write true' };
      return NO.test(text) ? { error, hint: 'write false' } : { error };
    },
    json: orReferenceText({ type: 'boolean' }),
  });
}

interface QuantityOptions {
  readonly doc: string;
  readonly default?: string;
  readonly min?: string;
}

/** Milliseconds, written `250ms`, `5s`, `5m`, `24h`. */
export function duration(options: QuantityOptions): Schema<number> {
  return quantity(options, 'a duration such as 250ms or 5s', parseDuration, '\\d+(\\.\\d+)?(ms|s|m|h)', [
    '250ms',
    '5s',
  ]);
}

/** Bytes, written `512B`, `64KiB`, `1MiB`. */
export function bytes(options: QuantityOptions): Schema<number> {
  return quantity(options, 'a size such as 64KiB or 1MiB', parseBytes, '\\d+(\\.\\d+)?(B|[KMG]iB)', ['64KiB', '1MiB']);
}

/** A fraction from 0 to 1, written `20%`. */
export function percent(options: QuantityOptions): Schema<number> {
  return quantity(options, 'a percentage such as 20%', parsePercent, '\\d+(\\.\\d+)?%', ['20%']);
}

/** A {@link Rate}, written `10/s`, `100/min`, `500/h`. */
export function rate(options: { readonly doc: string; readonly default?: string }): Schema<Rate> {
  return scalar({
    doc: options.doc,
    expected: 'a rate such as 10/s, 100/min or 500/h',
    default: options.default,
    parse: parseRate,
    json: { type: 'string', pattern: orReference('\\d+/(s|min|h)'), examples: ['10/s', '100/min', '500/h'] },
  });
}

function quantity(
  options: QuantityOptions,
  expected: string,
  parse: (text: string) => number | Refusal,
  pattern: string,
  examples: readonly string[],
): Schema<number> {
  const least = options.min === undefined ? 0 : parse(options.min);
  if (typeof least !== 'number') throw new Error(`min of a schema: ${least.error}`);
  return scalar({
    doc: options.doc,
    expected,
    default: options.default,
    parse(text) {
      const value = parse(text);
      if (typeof value !== 'number' || value >= least) return value;
      return { error: `${text} is too small`, hint: `the least is ${options.min}` };
    },
    json: { type: 'string', pattern: orReference(pattern), examples },
  });
}

/** One of a few words. */
export function choice<const Word extends string>(
  words: readonly Word[],
  options: { readonly doc: string; readonly default?: NoInfer<Word> },
): Schema<Word> {
  const known = new Map<string, Word>(words.map((word) => [word, word]));
  const expected = words.length === 1 ? `the word ${words[0]}` : `one of ${words.join(', ')}`;
  return scalar({
    doc: options.doc,
    expected,
    default: options.default,
    parse: (text) => known.get(text) ?? misspelt(text, expected, words),
    json: orReferenceText({ enum: words }),
  });
}

function misspelt(text: string, expected: string, words: readonly string[]): Refusal {
  const error = `"${text}" is not ${expected}`;
  const hint = didYouMean(text, words);
  return hint === undefined ? { error } : { error, hint };
}

function orReference(pattern: string): string {
  return `^(?:${pattern})$|${REFERENCE}`;
}
