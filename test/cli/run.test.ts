import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { run } from '../../src/cli/run.ts';
import { keyDigest } from '../../src/tenant/keys.ts';
import { temporaryDirectory } from '../support/files.ts';
import { LogLines } from '../support/log-lines.ts';
import { closedPort } from '../support/ports.ts';
import { spawnBound } from '../support/process.ts';

const SOUND = `version: 1
defaults: { auth: key, limit: 1/s, retry: 0 }
tenants: { acme: { keys: "sha256:${'a'.repeat(64)}" } }
upstreams: { orders: http://127.0.0.1:7001 }
routes:
  list: { match: "GET /orders/{id}", to: orders }
`;

/** Runs a command line in this process; `FILE` in it stands for a routes file with `text`. */
async function sluice(t: TestContext, words: string, text = SOUND) {
  const file = join(await temporaryDirectory(t, { 'routes.yaml': text }), 'routes.yaml');
  const told = { code: 0, out: '', err: '', file };
  told.code = await run(
    words.split(' ').map((word) => word.replace('FILE', file)),
    {
      env: {},
      out: (part) => {
        told.out += part;
      },
      err: (part) => {
        told.err += part;
      },
      colour: false,
    },
  );
  return told;
}

test('check: 0 for a sound file, 1 for errors, 1 for warnings only when strict', async (t) => {
  const sound = await sluice(t, 'check --routes FILE');
  assert.deepEqual([sound.code, sound.out, sound.err], [0, 'no findings\n', '']);
  const open = SOUND.replace('to: orders', 'to: orders, auth: none');
  assert.equal((await sluice(t, 'check --routes FILE', open)).code, 0);
  assert.equal((await sluice(t, 'check --routes FILE --strict', open)).code, 1);
  assert.equal((await sluice(t, 'check --routes FILE', SOUND.replace('to: orders', 'to: order'))).code, 1);
});

test('check: a finding has its line, a caret and a hint', async (t) => {
  const { out, file } = await sluice(t, 'check --routes FILE', SOUND.replace('to: orders', 'retires: 3, to: orders'));
  assert.equal(
    out,
    `${file}:6:38 error unknown-key: "retires" is not a route setting
  6 |   list: { match: "GET /orders/{id}", retires: 3, to: orders }
    |                                      ^^^^^^^ did you mean "retry"?
1 error
`,
  );
});

test('check --json gives the findings to a program', async (t) => {
  const { out, code } = await sluice(t, 'check --json --routes FILE', SOUND.replace('to: orders', 'to: order'));
  assert.equal(code, 1);
  assert.equal(JSON.parse(out).findings[0].code, 'unknown-upstream');
});

test('check finds what only building a policy shows', async (t) => {
  const { out, code } = await sluice(
    t,
    'check --routes FILE',
    SOUND.replace('to: orders', 'to: orders, rewrite: "/{x}"'),
  );
  assert.equal(code, 1);
  assert.match(out, /error rewrite: /);
});

test('explain shows the values of a route', async (t) => {
  const { out, code, file } = await sluice(t, 'explain list --tenant acme --routes FILE');
  assert.equal(code, 0);
  assert.ok(out.includes(`${file}:2:31`));
  assert.match(out, /at most 2 in any second/);
  const json = await sluice(t, 'explain list --json --routes FILE');
  assert.deepEqual(JSON.parse(json.out).to, ['orders']);
});

test('route shows which route serves a request', async (t) => {
  const { out, code } = await sluice(
    t,
    'route GET http://api.example/orders/7?v=1 --tenant acme -H x-beta:1 --routes FILE',
  );
  assert.equal(code, 0);
  assert.match(out, /→ list\n {2}goes to orders/);
  assert.match((await sluice(t, 'route POST /orders/7 --routes FILE')).out, /405: this path takes GET, HEAD/);
});

test('route knows what the gateway refuses before it looks for a route', async (t) => {
  for (const [request, outcome] of [
    ['GET /a%00b', /\n {2}400: the path contains/],
    ['GET /a#b', /\n {2}400: the request target contains a fragment/],
    ['TRACE /orders/7', /\n {2}405: TRACE is not served/],
  ] as const) {
    const { code, out } = await sluice(t, `route ${request} --routes FILE`);
    assert.equal(code, 0);
    assert.match(out, /→ no route\n/);
    assert.match(out, outcome);
  }
});

test('route takes a host as the gateway does', async (t) => {
  const hosted = SOUND.replace('"GET /orders/{id}"', '{ path: "/orders/{id}", host: api.example }');
  for (const words of ['http://API.example.:8080/orders/7', '/orders/7 -H Host:api.example.']) {
    assert.match((await sluice(t, `route GET ${words} --routes FILE`, hosted)).out, /→ list\n/);
  }
});

