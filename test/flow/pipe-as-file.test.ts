// A pipe or a device where a file of the configuration should be: told of, never waited for; and a pipe where it is of use.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { CleanUp } from '../support/clean-up.ts';
import { temporaryDirectory } from '../support/files.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { spawnBound } from '../support/process.ts';
import { within } from '../support/wait.ts';
import { createAuthority } from '../upstream/certificates.ts';

const execute = promisify(execFile);
const MAIN = resolve('src/main.ts');
const PIPE = /it is a pipe, not a file/;

const routes = (upstream: string, path = '/open'): string => `version: 1
upstreams: { origin: ${upstream} }
tenants:
  acme: { keys: "\${file:key}" }
routes:
  open: { match: GET ${path}, to: origin, auth: none }
`;

/** Routes with one file of each kind that a route or an upstream names. */
const naming = (upstream: string): string => `version: 1
upstreams:
  origin: ${upstream}
  secure: { targets: [https://127.0.0.1:7001], tls: { ca: ca.pem } }
routes:
  open: { match: GET /open, to: origin, auth: none }
  schema: { match: POST /schema, to: secure, auth: none, body: order.json }
  module: { match: GET /module, to: origin, auth: none, use: [./own.ts] }
  common: { match: GET /common, to: origin, auth: none, use: [./own.cjs] }
`;

const own = {
  'order.json': '{ "$ref": "line.json" }',
  'line.json': '{ "type": "object" }',
  'own.ts': "import { mark } from './imported.ts';\nexport default (_req, _res, next) => { mark(); next(); };",
  'imported.ts': 'export const mark = () => undefined;',
  'own.cjs': "const { mark } = require('./required.cjs');\nmodule.exports = (_req, _res, next) => { mark(); next(); };",
  'required.cjs': 'exports.mark = () => undefined;',
};

/** Puts a pipe that nobody writes to in place of a file. */
async function becomesPipe(file: string): Promise<void> {
  await execute('mkfifo', [`${file}.pipe`]);
  await rename(`${file}.pipe`, file);
}

test('a file that becomes a pipe is refused, what was serves on, and the process ends when told to', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, {
    routes: routes(origin.url),
    files: { key: 'acme-secret-one-aaaaaaaa\n' },
  });
  const at = (name: string): string => join(gateway.process.directory, name);
  const status = async (path: string): Promise<number> => (await fetch(gateway.url + path)).status;

  assert.match(await refusal(gateway, () => becomesPipe(at('routes.yaml'))), PIPE);
  assert.equal(await status('/open'), 200);

  await gateway.process.writeRoutes(routes(origin.url, '/two'));
  await gateway.log.until((line) => line.event === 'config_reloaded');
  assert.equal(await status('/two'), 200);

  assert.match(await refusal(gateway, () => becomesPipe(at('key'))), PIPE);
  assert.match(await refusal(gateway, () => becomesPipe(at('routes.yaml'))), PIPE);
  assert.equal(await status('/two'), 200);

  // What is told is what is there now, not what was there instead before.
  const mark = gateway.log.lines.length;
  await rm(at('routes.yaml'));
  await mkdir(at('routes.yaml'));
  await gateway.log.until((line) => /it is a directory/.test(JSON.stringify(line['findings'])), mark);
  assert.equal((await gateway.process.stop()).code, 0);
});

test('process settings that become a pipe are told of, and the process ends when told to', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, {
    routes: routes(origin.url),
    files: { key: 'acme-secret-one-aaaaaaaa\n' },
  });
  await becomesPipe(join(gateway.process.directory, 'gateway.yaml'));
  const line = await gateway.log.until(({ event }) => event === 'restart_would_fail');
  assert.match(JSON.stringify(line), PIPE);
  assert.equal((await gateway.process.stop()).code, 0);
});

for (const name of ['routes.yaml', 'gateway.yaml', 'key', 'cert.pem']) {
  test(`a gateway whose ${name} is a pipe does not start, and says why`, async (t) => {
    const { directory, stderr, code } = await served(t, name);
    assert.equal(code, 78, stderr);
    assert.match(stderr, PIPE);
    assert.ok(stderr.includes(join(directory, name)), stderr);
  });
}

