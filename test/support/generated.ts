// Files that `npm run docs` writes, held against what it would write now.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/** Names the first line that differs: a diff of thousands says less. */
export function assertGenerated(file: string, written: string): void {
  const there = readFileSync(file, 'utf8');
  if (there === written) return;
  const [old, now] = [there.split('\n'), written.split('\n')];
  const at = now.findIndex((line, index) => line !== old[index]);
  const line = at < 0 ? now.length : at;
  assert.fail(
    `${relative(process.cwd(), file)} is not what \`npm run docs\` writes: run it. From line ${line + 1} on:\n` +
      `- ${old[line] ?? '(end of the file)'}\n+ ${now[line] ?? '(end of the file)'}`,
  );
}
