// A mapping of a route: JSON in, JSON out, by a JSONata expression; on the event loop while that is quick.

import { JobError, threads } from '../threads/threads.ts';
import { directText, evaluateToText } from './evaluate.ts';
import { compileExpression, type ExpressionFault, MappingError, type Variables } from './expression.ts';

/** What is mapped: a JSON text and its value, each made when it is asked for. */
export interface MappingBody {
  /** Characters of the text, or a good guess. */
  readonly size: number;
  text(): string;
  /** See `exactValue`. */
  value(): unknown;
}

export interface Mapping {
  /** Names of the variables that it may use. */
  readonly variables: ReadonlySet<string>;
  /** JSON text, at once where it can be; throws or rejects with a `MappingError` that quotes no data. */
  run(body: MappingBody, variables: Variables): string | Promise<string>;
}

/** A larger input holds up other requests for longer than handing it to another thread costs. */
const MAX_ON_LOOP = 65_536;

/** Compiles a mapping, or says why the text is none. */
export function compileMapping(text: string): Mapping | ExpressionFault {
  const expression = compileExpression(text);
  if (!('evaluate' in expression)) return expression;
  return {
    variables: expression.variables,
    run(body, variables) {
      if (body.size <= MAX_ON_LOOP) {
        const direct = directText(expression, body.value(), variables);
        if (direct !== undefined) return direct;
        if (!expression.unbounded) return evaluateToText(expression, body.value(), variables);
      }
      const job = {
        kind: 'mapping',
        expression: text,
        input: body.text(),
        variables: JSON.stringify(variables),
      } as const;
      return threads.run(job).catch(rethrow);
    },
  };
}

function rethrow(error: unknown): never {
  throw error instanceof JobError ? new MappingError(error.code, error.message) : error;
}
