// From a value to JSON text: what the event loop and the worker thread do alike.
import { UNDECIDED } from './direct.ts';
import { type Expression, MappingError, type Variables } from './expression.ts';

/** Longest text that a mapping may make. */
const MAX_OUTPUT_CHARACTERS = 16_777_216;

/** The result as JSON text, made at once; undefined where {@link evaluateToText} has to make it. */
export function directText({ direct }: Expression, input: unknown, variables: Variables): string | undefined {
  const result = direct === undefined ? UNDECIDED : direct(input, variables);
  return result === UNDECIDED ? undefined : toText(result);
}

/** The result as JSON text, by jsonata; rejects with a {@link MappingError} when there is none. */
export async function evaluateToText(expression: Expression, input: unknown, variables: Variables): Promise<string> {
  return toText(await expression.evaluate(input, variables));
}

function toText(result: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(result);
  } catch {
    throw new MappingError(
      'output',
      'what the mapping made cannot be written as JSON: it is circular or far too large',
    );
  }
  if (text === undefined) {
    throw new MappingError(
      'nothing',
      'the mapping made nothing: what it selects is not there; write null where that is meant',
    );
  }
  if (text.length > MAX_OUTPUT_CHARACTERS) {
    throw new MappingError('output', `the mapping made more than ${MAX_OUTPUT_CHARACTERS} characters`);
  }
  return text;
}