for (const name of ['ca.pem', ...Object.keys(own)]) {
  test(`a gateway whose routes name ${name}, which is a pipe, does not start, and says why`, async (t) => {
    const { directory, stderr, code } = await served(t, name, naming('http://127.0.0.1:7001'), {
      ...own,
      'ca.pem': (await createAuthority(t)).cert,
    });
    assert.equal(code, 78, stderr);
    assert.match(stderr, PIPE);
    assert.ok(stderr.includes(join(directory, name)), stderr);
  });

  test(`when ${name} becomes a pipe it is refused, and when it is a file again it is taken`, async (t) => {
    const origin = await startOrigin(t);
    const files = { ...own, 'ca.pem': (await createAuthority(t)).cert };
    const gateway = await startGateway(t, { routes: naming(origin.url), files });
    const file = join(gateway.process.directory, name);
    const written = await readFile(file, 'utf8');
    const assertServes = async (): Promise<void> => assert.equal((await fetch(`${gateway.url}/module`)).status, 200);

    if (name === 'ca.pem') {
      await becomesPipe(file);
      const told = await gateway.log.until(({ event }) => event === 'tls_reload_failed');
      assert.match(JSON.stringify(told), PIPE);
    } else {
      assert.match(await refusal(gateway, () => becomesPipe(file)), PIPE);
    }
    await assertServes();

    await writeFile(`${file}.next`, `${written}\n`);
    await rename(`${file}.next`, file);
    await gateway.log.until(({ event }) => event === (name === 'ca.pem' ? 'tls_reloaded' : 'config_reloaded'));
    await assertServes();
    assert.equal((await gateway.process.stop()).code, 0);
  });
}

test('a verb that reads a file once may be given a pipe', async (t) => {
  const directory = await temporaryDirectory(t, {
    'routes.yaml': routes('http://127.0.0.1:7001')
      .replace('open:', 'open: { limt: 3/s },')
      .replace('"${file:key}"', '[]'),
    'sound.yaml': routes('http://127.0.0.1:7001').replace('${file:key}', `sha256:${'a'.repeat(64)}`),
  });
  const piped = (words: string) =>
    execute('bash', ['-c', `'${process.execPath}' '${MAIN}' ${words}`], { cwd: directory });
  assert.match(
    (await piped('check --routes <(sleep 0.2; cat sound.yaml) --config <(echo "{}")')).stdout,
    /0 errors|warning/,
  );
  assert.match((await piped('explain open --routes /dev/stdin < <(cat sound.yaml)')).stdout, /open → origin/);
  await assert.rejects(piped('check --routes <(cat routes.yaml)'), { code: 1 });
});

/** Runs `serve` in a folder where `name` is a pipe, until it ends. */
async function served(
  t: CleanUp,
  name: string,
  configuration = routes('http://127.0.0.1:7001'),
  files: Readonly<Record<string, string>> = {},
) {
  const directory = await temporaryDirectory(t, {
    ...files,
    'routes.yaml': configuration,
    key: 'acme-secret-one-aaaaaaaa\n',
    'cert.pem': '',
  });
  const tls = name === 'cert.pem' ? `listen: { tls: { cert: ${join(directory, name)}, key: key } }\n` : '{}';
  await writeFile(join(directory, 'gateway.yaml'), tls);
  await becomesPipe(join(directory, name));
  const file = (each: string): string => join(directory, each);
  const child = spawnBound(
    process.execPath,
    [MAIN, 'serve', '--routes', file('routes.yaml'), '--config', file('gateway.yaml')],
    { cwd: directory, env: { PATH: process.env['PATH'], PORT: '0', ADMIN_PORT: '0' } },
  );
  t.after(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.resume();
  await within(new Promise((done) => child.on('close', done)), 'end of the process');
  return { directory, stderr, code: child.exitCode };
}

/** What the log says of the reload that follows `change`, which is refused. */
async function refusal(gateway: RunningGateway, change: () => Promise<void>): Promise<string> {
  const mark = gateway.log.lines.length;
  await change();
  const line = await gateway.log.until(({ event }) => event === 'config_refused', mark);
  return JSON.stringify(line['findings']);
}
