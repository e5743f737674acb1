// argv → verb. Exit codes: 0 fine, 1 error findings, 2 usage; `serve` adds 78 for a file it will not start with.
import { enableCompileCache } from 'node:module';
import process from 'node:process';
import { COMPILE_CACHE } from './places.ts';

// A third of a start is compiling. Where nobody may write the cache, a start is only slower.
enableCompileCache(COMPILE_CACHE);
const { run } = await import('./cli/run.ts');

// Who reads what is written may have seen enough (`sluice schema | head`). That ends nothing, least of all a gateway that serves.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  colour: process.stdout.isTTY && process.stderr.isTTY && !process.env['NO_COLOR'],
});
