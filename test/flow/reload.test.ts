// Edited files under a running gateway: whatever way they change, the new content serves; whatever is wrong, the last good does.
import assert from 'node:assert/strict';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import type { LogLine } from '../support/log-lines.ts';
import { Observed } from '../support/observed.ts';
import { startOrigin } from '../support/origin.ts';
import { eventually } from '../support/wait.ts';

const KEY = 'acme-secret-one-aaaaaaaa';
const NEXT = 'acme-secret-two-bbbbbbbb';

const MARK = `import { label } from './label.ts';
export default (_req: unknown, res: { setHeader(name: string, value: string): void }, next: () => void) => {
  res.setHeader('x-mark', 'first ' + label);
  next();
};`;

/** routes.yaml with one open route at `path`, and others that need a key, a schema and a plugin. */
const routes = (upstream: string, path = '/open', more = ''): string => `version: 1
upstreams: { origin: ${upstream} }
tenants:
  acme: { keys: "\${file:secrets/key}" }
routes:
  open: { match: GET ${path}, to: origin, auth: none }
  keyed: { match: GET /keyed, to: origin, auth: key }
  body: { match: POST /body, to: origin, auth: none, body: schemas/order.json }
  marked: { match: GET /marked, to: origin, auth: none, use: ./plugins/mark.ts }
${more}`;

const FILES = {
  'secrets/key': `${KEY}\n`,
  'schemas/order.json': '{ "type": "object" }',
  'plugins/mark.ts': MARK,
  'plugins/label.ts': "export const label: string = 'label';",
};

test('every way to change a file', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, { routes: routes(origin.url), files: FILES });
  const at = (path: string): string => join(gateway.process.directory, path);
  const get = (path: string, headers: Record<string, string> = {}) => fetch(gateway.url + path, { headers });
  const status = async (path: string): Promise<number> => (await get(path)).status;

  await t.test('written in place', async () => {
    await reloaded(gateway, () => writeFile(at('routes.yaml'), routes(origin.url, '/two')));
    assert.deepEqual([await status('/two'), await status('/open')], [200, 404]);
  });

  await t.test('renamed into place, as editors and deploy tools do', async () => {
    await writeFile(at('routes.next'), routes(origin.url, '/three'));
    await reloaded(gateway, () => rename(at('routes.next'), at('routes.yaml')));
    assert.deepEqual([await status('/three'), await status('/two')], [200, 404]);
  });

  await t.test('a link two folders up is swapped, as Kubernetes mounts a ConfigMap', async () => {
    for (const [version, path] of [
      ['..v1', '/mounted-1'],
      ['..v2', '/mounted-2'],
    ] as const) {
      await mkdir(at(version));
      await writeFile(join(at(version), 'routes.yaml'), routes(origin.url, path));
    }
    const link = (to: string, path: string): Promise<void> =>
      symlink(to, at('link')).then(() => rename(at('link'), at(path)));
    await link('..v1', '..data');
    await reloaded(gateway, () => link('..data/routes.yaml', 'routes.yaml'));
    assert.equal(await status('/mounted-1'), 200);
    await reloaded(gateway, () => link('..v2', '..data'));
    assert.deepEqual([await status('/mounted-2'), await status('/mounted-1')], [200, 404]);
  });

  await t.test('a schema file', async () => {
    const send = async (): Promise<number> => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(`${gateway.url}/body`, { method: 'POST', headers, body: '{}' })).status;
    };
    assert.equal(await send(), 200);
    await reloaded(gateway, () => writeFile(at('schemas/order.json'), '{ "type": "object", "required": ["id"] }'));
    assert.equal(await send(), 422);
  });

  await t.test('a secret', async () => {
    assert.equal((await get('/keyed', { 'x-api-key': KEY })).status, 200);
    await reloaded(gateway, () => writeFile(at('secrets/key'), NEXT));
    assert.equal((await get('/keyed', { 'x-api-key': KEY })).status, 401);
    assert.equal((await get('/keyed', { 'x-api-key': NEXT })).status, 200);
  });

  await t.test('an own module, and a file that it imports', async () => {
    const mark = async (): Promise<string | null> => (await get('/marked')).headers.get('x-mark');
    assert.equal(await mark(), 'first label');
    const edited = await reloaded(gateway, () => writeFile(at('plugins/mark.ts'), MARK.replace('first', 'second')));
    assert.equal(await mark(), 'second label');
    const again = await reloaded(gateway, () =>
      writeFile(at('plugins/label.ts'), "export const label: string = 'edited label';"),
    );
    assert.equal(await mark(), 'second edited label');
    assert.notEqual(again['hash'], edited['hash']);
  });

  await t.test('a module that breaks is refused, and taken once it is repaired', async () => {
    const broken = await refused(gateway, () => replace(at('plugins/label.ts'), 'export const label = ;'));
    assert.match(JSON.stringify(broken['findings']), /routes\.yaml:9:62.*cannot be loaded: .*plugins\/label\.ts:1\)/);
    assert.equal((await get('/marked')).headers.get('x-mark'), 'second edited label');
    await reloaded(gateway, () => writeFile(at('plugins/label.ts'), "export const label: string = 'repaired';"));
    assert.equal((await get('/marked')).headers.get('x-mark'), 'second repaired');
  });

  await t.test('SIGHUP reads what has not changed, and changes nothing', async () => {
    const reloads = async (): Promise<readonly { result: string }[]> => {
      const answer = await fetch(`${gateway.adminUrl}/api/status`, { headers: { connection: 'close' } });
      const shown: { reloads: readonly { result: string }[] } = JSON.parse(await answer.text());
      return shown.reloads;
    };
    gateway.process.kill('SIGHUP');
    await eventually(async () => (await reloads())[0]?.result === 'unchanged', 'reload that finds nothing new');
    assert.equal(await status('/mounted-2'), 200);
  });

  await t.test('a log file that grows beside it is no change', async () => {
    const mark = gateway.log.lines.length;
    for (let i = 0; i < 20; i++) await writeFile(at('other.log'), 'x'.repeat(i));
    await reloaded(gateway, () => writeFile(at('schemas/order.json'), '{ "type": "object" }'));
    assert.equal(gateway.log.lines.slice(mark).filter(({ event }) => event === 'config_reloaded').length, 1);
  });

  await t.test('the process settings need a restart, and say so', async () => {
    const told = async (text: string, event: string): Promise<LogLine> => {
      const mark = gateway.log.lines.length;
      await writeFile(at('gateway.yaml'), text);
      return gateway.log.until((line) => line.event === event, mark);
    };
    const needed = await told('{ "log": { "access": false } }', 'restart_needed');
    assert.deepEqual(needed['changed'], ['log']);
    const failing = await told('log: { acces: false }', 'restart_would_fail');
    assert.match(JSON.stringify(failing['findings']), /gateway\.yaml:1:8.*unknown-key/);
    assert.equal(await status('/mounted-2'), 200);
  });
});

