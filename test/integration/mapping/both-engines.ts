// One expression and one input through jsonata and through what is direct.
import jsonata from 'jsonata';
import { compileDirect, UNDECIDED } from '../../../src/integration/mapping/direct.ts';
import { exactValue } from '../../../src/json/exact-value.ts';

/** What came of it: a value as text, or the code of an error. */
type Outcome = { readonly text: string } | { readonly code: string };

/** The limits of a mapping, without its time. */
const LIMITS = { stack: 200, sequence: 100_000 };

export interface Engines {
  /** Undefined where the expression is not direct. */
  readonly direct: ((input: string, variables?: string) => Outcome | 'undecided') | undefined;
  jsonata(input: string, variables?: string): Promise<Outcome>;
}

/** Compiles an expression for both. */
export function engines(expression: string): Engines {
  const compiled = jsonata(expression, LIMITS);
  const direct = compileDirect(compiled.ast(), LIMITS.stack);
  return {
    direct:
      direct &&
      ((input, variables = '{}') => {
        const value = exactValue(input);
        const before = JSON.stringify(value);
        const result = direct(value, record(variables));
        if (JSON.stringify(value) !== before) throw new Error(`${expression} has changed its input ${input}`);
        return result === UNDECIDED ? 'undecided' : { text: exactText(result) };
      }),
    async jsonata(input, variables = '{}') {
      try {
        return { text: exactText(await compiled.evaluate(exactValue(input), record(variables))) };
      } catch (error) {
        const code: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, 'code') : undefined;
        return { code: typeof code === 'string' ? code : String(error) };
      }
    },
  };
}

function record(text: string): Record<string, unknown> {
  const value = exactValue(text);
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** JSON that tells apart what JSON does not: nothing, null and what is no number; the zeros. */
function exactText(value: unknown): string {
  const exact = (_key: string, each: unknown): unknown => {
    if (each === undefined) return '(undefined)';
    if (typeof each === 'number' && (!Number.isFinite(each) || Object.is(each, -0)))
      return `(number ${1 / each} ${each})`;
    return each;
  };
  return JSON.stringify(value, exact);
}
