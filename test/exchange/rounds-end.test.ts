import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { RoundsEnd } from '../../src/exchange/rounds-end.ts';

const MODULE = JSON.stringify(join(import.meta.dirname, '../../src/exchange/rounds-end.ts'));

test('what one throws is uncaught, and keeps none behind it from its turn', () => {
  const program = `
    const { RoundsEnd } = await import(${MODULE});
    process.on('uncaughtException', ({ message }) => console.log('uncaught ' + message));
    const round = new RoundsEnd((one) => { if (one.startsWith('bad')) throw new Error(one); console.log(one); });
    for (const one of ['first', 'bad', 'second', 'bad too', 'third']) round.add(one);
  `;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.deepEqual(stdout.trim().split('\n'), ['first', 'uncaught bad', 'second', 'uncaught bad too', 'third']);
  assert.equal(status, 0);
});

test('nothing is done on behalf of the one that came first', async () => {
  const caller = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const end = new RoundsEnd<undefined>(() => seen.push(caller.getStore()));
  for (const name of ['first', 'second']) caller.run(name, () => end.add(undefined));
  await setImmediate();
  assert.deepEqual(seen, [undefined, undefined]);
});
