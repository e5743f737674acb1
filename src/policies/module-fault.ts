// Why a module of a platform engineer's cannot be used, in one line that names the line of theirs.
import { sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { CODE_FOLDER } from '../places.ts';
import { messageOf } from '../telemetry/thrown.ts';

/** Whether a URL is a file that a platform engineer edits: neither Sluice's nor a package's. */
export function isOwn(url: string): boolean {
  if (!url.startsWith('file:')) return false;
  const path = fileURLToPath(url);
  return !path.startsWith(CODE_FOLDER) && !path.includes(`${sep}node_modules${sep}`);
}

/** What was thrown while a module was loaded or set up, and where: `x is not defined (/srv/plugins/audit.ts:12)`. */
export function faultText(thrown: unknown): string {
  const place = thrown instanceof Error ? placeOf(thrown) : undefined;
  return place === undefined ? messageOf(thrown) : `${messageOf(thrown)} (${place})`;
}

/** Of a syntax error the first line of the stack is the place; of any other, the first frame in a file of the engineer's. */
function placeOf(error: Error): string | undefined {
  for (const { url, line } of framesOf(error)) if (isOwn(url.href)) return `${fileURLToPath(url)}:${line}`;
  return undefined;
}

/** The files whose code threw, the innermost first. */
export function filesOnStack(thrown: unknown): readonly string[] {
  return thrown instanceof Error ? Array.from(framesOf(thrown), ({ url }) => fileURLToPath(url)) : [];
}

function* framesOf({ stack = '' }: Error): Generator<{ readonly url: URL; readonly line: string }> {
  for (const text of stack.split('\n')) {
    const [, file, line] = PLACE.exec(text) ?? [];
    if (file !== undefined && line !== undefined)
      yield { url: file.startsWith('/') ? pathToFileURL(file) : new URL(file), line };
  }
}

/** `    at create (file:///srv/audit.ts?sluice=3:12:5)`, `    at /srv/audit.cjs:12:5`, or `file:///srv/audit.ts:12` alone. */
const PLACE = /^(?: +at (?:.*\()?)?((?:file:\/\/)?\/[^?()]*?)(?:\?[^:]*)?:(\d+)(?::\d+)?\)?$/;
