// The files that a page shows: its code blocks that begin with a comment naming a file.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const NAMED_BLOCK = /^```\w+\n(?:\/\/|#|\/\*) ([\w./-]+\.\w+)(?: \*\/)?\n([\s\S]*?)^```$/gm;

/** Name → text, in the order of the page. */
export async function filesOf(page: string): Promise<Readonly<Record<string, string>>> {
  const text = await readFile(join(ROOT, page), 'utf8');
  return Object.fromEntries(
    [...text.matchAll(NAMED_BLOCK)].map(([, name, content]) => [String(name), String(content)]),
  );
}