test('whatever is wrong with the file, the last good one serves', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, { routes: routes(origin.url), files: FILES });
  const observed = new Observed(gateway);
  const file = join(gateway.process.directory, 'routes.yaml');
  const good = await readFile(file, 'utf8');
  const successful = (): Promise<number> => observed.metric('sluice_config_last_reload_successful');

  const broken: Readonly<Record<string, { text: string; at: RegExp }>> = {
    'truncated in the middle of a value': { text: good.slice(0, good.indexOf('/keyed') - 9), at: /:\d+:\d+/ },
    emptied: { text: '', at: /routes\.yaml:1:1/ },
    'ten times over': { text: good.repeat(10), at: /routes\.yaml:\d+:1/ },
    'half written, the rest zeroes': { text: good.slice(0, 200) + '\0'.repeat(200), at: /:\d+:\d+/ },
    'not text': { text: '\u0000\u0001\ufffd{{{', at: /routes\.yaml:1:\d+/ },
    'an unknown key': { text: good.replace('auth: none }', 'auth: none, retires: 3 }'), at: /routes\.yaml:6:53/ },
  };
  for (const [name, { text, at }] of Object.entries(broken)) {
    await t.test(name, async () => {
      const said = gateway.process.stderr.length;
      const line = await refused(gateway, () => replace(file, text));
      assert.match(JSON.stringify(line['findings']), at);
      assert.match(gateway.process.stderr.slice(said), at);
      assert.equal(await successful(), 0);
      assert.equal((await fetch(`${gateway.url}/open`)).status, 200);
      await reloaded(gateway, () => writeFile(file, good.replace('/open', `/${encodeURIComponent(name)}`)));
      assert.equal(await successful(), 1);
      await reloaded(gateway, () => writeFile(file, good));
    });
  }

  await t.test('read again as it is, it is no better', async () => {
    const status = async (): Promise<Record<string, unknown>> => {
      const answer = await fetch(`${gateway.adminUrl}/api/status`, { headers: { connection: 'close' } });
      return JSON.parse(await answer.text());
    };
    const newest = async (): Promise<string> => JSON.stringify((await status())['reloads']).split('}')[0] ?? '';
    await refused(gateway, () => writeFile(file, 'version: 1\nroutes: []\n'));
    // A file that was being read while it was written is looked at once more, whatever the signal says.
    await eventually(async () => {
      gateway.process.kill('SIGHUP');
      return (await newest()).includes('"unchanged"');
    }, 'reload that finds nothing new');
    assert.equal((await status())['last_reload_successful'], false);
    assert.match(JSON.stringify((await status())['last_reload_findings']), /routes\.yaml:2/);
    assert.equal(await successful(), 0);
    await reloaded(gateway, () => writeFile(file, good));
    assert.equal((await status())['last_reload_successful'], true);
  });

  await t.test('removed', async () => {
    await refused(gateway, () => rm(file));
    assert.equal((await fetch(`${gateway.url}/open`)).status, 200);
    await reloaded(gateway, () => writeFile(file, good));
    assert.equal(await successful(), 1);
  });

  await t.test('ten times its size, and sound: it is loaded whole', async () => {
    const more = Array.from({ length: 60 }, (_, i) => `  r${i}: { match: GET /r/${i}, to: origin, auth: none }`);
    const line = await reloaded(gateway, () => writeFile(file, `${good}${more.join('\n')}\n`));
    assert.equal(line['routes'], 64);
    assert.equal((await fetch(`${gateway.url}/r/59`)).status, 200);
  });
});

