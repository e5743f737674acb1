import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type LogOutage, LogSink } from '../../src/telemetry/log-sink.ts';
import { eventually } from '../support/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-sink-'));
after(() => rmSync(folder, { recursive: true }));
const MODULE = JSON.stringify(new URL('../../src/telemetry/log-sink.ts', import.meta.url).href);

/** A process whose standard output is a sink's destination, running `body`. */
const script = (body: string): string[] => [
  '--input-type=module-typescript',
  '--eval',
  `import { LogSink } from ${MODULE};
   const dropped = { value: 0 };
   const sink = new LogSink({ destination: 1, dropped, writeErrors: { value: 0 }, onOutage: () => {} });
   ${body}`,
];

test('lines are written in order and appended to what is there', async () => {
  const destination = join(folder, 'order');
  for (const round of [0, 1]) {
    const sink = new LogSink({ destination, dropped: { value: 0 }, writeErrors: { value: 0 }, onOutage: () => {} });
    for (let number = 0; number < 500; number++) {
      sink.write(`${round}-${number} é\n`);
      if (number % 100 === 0) await nextTurn();
    }
    await sink.close();
  }
  const expected = [0, 1].flatMap((round) => Array.from({ length: 500 }, (_, number) => `${round}-${number} é`));
  assert.deepEqual(readFileSync(destination, 'utf8').trimEnd().split('\n'), expected);
});

test('a destination that takes nothing costs lines, which are counted, and never blocks', async () => {
  const fifo = join(folder, 'stuck');
  execFileSync('mkfifo', [fifo]);
  const fd = openSync(fifo, 'r+');
  const dropped = { value: 0 };
  const sink = new LogSink({ destination: fd, dropped, writeErrors: { value: 0 }, onOutage: () => {} });
  const line = `${'x'.repeat(1023)}\n`;
  for (let written = 0; written < 6000; written++) sink.write(line);
  assert.ok(dropped.value > 1000 && dropped.value < 3000, `${dropped.value}`);

  // Somebody reads at last: what was kept comes out whole.
  const reader = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'ignore'] });
  let received = 0;
  reader.stdout.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  await sink.close();
  closeSync(fd);
  await once(reader, 'close');
  assert.equal(received, (6000 - dropped.value) * 1024);
});

test('lines after close are dropped and counted', async () => {
  const dropped = { value: 0 };
  const sink = new LogSink({
    destination: join(folder, 'closed'),
    dropped,
    writeErrors: { value: 0 },
    onOutage: () => {},
  });
  await sink.close();
  await sink.close();
  sink.write('late\n');
  assert.equal(dropped.value, 1);
});

test('a file that cannot be opened is said at once', () => {
  assert.throws(
    () => new LogSink({ destination: folder, dropped: { value: 0 }, writeErrors: { value: 0 }, onOutage: () => {} }),
    { code: 'EISDIR' },
  );
});

test('a process that exits at once still writes its lines', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    script(`for (let n = 0; n < 1000; n++) sink.write('line ' + n + '\\n'); process.exit(0);`),
  );
  assert.equal(stdout.trimEnd().split('\n').length, 1000);
});

test('a crash still writes what led to it', async () => {
  const crash = promisify(execFile)(process.execPath, script(`sink.write('last words\\n'); throw new Error('crash');`));
  await assert.rejects(crash, { code: 1, stdout: 'last words\n' });
});

test('a reader that has gone is survived, and its lines are counted', async () => {
  const body = `
    process.on('message', async () => {
      const writing = setInterval(async () => {
        sink.write('x\\n');
        if (dropped.value < 3) return;
        clearInterval(writing);
        await sink.close();
        process.send(dropped.value, () => process.disconnect());
      }, 1);
    });
    process.send('ready');`;
  const child = spawn(process.execPath, script(body), { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  await once(child, 'message');
  child.stdout?.destroy();
  child.send('go');
  const [lines] = await once(child, 'message');
  const [code] = await once(child, 'exit');
  assert.ok(Number(lines) >= 3);
  assert.equal(code, 0);
});

test('a full disk is survived', async () => {
  const dropped = { value: 0 };
  const sink = new LogSink({ destination: '/dev/full', dropped, writeErrors: { value: 0 }, onOutage: () => {} });
  sink.write('x\n');
  await sink.close();
  assert.equal(dropped.value, 1);
  sink.flushSync();
});

test('an outage is counted by the write and told of once, and so is its end', async () => {
  const target = join(folder, 'outage');
  const told: LogOutage[] = [];
  const writeErrors = { value: 0 };
  // A descriptor that stays the same while what it leads to changes, as a disk that fills up and is cleared.
  const fd = openSync('/dev/full', 'a');
  const sink = new LogSink({
    destination: fd,
    dropped: { value: 0 },
    writeErrors,
    onOutage: (outage) => told.push(outage),
  });
  sink.write('kept\n');
  await eventually(() => writeErrors.value >= 2, 'second failed write');
  assert.deepEqual(
    told.map(({ error, droppedLines }) => [error?.message.slice(0, 6), droppedLines]),
    [['ENOSPC', 0]],
  );
  // The lowest free descriptor is the one that was closed last.
  closeSync(fd);
  assert.equal(openSync(target, 'a'), fd);
  await eventually(() => told.length === 2, 'end of the outage');
  assert.deepEqual(told[1], { error: undefined, droppedLines: 0 });
  await sink.close();
  closeSync(fd);
  assert.equal(readFileSync(target, 'utf8'), 'kept\n');
});