test('a file with errors answers no question: 1, and the errors', async (t) => {
  for (const words of ['explain list --routes FILE', 'route GET /orders/1 --routes FILE']) {
    const { code, out, err } = await sluice(t, words, 'version: 3\nroutes: {}\n');
    assert.equal(code, 1);
    assert.equal(out, '');
    assert.match(err, /:1:10 error/);
  }
});

test('schema is JSON', async (t) => {
  const { out, code } = await sluice(t, 'schema');
  assert.equal(code, 0);
  assert.equal(JSON.parse(out).type, 'object');
});

test('keys new makes a key and the hash that lets it in', async (t) => {
  const { out, code } = await sluice(t, 'keys new acme --json');
  const { key, hash, tenant } = JSON.parse(out);
  assert.deepEqual([code, tenant, hash], [0, 'acme', `sha256:${keyDigest(key)}`]);
  const first = /slc_\S+/.exec((await sluice(t, 'keys new acme')).out)?.[0];
  assert.notEqual(first, key);
});

test('what is not understood is a usage error with a hint', async (t) => {
  const cases = [
    ['chek', /"chek" is not a verb of sluice; did you mean "check"\?/],
    ['check --stric', /--stric is not a flag of "check"; did you mean "--strict"\?/],
    ['schema --strict', /--strict is not a flag of "schema"/],
    ['check --routes', /--routes needs a FILE/],
    ['check --strict=yes', /--strict takes no value/],
    ['check --routes a --routes b', /--routes is given twice/],
    ['check all', /"check" does not take "all"/],
    ['explain', /"explain" needs ROUTE/],
    ['explain lsit --routes FILE', /there is no route "lsit"; did you mean "list"\?/],
    ['explain list --tenant acmee --routes FILE', /there is no tenant "acmee"; did you mean "acme"\?/],
    ['route get /x --routes FILE', /"get" is not a method/],
    ['route GET x --routes FILE', /"x" is neither a path nor a URL/],
    ['route GET /x -H nonsense --routes FILE', /"nonsense" is not a header/],
    ['keys new a:b', /"a:b" cannot be the name of a tenant/],
    ['keys old acme', /"old" is not something keys does/],
  ] as const;
  for (const [words, message] of cases) {
    const { code, out, err } = await sluice(t, words);
    assert.deepEqual([code, out], [2, ''], words);
    assert.match(err, message);
  }
});

test('--help lists the verbs, or the flags of one; --version is that of the package', async (t) => {
  assert.match((await sluice(t, '--help')).out, /sluice serve .*\n {2}sluice check \[--strict\]/);
  assert.match((await sluice(t, 'route --help')).out, /-H, --header NAME:VALUE/);
  assert.match((await sluice(t, '--version')).out, /^\d+\.\d+\.\d+\n$/);
});

test('the sluice command is a process with these exit codes', async () => {
  const execute = promisify(execFile);
  const { stdout } = await execute(process.execPath, ['bin/sluice.mjs', '--version']);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  await assert.rejects(execute(process.execPath, ['bin/sluice.mjs', 'nonsense']), { code: 2, stdout: '' });
});

test('a reader that has seen enough ends nothing with a stack trace', async () => {
  const { stderr } = await promisify(execFile)('sh', ['-c', `'${process.execPath}' bin/sluice.mjs schema | true`]);
  assert.equal(stderr, '');
});

test('serve goes on when nobody reads its findings', async (t) => {
  const open = SOUND.replace('to: orders', 'to: orders, auth: none, fallback: { status: 200, body: {} }').replace(
    '127.0.0.1:7001',
    `127.0.0.1:${await closedPort()}`,
  );
  const directory = await temporaryDirectory(t, { 'routes.yaml': open });
  const child = spawnBound(process.execPath, [resolve('src/main.ts'), 'serve'], {
    cwd: directory,
    env: { ...process.env, PORT: '0', ADMIN_PORT: '0' },
  });
  t.after(() => void child.kill());
  const log = new LogLines(child.stdout);
  const { listen } = await log.until((line) => line.event === 'listening');
  child.stderr.destroy();
  for (const broken of ['retires: 3', 'limt: 3/s']) {
    const refused = log.until(
      (line) => line.event === 'config_refused' && JSON.stringify(line).includes(broken.slice(0, 4)),
    );
    await writeFile(join(directory, 'routes.yaml'), open.replace('to: orders', `${broken}, to: orders`));
    await refused;
  }
  const { port } = new URL(String(listen));
  assert.equal((await fetch(`http://127.0.0.1:${port}/orders/7`)).status, 200);
});
