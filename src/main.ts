// argv → verb. Exit codes: 0 fine, 1 error findings, 2 usage; `serve` adds 78 for a file it will not start with.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';

// A third of a start is compiling. The cache lies with the code, and is as trustworthy: who may write it could change the code. Where
// nobody may, a start is only slower.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/sluice'));
const { run } = await import('./cli/run.ts');

// Who reads what is written may have seen enough (`sluice schema | head`). That ends nothing, least of all a gateway that serves.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  colour: process.stdout.isTTY && process.stderr.isTTY && !process.env['NO_COLOR'],
});
