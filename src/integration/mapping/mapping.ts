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
  /**
   * JSON text, at once where it can be; throws or rejects with a `MappingError` that quotes no data.
   *
   * @param isWanted whether anybody waits for it still; asked before a thread begins with it.
   */
  run(body: MappingBody, variables: Variables, isWanted?: () => boolean): string | Promise<string>;
}

/** A larger input holds up other requests for longer than handing it to another thread costs. */
const MAX_ON_LOOP = 65_536;
/** What takes longer is done anew on a thread. */
const ON_LOOP_MS = 50;

/** Compiles a mapping, or says why the text is none. */
export function compileMapping(text: string): Mapping | ExpressionFault {
  const expression = compileExpression(text, ON_LOOP_MS);
  if (!('evaluate' in expression)) return expression;
  const onThread = (body: MappingBody, variables: Variables, isWanted: () => boolean): Promise<string> => {
    const input = body.text();
    const job = { kind: 'mapping', expression: text, input, variables: JSON.stringify(variables) } as const;
    return threads.run(job, isWanted).catch(rethrow);
  };
  return {
    variables: expression.variables,
    run(body, variables, isWanted = always) {
      if (body.size > MAX_ON_LOOP) return onThread(body, variables, isWanted);
      const direct = directText(expression, body.value(), variables);
      if (direct !== undefined) return direct;
      if (expression.unbounded) return onThread(body, variables, isWanted);
      // It changes nothing, so that it can be begun anew where it holds up nobody.
      return evaluateToText(expression, body.value(), variables).catch((error: unknown) =>
        isTooSlow(error) ? onThread(body, variables, isWanted) : Promise.reject(asError(error)),
      );
    },
  };
}

/** What jsonata says when the time is up that it was given. */
const TIME_IS_UP = 'D1012';

function isTooSlow(error: unknown): boolean {
  return error instanceof MappingError && error.code === TIME_IS_UP;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new MappingError('internal', 'the mapping failed');
}

const always = (): boolean => true;

function rethrow(error: unknown): never {
  throw error instanceof JobError ? new MappingError(error.code, error.message) : error;
}
