// Why a file could not be read, in plain language.
import { UnfitFile } from '../../named-file.ts';

const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'there is no such file'],
  ['EACCES', 'this process may not read it'],
  ['EISDIR', 'it is a directory'],
  ['ENOTDIR', 'part of its path is not a directory'],
  ['ENXIO', 'it is a socket or a device, not a file'],
]);

/** What the system says in `error`, as the end of a sentence about the file. */
export function whyUnreadable(error: unknown): string {
  if (error instanceof UnfitFile) return error.reason;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return REASONS.get(code) ?? `it cannot be read (${String(code ?? error)})`;
}
