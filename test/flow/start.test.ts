// `npm start`, as a newcomer meets it: the commands it prints are run as printed.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { type CleanUp, suiteCleanUp } from '../support/clean-up.ts';
import { temporaryDirectory } from '../support/files.ts';
import { closedPort } from '../support/ports.ts';
import { spawnBound } from '../support/process.ts';
import { eventually } from '../support/wait.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Of the sample services, in routes.yaml and examples/start.ts. */
const PORTS: readonly string[] = ['7001', '7002', '7003'];

suite('npm start', () => {
  let output = '';
  let directory: string;
  let secondCatalog: string;
  let stop: () => Promise<number | null>;
  const t = suiteCleanUp(after);

  before(async () => {
    const ports = await Promise.all(PORTS.map(() => closedPort()));
    secondCatalog = String(ports[2]);
    directory = await repositoryOnPorts(t, ports);
    const child = spawnBound(process.execPath, [join(directory, 'examples/start.ts')], {
      cwd: directory,
      env: { ...process.env, PORT: String(await closedPort()), ADMIN_PORT: String(await closedPort()) },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    stop = async () => {
      if (child.exitCode === null) {
        child.kill('SIGINT');
        await once(child, 'exit');
      }
      return child.exitCode;
    };
    t.after(async () => {
      await stop();
    });
    await eventually(() => {
      assert.equal(child.exitCode, null, output);
      return output.includes('npm run sluice');
    }, 'tour of npm start');
  });

  for (const status of [201, 401, 422]) {
    test(`prints a command that answers ${status}`, async () => {
      const answer = await run(commandAfter(`# ${status}:`));
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
    });
  }

  test('the refused quantity is pointed at', async () => {
    assert.match(await run(commandAfter('# 422:')), /"pointer":"\/items\/0\/quantity"/);
  });

  test('the requests it prints run into the limit', async () => {
    assert.match(await run(commandAfter('429 ')), /429/);
  });

  test('a dead catalog goes unnoticed, two are covered by the fallback', async () => {
    const [, items = ''] = /'(http\S+\/v1\/items)\?/.exec(output) ?? [];
    const [, one = '', two = ''] = /kill (\d+) .*kill (\d+):/.exec(output) ?? [];
    const get = (): Promise<Response> => fetch(items);
    // The limit of the test before: wait until it lets a request through.
    await eventually(async () => (await get()).ok, 'request within the limit');

    process.kill(Number(one));
    await eventually(() => output.includes('Bring it back with'), 'note of the dead catalog');
    const answered = await eventually(async () => {
      const response = await get();
      return response.status !== 429 && response;
    }, 'answer of the other catalog');
    assert.equal(answered.headers.get('x-served-by'), `catalog-${secondCatalog}`);

    process.kill(Number(two));
    const stale = await eventually(async () => {
      const response = await get();
      return response.status !== 429 && !response.headers.has('x-served-by') && response;
    }, 'fallback');
    assert.deepEqual(await stale.json(), { items: [], stale: true });
  });

  test('without any catalog a breaker opens, and closes by itself once one is back', async () => {
    const command = commandAfter('breaker ');
    await eventually(async () => (await run(command)).includes('503'), 'open breaker');
    const [, restart = ''] = /Bring it back with: (.+)/.exec(output) ?? [];
    const [program = '', ...args] = restart.split(' ');
    const catalog = spawnBound(program, args, { cwd: directory });
    t.after(() => void catalog.kill());
    // One request of the loop at a time: the plan's limit refuses some of so many.
    await eventually(async () => (await run(command.replace('seq 20', 'seq 1'))).includes('200'), 'closed breaker');
  });

  test('the metrics line it prints shows the requests', async () => {
    assert.match(await run(commandAfter('metrics ')), /sluice_http_requests_total\{.*route="create-order"/);
  });

  test('Ctrl-C ends it, exit 0', async () => {
    assert.equal(await stop(), 0);
  });

  /** What is to be pasted: the line below a comment, or the rest of the line. */
  function commandAfter(label: string): string {
    const start = output.indexOf(label);
    const [own = '', next = ''] = output.slice(start + label.length).split('\n');
    return label.startsWith('#') ? next.trim() : own.trim();
  }
});

/** This repository with its sample services on other ports, for somebody may be running them on their own. */
async function repositoryOnPorts(t: CleanUp, ports: readonly number[]): Promise<string> {
  const directory = await temporaryDirectory(t);
  for (const path of ['examples', 'config', 'routes.yaml']) {
    await cp(join(ROOT, path), join(directory, path), { recursive: true });
  }
  for (const path of ['src', 'node_modules', 'package.json']) await symlink(join(ROOT, path), join(directory, path));
  for (const path of ['routes.yaml', 'examples/start.ts']) {
    const text = await readFile(join(directory, path), 'utf8');
    for (const port of PORTS) assert.ok(text.includes(port), `${path} names port ${port}`);
    // All at once: a new port may have an old one within it.
    const moved = text.replace(new RegExp(PORTS.join('|'), 'g'), (port) => String(ports[PORTS.indexOf(port)]));
    // Nobody learns more by waiting longer.
    await writeFile(join(directory, path), moved.replace('open: 10s', 'open: 1s'));
  }
  return directory;
}

async function run(command: string): Promise<string> {
  const { stdout } = await promisify(execFile)('sh', ['-c', command]);
  return stdout;
}
