// Loaded into every test file by test/run.ts: a file whose tests have ended but that keeps running has left something behind. Node
// would wait for it for ever (its time-outs are for tests); here it says what it is, and fails.
import { after } from 'node:test';

const GRACE_MS = 60_000;

// The runner itself loads this too.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  after(() => {
    setTimeout(() => {
      const kinds = Object.entries(Object.groupBy(process.getActiveResourcesInfo(), (kind) => kind));
      const left = kinds.map(([kind, each]) => `${each?.length} ${kind}`).join(', ');
      process.stderr.write(`${process.argv[1]} left behind: ${left}\n`);
      process.exit(1);
    }, GRACE_MS).unref();
  });
}
