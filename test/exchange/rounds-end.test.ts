import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

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