test('a reload that fails for another reason than the file says so, and can be tried again', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, {
    routes: routes(origin.url),
    files: FILES,
    env: { NODE_OPTIONS: `--import=${import.meta.resolve('../support/preload/failing-thread.ts')}` },
  });
  const status = async (): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${gateway.adminUrl}/api/status`, { headers: { connection: 'close' } });
    return JSON.parse(await answer.text());
  };
  const failed = gateway.log.until((line) => line.event === 'config_load_failed');
  await gateway.process.writeRoutes(routes(origin.url, '/two'));
  await failed;
  assert.equal((await fetch(`${gateway.url}/open`)).status, 200);
  const { last_reload_successful, last_reload_findings, reloads } = await status();
  assert.equal(last_reload_successful, false);
  assert.match(JSON.stringify(last_reload_findings), /routes\.yaml:1:1.*load-failed.*ended without an answer.*SIGHUP/);
  assert.match(JSON.stringify(reloads), /^\[\{"at":"[^"]+","result":"failed","hash":"","errors":1\},\{[^}]*"loaded"/);

  gateway.process.kill('SIGUSR2');
  await reloaded(gateway, async () => gateway.process.kill('SIGHUP'));
  assert.equal((await fetch(`${gateway.url}/two`)).status, 200);
  assert.deepEqual((await status())['last_reload_findings'], []);
});

test('no request fails over twenty reloads under load', async (t) => {
  const origin = await startOrigin(t);
  const gateway = await startGateway(t, { routes: routes(origin.url), files: FILES });
  let failed = 0;
  let answered = 0;
  const stop = new AbortController();
  const client = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const answer = await fetch(`${gateway.url}/open`).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.status === 200) answered++;
      else failed++;
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let i = 0; i < 20; i++) {
    const more = `  extra-${i}: { match: GET /extra/${i}, to: origin, auth: none, breaker: { open: ${i + 1}s } }\n`;
    await reloaded(gateway, () => gateway.process.writeRoutes(routes(origin.url, '/open', more)));
  }
  stop.abort();
  await Promise.all(clients);
  assert.equal(failed, 0);
  assert.ok(answered > 100, `${answered} requests`);
  // The upstream did not change: its connections were kept over all of it.
  assert.ok(origin.accepted <= 8, `${origin.accepted} connections`);
  await new Observed(gateway).atRest();
});

/** At once, so that nobody reads half of it. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.next`, text);
  await rename(`${file}.next`, file);
}

async function reloaded(gateway: RunningGateway, change: () => Promise<void>): Promise<LogLine> {
  return after(gateway, change, 'config_reloaded');
}

async function refused(gateway: RunningGateway, change: () => Promise<void>): Promise<LogLine> {
  return after(gateway, change, 'config_refused');
}

async function after(gateway: RunningGateway, change: () => Promise<void>, event: string): Promise<LogLine> {
  const mark = gateway.log.lines.length;
  await change();
  return gateway.log.until((line) => line.event === event, mark);
}
