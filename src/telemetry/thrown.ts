// What was thrown, in a few words: anything may be.

/** The message of an error, or what else was thrown as text. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
