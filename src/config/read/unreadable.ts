// Why a file could not be read, in plain language.

const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'this process may not read it'],
  ['EISDIR', 'it is a directory'],
  ['ENOTDIR', 'part of its path is not a directory'],
]);

/** What the system says in `error`, as the end of a sentence about the file. */
export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return REASONS.get(code) ?? `it cannot be read (${String(code ?? error)})`;
}
