// What was thrown: anything may be.
import { inspect } from 'node:util';

/** The message of an error, or what else was thrown as text. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What was thrown as an error: itself, or one whose stack leads here. */
export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`thrown, but not an Error: ${inspect(thrown, { depth: 0 })}`);
}
