// The thread that does what is too large, or cannot be interrupted, for the event loop: mappings and XML.
import { parentPort } from 'node:worker_threads';
import { exactValue } from '../../json/exact-value.ts';
import { directText, evaluateToText } from '../mapping/evaluate.ts';
import { compileExpression, type Expression, MappingError } from '../mapping/expression.ts';
import { XmlError, xmlToJson } from '../xml/xml-to-json.ts';

/** Evaluates an expression. All as JSON text: numbers stay exact, and nothing of the caller's is shared. */
interface MappingJob {
  readonly kind: 'mapping';
  readonly expression: string;
  readonly input: string;
  /** An object by name. */
  readonly variables: string;
}

/** Reads XML. */
interface XmlJob {
  readonly kind: 'xml';
  readonly xml: string;
  readonly arrays: readonly string[];
}

export type Job = MappingJob | XmlJob;

/** JSON text, or why there is none. */
export type JobReply = { readonly text: string } | { readonly code: string; readonly message: string };

/** Reloads bring new texts; the old ones are forgotten now and then. */
const MAX_EXPRESSIONS = 256;
/** Before the thread itself is ended (threads.ts). */
const TIMEOUT_MS = 1_500;
const expressions = new Map<string, Expression>();

parentPort?.on('message', (job: Job) => {
  void reply(job).then((said) => parentPort?.postMessage(said));
});

async function reply(job: Job): Promise<JobReply> {
  try {
    return { text: job.kind === 'xml' ? JSON.stringify(xmlToJson(job.xml, job.arrays)) : await mapped(job) };
  } catch (error) {
    if (error instanceof MappingError) return { code: error.code, message: error.message };
    if (error instanceof XmlError) return { code: 'xml', message: error.message };
    return { code: 'internal', message: `the job failed (${error instanceof Error ? error.name : 'unknown'})` };
  }
}

async function mapped({ expression, input, variables }: MappingJob): Promise<string> {
  const named = exactValue(variables);
  const bound = typeof named === 'object' && named !== null ? Object.fromEntries(Object.entries(named)) : {};
  const made = compiled(expression);
  const value = exactValue(input);
  return directText(made, value, bound) ?? evaluateToText(made, value, bound);
}

function compiled(text: string): Expression {
  const known = expressions.get(text);
  if (known !== undefined) return known;
  const made = compileExpression(text, TIMEOUT_MS);
  if (!('evaluate' in made)) throw new MappingError('internal', made.message);
  if (expressions.size >= MAX_EXPRESSIONS) expressions.clear();
  expressions.set(text, made);
  return made;
}
