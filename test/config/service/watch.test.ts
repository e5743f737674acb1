import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileWatcher } from '../../../src/config/service/watch.ts';
import { temporaryDirectory } from '../../support/files.ts';
import { eventually, within } from '../../support/wait.ts';

const LONG_AGO_S = 1_000_000_000;

async function watched(t: TestContext) {
  const directory = await temporaryDirectory(t, { 'a.yaml': '1', 'b.yaml': '2' });
  const changes: number[] = [];
  const first = Promise.withResolvers<void>();
  const watcher = new FileWatcher(() => {
    changes.push(Date.now());
    first.resolve();
  });
  t.after(() => watcher.close());
  const at = (name: string): string => join(directory, name);
  // What was written this very millisecond may have been written after it was read.
  await eventually(async () => watcher.follow([at('a.yaml')], await watcher.mark()), 'file at rest');
  return { watcher, at, changes, changed: () => within(first.promise, 'change') };
}

describe('FileWatcher', () => {
  it('tells of an edit once, however many writes it takes', async (t) => {
    const { at, changes, changed } = await watched(t);
    // In one turn of the event loop: on a busy machine the writes would otherwise be so far apart that they are several edits.
    for (let i = 0; i < 5; i++) writeFileSync(at('a.yaml'), `edit ${i}`);
    await changed();
    await writeFile(at('unrelated.log'), 'x');
    assert.equal(changes.length, 1);
  });

  it('sees what changes between a mark and the following, also a file older than both', async (t) => {
    const { watcher, at, changed } = await watched(t);
    await utimes(at('b.yaml'), LONG_AGO_S, LONG_AGO_S);
    const mark = await watcher.mark();
    await rename(at('b.yaml'), at('a.yaml'));
    assert.equal(await watcher.follow([at('a.yaml')], mark), false);
    await changed();
  });

  it('sees a file that is new to it and was put in place since the mark', async (t) => {
    const { watcher, at, changed } = await watched(t);
    await utimes(at('b.yaml'), LONG_AGO_S, LONG_AGO_S);
    const mark = await watcher.mark();
    await rename(at('b.yaml'), at('c.yaml'));
    assert.equal(await watcher.follow([at('a.yaml'), at('c.yaml')], mark), false);
    await changed();
  });

  it('is at rest with files that did not change, though their times lie in the future', async (t) => {
    const { watcher, at } = await watched(t);
    const future = Date.now() / 1000 + 86_400;
    await utimes(at('a.yaml'), future, future);
    const mark = await watcher.mark();
    assert.equal(await watcher.follow([at('a.yaml')], mark), true);
  });

  it('waits for a file that is not there yet', async (t) => {
    const { watcher, at, changed } = await watched(t);
    assert.equal(await watcher.follow([at('a.yaml'), at('missing.yaml')], await watcher.mark()), true);
    await writeFile(at('missing.yaml'), 'now');
    await changed();
  });
});
