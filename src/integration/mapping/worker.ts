// The thread that maps what is too large, or cannot be interrupted, for the event loop.
import { parentPort } from 'node:worker_threads';
import { evaluateToText } from './evaluate.ts';
import { exactValue } from './exact-json.ts';
import { compileExpression, type Expression, MappingError } from './expression.ts';

/** All as JSON text: numbers stay exact, and nothing of the caller's is shared. */
export interface MappingJob {
  readonly expression: string;
  readonly input: string;
  /** An object by name. */
  readonly variables: string;
}

export type MappingReply = { readonly text: string } | { readonly code: string; readonly message: string };

/** Reloads bring new texts; the old ones are forgotten now and then. */
const MAX_EXPRESSIONS = 256;
const expressions = new Map<string, Expression>();

parentPort?.on('message', async (job: MappingJob) => {
  parentPort?.postMessage(await reply(job));
});

async function reply({ expression, input, variables }: MappingJob): Promise<MappingReply> {
  try {
    const named = exactValue(variables);
    const bound = typeof named === 'object' && named !== null ? Object.fromEntries(Object.entries(named)) : {};
    return { text: await evaluateToText(compiled(expression), exactValue(input), bound) };
  } catch (error) {
    if (error instanceof MappingError) return { code: error.code, message: error.message };
    return { code: 'internal', message: `the mapping failed (${error instanceof Error ? error.name : 'unknown'})` };
  }
}

function compiled(text: string): Expression {
  const known = expressions.get(text);
  if (known !== undefined) return known;
  const made = compileExpression(text);
  if (!('evaluate' in made)) throw new MappingError('internal', made.message);
  if (expressions.size >= MAX_EXPRESSIONS) expressions.clear();
  expressions.set(text, made);
  return made;
}
