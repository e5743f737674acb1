import assert from 'node:assert/strict';
import { mkdir, readFile, rmdir, symlink, unlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { loadRoutes } from '../../../src/config/load/load-routes.ts';
import { temporaryDirectory } from '../../support/files.ts';
import { load, rehearsed, soundConfig, told } from './routes.ts';

const UPSTREAM = 'upstreams: { orders: http://127.0.0.1:7001 }';

test('a route has every layer merged: built-in, defaults, its upstream, itself', async (t) => {
  const config = await soundConfig(
    t,
    `version: 1
defaults: { auth: key, timeout: 5s, retry: 1, limit: { rate: 10/s, burst: 5 } }
upstreams:
  orders:
    targets: http://127.0.0.1:7001
    timeout: { idle: 10s, try: 1s }
    retry: { backoff: 10ms..20ms }
routes:
  get: { match: GET /a, to: orders, timeout: { total: 60s }, limit: { rate: 20/s } }
`,
  );
  const { core, policies } = config.routes.get('get') ?? assert.fail();
  assert.deepEqual({ ...core.timeout }, { answer: 5000, idle: 10_000, total: 60_000 });
  assert.equal(core.retry.max, 1);
  assert.deepEqual(core.retry.backoff, { baseMs: 10, capMs: 20 });
  assert.equal(core.retry.replay, 65_536);
  const limit = policies.find(({ name }) => name === 'limit')?.settings;
  assert.deepEqual(limit, { rate: [{ limit: 20, windowMs: 1000, text: '20/s' }], burst: 5, per: 'tenant' });
  const upstream = config.upstreams.get('orders')?.settings ?? assert.fail();
  assert.deepEqual({ ...upstream.timeout }, { connect: 2000, try: 1000, answer: 5000, idle: 10_000, total: null });
});

test('timeout: none in defaults is not undone by an upstream that bounds its connects', async (t) => {
  const config = await soundConfig(
    t,
    `version: 1
defaults: { auth: none, timeout: none }
upstreams: { orders: { targets: http://127.0.0.1:7001, timeout: { connect: 1s } } }
routes: { get: { match: GET /a, to: orders } }
`,
  );
  assert.deepEqual({ ...config.routes.get('get')?.core.timeout }, { answer: null, idle: null, total: null });
});

test('a breaker on a route is its own; one in defaults is its upstream’s', async (t) => {
  const config = await soundConfig(
    t,
    `version: 1
defaults: { auth: none, breaker: { open: 5s } }
${UPSTREAM}
routes:
  shared: { match: GET /a, to: orders }
  own: { match: GET /b, to: orders, breaker: { min: 5 } }
  off: { match: GET /c, to: orders, breaker: none }
`,
  );
  assert.equal(config.routes.get('shared')?.ownBreaker, false);
  assert.equal(config.upstreams.get('orders')?.settings.breaker?.open, 5000);
  assert.equal(config.routes.get('own')?.ownBreaker, true);
  assert.deepEqual(
    { ...config.routes.get('own')?.core.breaker },
    { failures: 0.5, min: 5, window: 10_000, open: 5000 },
  );
  assert.equal(config.routes.get('off')?.core.breaker, null);
});

test('websocket may be true, false, none or a map', async (t) => {
  const config = await soundConfig(
    t,
    `version: 1
defaults: { auth: none, websocket: true }
${UPSTREAM}
routes:
  default: { match: GET /a, to: orders }
  times: { match: GET /b, to: orders, websocket: { max: 1h } }
  no: { match: GET /c, to: orders, websocket: false }
`,
  );
  assert.deepEqual({ ...config.routes.get('default')?.core.websocket }, { idle: 300_000, max: null });
  assert.deepEqual({ ...config.routes.get('times')?.core.websocket }, { idle: 300_000, max: 3_600_000 });
  assert.equal(config.routes.get('no')?.core.websocket, null);
});

test('every finding of a file is told at once, each where it is', async (t) => {
  const { config, findings } = await load(
    t,
    `version: 1
defaults: { auth: key }
plans: { pro: { limit: 10/s } }
tenants:
  acme: { plan: prro, limits: { lst: 5/s } }
upstreams: { orders: http://127.0.0.1:7001 }
routes:
  list: { match: GET /a, to: order }
  typo: { match: GET /b, to: orders, retires: 3 }
  same: { match: GET /a, to: orders }
  unit: { match: GET /c, to: orders, timeout: 5 }
`,
  );
  assert.equal(config, undefined);
  assert.deepEqual(told(findings), [
    '5:17 error unknown-plan',
    '5:38 error unknown-route',
    '8:30 error unknown-upstream',
    '9:38 error unknown-key',
    '10:18 error match-conflict',
    '11:47 error bad-value',
  ]);
  assert.match(findings[0]?.hint ?? '', /did you mean "pro"/);
  assert.match(findings[1]?.hint ?? '', /did you mean "list"/);
  assert.match(findings[2]?.hint ?? '', /did you mean "orders"/);
  assert.match(findings[3]?.message ?? '', /"retires" is not a route setting/);
  assert.match(findings[4]?.message ?? '', /"list" \(.*routes\.yaml:8\)/);
});

test('what is wrong in defaults is told once, and not blamed on the routes', async (t) => {
  const { findings } = await load(
    t,
    `version: 1
defaults: { auth: kye }
${UPSTREAM}
routes: { a: { match: GET /a, to: orders }, b: { match: GET /b, to: orders } }
`,
  );
  assert.equal(findings.length, 1);
  assert.equal(findings[0]?.at.line, 2);
});

test('a route that says nothing about auth does not load', async (t) => {
  const { findings } = await load(t, `version: 1\n${UPSTREAM}\nroutes:\n  open: { match: GET /a, to: orders }\n`);
  assert.equal(findings.length, 1);
  assert.match(findings[0]?.message ?? '', /a route needs "auth"/);
  assert.equal(findings[0]?.at.line, 4);
});

test('keys and units of later versions are refused as such', async (t) => {
  const file = ({ top = '', route = '' }) => `version: 1
${top}
plans: { pro: { limit: 9/s } }
tenants: { acme: { plan: pro } }
${UPSTREAM}
routes: { a: { match: GET /a, to: orders, auth: none, ${route} } }
`;
  const cases = {
    2: ['include: [x.yaml]', 'tests: []'].map((top) => ({ top })),
    6: ['idempotency: {}', 'on_store_down: open', 'cache: 5s', 'async: {}', 'webhook: {}', 'split: {}'].map(
      (route) => ({ route }),
    ),
  };
  for (const [line, parts] of Object.entries(cases)) {
    for (const part of parts) {
      const { findings, config } = await load(t, file(part));
      assert.equal(config, undefined);
      assert.deepEqual(
        findings.map(({ at, code, hint }) => [at.line, code, hint]),
        [[Number(line), 'unknown-key', 'reserved for a later version of Sluice']],
        JSON.stringify(part),
      );
    }
  }
  for (const unit of ['day', 'month']) {
    const { findings } = await load(t, file({ route: `limit: 9/${unit}` }).replace('9/s', `9/${unit}`));
    assert.deepEqual(
      findings.map(({ at, code, hint }) => [at.line, code, hint]),
      [3, 6].map((line) => [line, 'bad-value', 'calendar quotas are not built yet: use s, min or h']),
    );
  }
});

test('a setting that asks for required parts gets them from defaults', async (t) => {
  const text = (defaults: string) => `version: 1
defaults: { auth: none${defaults} }
${UPSTREAM}
routes: { a: { match: GET /a, to: orders, cors: { credentials: true } } }
`;
  await soundConfig(t, text(', cors: { origins: ["https://a.example"] }'));
  const { findings } = await load(t, text(''));
  assert.match(findings[0]?.message ?? '', /origins/);
});

test('settings that exclude each other are refused', async (t) => {
  const { findings } = await load(
    t,
    `version: 1
defaults: { auth: none }
${UPSTREAM}
routes:
  two: { match: GET /v1/a, to: orders, rewrite: /a, strip_prefix: /v1 }
  body: { match: GET /b, to: orders, websocket: true, body: { type: object } }
  post: { match: POST /c, to: orders, websocket: true }
  none: { match: GET /d, to: orders, fallback: { status: 204, body: {} } }
  burst: { match: GET /e, to: orders, limit: { rate: [1/s, 9/h], burst: 2 } }
`,
  );
  assert.deepEqual(
    told(findings).map((each) => each.split(' ')[2]),
    ['two-rewrites', 'websocket-body', 'websocket-method', 'fallback-body', 'burst-of-two'],
  );
});

test('one key in two tenants is an error that names both', async (t) => {
  const key = `sha256:${'a'.repeat(64)}`;
  const { findings } = await load(
    t,
    `version: 1
tenants:
  acme: { keys: "${key}" }
  bolt: { keys: "${key}" }
${UPSTREAM}
routes: { a: { match: GET /a, to: orders, auth: key } }
`,
  );
  assert.deepEqual(told(findings), ['4:17 error shared-key']);
  assert.match(findings[0]?.message ?? '', /"bolt" and "acme"/);
});

test('a schema file is checked, and what is wrong inside it is told at its own line', async (t) => {
  const text = `version: 1
defaults: { auth: none }
${UPSTREAM}
routes:
  good: { match: POST /a, to: orders, body: good.json }
  gone: { match: POST /b, to: orders, body: gone.json }
  broken: { match: POST /c, to: orders, body: broken.json }
`;
  const files = { 'good.json': '{ "type": "object" }', 'broken.json': '{\n  "type": "object",\n}' };
  const { findings, files: watched } = await load(t, text, files);
  assert.deepEqual(
    findings.map(({ at, code }) => `${basename(at.file)}:${at.line} ${code}`),
    ['broken.json:3 schema-json', 'routes.yaml:6 schema-file'],
  );
  assert.deepEqual(watched.map((file) => basename(file)).toSorted(), [
    'broken.json',
    'gone.json',
    'good.json',
    'routes.yaml',
  ]);
});

test('a missing variable is told once, and no other place repeats a secret', async (t) => {
  const text = `version: 1
tenants: { acme: { keys: "\${env:ACME_KEY}" } }
${UPSTREAM}
routes: { a: { match: GET /a, to: orders, auth: key, timeout: "\${env:TIMEOUT}" } }
`;
  const missing = await load(t, text, {}, { TIMEOUT: '5s' });
  assert.deepEqual(told(missing.findings), ['2:26 error missing-variable']);
  const wrong = await load(t, text, {}, { ACME_KEY: 'slc_0123456789abcdef', TIMEOUT: 'hunter2' });
  assert.equal(wrong.findings.length, 1);
  assert.doesNotMatch(JSON.stringify(wrong.findings), /hunter2/);
});

test('the hash follows the content of every file', async (t) => {
  const text = `version: 1
${UPSTREAM}
routes: { a: { match: POST /a, to: orders, auth: none, body: s.json } }
`;
  const folder = await temporaryDirectory(t, { 'routes.yaml': text, 's.json': '{"type":"object"}' });
  const hash = async (): Promise<string> => (await loadRoutes(join(folder, 'routes.yaml'), {})).hash;
  const one = await hash();
  assert.match(one, /^[0-9a-f]{16}$/);
  assert.equal(await hash(), one);
  await writeFile(join(folder, 's.json'), '{"type":"array"}');
  assert.notEqual(await hash(), one);
});

test('the hash tells a file that is missing, or something else, from an empty one', async (t) => {
  const folder = await temporaryDirectory(t, {});
  const file = join(folder, 'routes.yaml');
  const hashes: string[] = [];
  const note = async () => hashes.push((await loadRoutes(file, {})).hash);
  await note();
  await mkdir(file);
  await note();
  await rmdir(file);
  await symlink('/dev/zero', file);
  await note();
  await unlink(file);
  await writeFile(file, '');
  await note();
  assert.equal(new Set(hashes).size, hashes.length, hashes.join(' '));
});

test('a file that is missing, empty or no map is a finding', async (t) => {
  const missing = await loadRoutes('/no/such/routes.yaml', {});
  assert.deepEqual(told(missing.findings), ['1:1 error no-file']);
  for (const text of ['', '[]', 'routes', 'version: 2\nroutes: {}', 'routes: []', 'version: 1\nroutes: { a: 1 }']) {
    const { config, findings } = await load(t, text);
    assert.equal(config, undefined, text);
    assert.ok(findings.length > 0, text);
  }
});

test('a file that is cut off anywhere loads whole or is refused, and never throws', async (t) => {
  const whole = await readFile('routes.yaml', 'utf8');
  const env = Object.fromEntries(
    [...whole.matchAll(/\$\{env:(\w+)\}/g)].map(([, name]) => [name, `slc_0123456789abcdef_${name}`]),
  );
  for (let end = 0; end < whole.length; end += 41) {
    const { config, findings } = await load(t, whole.slice(0, end), {}, env);
    assert.equal(
      config === undefined,
      findings.some(({ severity }) => severity === 'error'),
      `cut at ${end}`,
    );
  }
});

test('a template that names no parameter is found by building the policies', async (t) => {
  const findings = await rehearsed(
    t,
    `version: 1
defaults: { auth: none }
${UPSTREAM}
routes:
  rewrite: { match: "GET /a/{id}", to: orders, rewrite: "/b/{ID}" }
  prefix: { match: GET /a, to: orders, strip_prefix: /b }
  module: { match: GET /c, to: orders, use: [./missing.ts] }
`,
  );
  assert.deepEqual(
    findings.map(({ at }) => at.line),
    [5, 6, 7],
  );
});

test('certificates that cannot be read are found by building the upstreams', async (t) => {
  const findings = await rehearsed(
    t,
    `version: 1
upstreams: { orders: { targets: https://127.0.0.1:7001, tls: { ca: no-such.pem } } }
routes: { a: { match: GET /a, to: orders, auth: none } }
`,
  );
  assert.deepEqual(told(findings), ['2:62 error tls-material']);
  assert.match(findings[0]?.message ?? '', /no-such\.pem/);
});

test('what building finds is told at once, whether in upstreams or policies, with what to do', async (t) => {
  const findings = await rehearsed(
    t,
    `version: 1
upstreams: { orders: { targets: https://127.0.0.1:7001, tls: { ca: no-such.pem } } }
routes: { a: { match: "GET /a/{id}", to: orders, auth: none, rewrite: "/b/{ID}" } }
`,
  );
  assert.deepEqual(told(findings), ['2:62 error tls-material', '3:71 error rewrite']);
  assert.match(findings[0]?.hint ?? '', /readable PEM/);
});

test('an upstream that does not exist is told of whatever else is wrong with the route', async (t) => {
  const { findings } = await load(
    t,
    `version: 1
${UPSTREAM}
routes:
  get:
    match: GET /a
    to: order
    auth: none
    retires: 3
`,
  );
  assert.deepEqual(told(findings), ['6:9 error unknown-upstream', '8:5 error unknown-key']);
  assert.equal(findings[0]?.hint, 'did you mean "orders"?');
});
