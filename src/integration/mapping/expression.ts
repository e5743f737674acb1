// A JSONata expression: compiled and checked at load, evaluated within limits.
import jsonata from 'jsonata';
import { exactClone } from '../../json/exact-value.ts';
import { compileDirect, type Direct } from './direct.ts';

/** Why a text is no mapping. */
export interface ExpressionFault {
  readonly message: string;
  /** Characters from the start of the text. */
  readonly offset: number;
  readonly hint?: string;
}

/** Why a mapping gave nothing; the message names no data. */
export class MappingError extends Error {
  /** The code of JSONata where it has one, such as `T2001`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'MappingError';
    this.code = code;
  }
}

/** Values that an expression sees as `$name`. */
export type Variables = Readonly<Record<string, unknown>>;

export interface Expression {
  readonly text: string;
  /** It uses what jsonata cannot interrupt, such as a regular expression: `evaluate` never runs on the event loop. */
  readonly unbounded: boolean;
  /** Names of the variables it may use. */
  readonly variables: ReadonlySet<string>;
  /** Gives the same value at once and for less, or leaves it to `evaluate`; undefined where it would always do so. */
  readonly direct: Direct | undefined;
  /** The value for this input, by jsonata; rejects with a {@link MappingError}. */
  evaluate(input: unknown, variables: Variables): Promise<unknown>;
}

const MAX_DEPTH = 200;
const MAX_SEQUENCE = 100_000;

/** Built-ins whose cost grows with what they are told, and which cannot be interrupted. */
const UNINTERRUPTIBLE = new Set(['pad']);

/** Compiles an expression, or says why it is none. @param timeoutMs longest that jsonata may take for an evaluation */
export function compileExpression(text: string, timeoutMs: number): Expression | ExpressionFault {
  let compiled: jsonata.Expression;
  try {
    compiled = jsonata(text, { timeout: timeoutMs, stack: MAX_DEPTH, sequence: MAX_SEQUENCE });
  } catch (error) {
    return syntaxFault(error, text);
  }
  const uses = usesOf(compiled.ast());
  if (uses.evalAt !== undefined) {
    return { message: '$eval would run what is in the data as code', offset: uses.evalAt, hint: 'write it out' };
  }
  // The transform operator copies through it; its own copy goes through doubles.
  compiled.registerFunction('clone', exactClone, '<(oa)-:o>');
  return {
    text,
    unbounded: uses.unbounded,
    variables: uses.variables,
    direct: compileDirect(compiled.ast(), MAX_DEPTH),
    async evaluate(input, variables) {
      try {
        return await compiled.evaluate(input, variables);
      } catch (error) {
        throw mappingError(error);
      }
    },
  };
}

const END = '(end)';

function syntaxFault(error: unknown, text: string): ExpressionFault {
  const position = numberOf(error, 'position') ?? text.length;
  // JSONata tells where a token ends; the end of the text is one, too.
  const token = textOf(error, 'token') ?? '';
  const offset = Math.max(0, Math.min(position - (token === END ? 0 : token.length), text.length - 1));
  return { message: `is not a JSONata expression: ${textOf(error, 'message') ?? 'it cannot be read'}`, offset };
}

/** Messages of JSONata may quote values; of these it is known that they speak of the expression alone. */
const PLAIN_MESSAGES = new Set(['T0410', 'T1005', 'T1006', 'T2001', 'T2002', 'D1011', 'D1012', 'D2015']);

function mappingError(error: unknown): MappingError {
  const code = textOf(error, 'code');
  if (code === undefined) {
    const name = error instanceof Error ? error.name : 'unknown';
    return new MappingError('internal', `the mapping failed (${name})`);
  }
  const position = numberOf(error, 'position');
  const where = position === undefined ? '' : ` at character ${position}`;
  const said = PLAIN_MESSAGES.has(code) ? `: ${textOf(error, 'message') ?? code}` : '';
  return new MappingError(code, `the mapping failed with ${code}${where}${said}`);
}

interface Uses {
  unbounded: boolean;
  readonly variables: Set<string>;
  /** Offset of the first `$eval`. */
  evalAt: number | undefined;
}

/** Walks the syntax tree: whatever has a type is a node of it. */
function usesOf(ast: unknown): Uses {
  const uses: Uses = { unbounded: false, variables: new Set(), evalAt: undefined };
  const seen = new Set<unknown>();
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null || seen.has(node)) return;
    seen.add(node);
    const type = textOf(node, 'type');
    if (type === 'regex') uses.unbounded = true;
    // A range that begins beyond the safe integers never ends: one more is no more there.
    if (type === 'binary' && textOf(node, 'value') === '..') uses.unbounded = true;
    if (type === 'variable') {
      const name = textOf(node, 'value') ?? '';
      uses.variables.add(name);
      if (UNINTERRUPTIBLE.has(name)) uses.unbounded = true;
      if (name === 'eval') uses.evalAt ??= Math.max(0, (numberOf(node, 'position') ?? 0) - '$eval'.length);
    }
    for (const part of Object.values(node)) visit(part);
  };
  visit(ast);
  return uses;
}

function textOf(value: unknown, name: string): string | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === 'string' ? found : undefined;
}

function numberOf(value: unknown, name: string): number | undefined {
  const found: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  return typeof found === 'number' ? found : undefined;
}
