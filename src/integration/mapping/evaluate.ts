// From JSON text to JSON text: what the event loop and the worker thread do alike.
import { type Expression, MappingError, type Variables } from './expression.ts';

/** Longest text that a mapping may make. */
const MAX_OUTPUT_CHARACTERS = 16_777_216;

/** The result as JSON text; rejects with a {@link MappingError} when there is none. */
export async function evaluateToText(expression: Expression, input: unknown, variables: Variables): Promise<string> {
  const result = await expression.evaluate(input, variables);
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
