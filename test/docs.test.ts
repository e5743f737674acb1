// The pages say what the code does: error codes, settings, links, commands.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { SETTINGS_PAGE, settingsPage } from '../docs/generate.ts';
import { METRICS_PAGE, metricsPage } from '../docs/metrics-page.ts';
import { verbs } from '../src/cli/verbs.ts';
import { loadRoutes } from '../src/config/load/load-routes.ts';
import { temporaryDirectory } from './support/files.ts';
import { startGateway } from './support/gateway.ts';
import { assertGenerated } from './support/generated.ts';
import { closedPort } from './support/ports.ts';

const ROOT = join(import.meta.dirname, '..');
const pages = ['README.md', 'CONTEXT.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: ROOT })];

suite('pages', () => {
  test('link to what exists', () => {
    const dead = pages.flatMap((page) =>
      linksOf(page)
        .filter((link) => !/^[a-z]+:/.test(link) && !reaches(page, link))
        .map((link) => `${page}: ${link}`),
    );
    assert.deepEqual(dead, []);
  });

  test('name npm scripts that exist', () => {
    const scripts = new Set(Object.keys(JSON.parse(read('package.json')).scripts));
    const unknown = pages.flatMap((page) =>
      [...read(page).matchAll(/npm run ([a-z:]+)/g)]
        .map(([, name]) => String(name))
        .filter((name) => !scripts.has(name)),
    );
    assert.deepEqual(unknown, []);
  });
});

suite('README.md', () => {
  test('shows a routes file that has no errors', async (t) => {
    const [, example = ''] = /^```yaml\n([\s\S]*?)^```/m.exec(read('README.md')) ?? [];
    const schema = 'config/schemas/order.json';
    const directory = await temporaryDirectory(t, { 'routes.yaml': example, [schema]: read(schema) });
    const { config, findings } = await loadRoutes(join(directory, 'routes.yaml'), { ACME_KEY: 'a-key-of-this-test' });
    assert.deepEqual(findings, []);
    assert.ok(config?.routes.has('create-order'));
  });

  test('lists the verbs there are', () => {
    const listed = [...read('README.md').matchAll(/^\| `([a-z]+)(?: [^`]+)?` \|/gm)].map(([, verb]) => verb);
    assert.deepEqual(
      listed,
      verbs.map(({ name }) => name),
    );
  });
});

suite('docs/settings.md', () => {
  test('is what `npm run docs` writes', () => {
    assertGenerated(SETTINGS_PAGE, settingsPage());
  });
});

suite('docs/metrics.md', () => {
  test('is what `npm run docs` writes', () => {
    assertGenerated(METRICS_PAGE, metricsPage());
  });
});

suite('docs/logs.md', () => {
  test('lists every event that is logged, and no other', () => {
    const logged = globSync('src/**/*.ts', { cwd: ROOT }).flatMap((file) => eventsIn(read(file)));
    assert.ok(logged.length > 0);
    assert.deepEqual([...listedUnder('## Events')].toSorted(), [...new Set(logged)].toSorted());
  });

  test('lists every field of the access log, and no other', () => {
    const written = [...read('src/telemetry/access-log.ts').matchAll(/[`'"{,]"([a-z_]+)":/g)].map(([, name]) =>
      String(name),
    );
    assert.deepEqual([...listedUnder('## The access log')].toSorted(), [...new Set(written)].toSorted());
  });
});

suite('docs/admin.md', () => {
  test('lists every field of the status, and no other', async (t) => {
    const [one, other] = [await closedPort(), await closedPort()];
    const eject = { failures: 1, max: '50%' };
    const routes = (limit: string): Record<string, unknown> => ({
      version: 1,
      upstreams: {
        dead: {
          targets: [`http://127.0.0.1:${one}`, `http://127.0.0.1:${other}`],
          breaker: { min: 2, open: '1h' },
          eject,
        },
      },
      integrations: { third: { url: 'http://127.0.0.1:9', pace: '1/s' } },
      routes: { any: { match: '/', to: 'dead', auth: 'none', limit } },
    });
    const gateway = await startGateway(t, { routes: routes('100/s') });
    await fetch(gateway.url);
    await gateway.process.writeRoutes(routes('200/s'));
    await gateway.log.until((line) => line.event === 'config_reloaded');
    await gateway.process.writeRoutes({ ...routes('1/s'), upstream: {} });
    await gateway.log.until((line) => line.event === 'config_refused');
    const status: unknown = await (await fetch(`${gateway.adminUrl}/api/status`)).json();
    const [, section = ''] = read('docs/admin.md').split('## The status\n');
    const listed = [...section.matchAll(/`(\w+)`/g)].map(([, name]) => String(name)).filter((name) => !SAID.has(name));
    assert.deepEqual([...new Set(listed)].toSorted(), [...new Set(fieldsIn(status))].toSorted());
  });
});

suite('docs/errors.md', () => {
  test('lists every problem Sluice can answer with, and no other', async (t) => {
    const declared = await declaredProblems(t);
    assert.ok(declared.size > 0);
    const listed = new Map(
      [...read('docs/errors.md').matchAll(/^\| `([a-z_.]+)` \| (\d{3}) \| ([^|]+) \| ([^|]*) \|/gm)].map(
        ([, code = '', status, title, proxyError]) => [code, `${status} ${title} ${proxyError?.replaceAll('`', '')}`],
      ),
    );
    const without = (known: ReadonlyMap<string, string>) => (line: readonly [string, string]) =>
      known.get(line[0]) !== line[1];
    assert.deepEqual([...declared].filter(without(listed)), [], 'to be added or corrected in docs/errors.md');
    assert.deepEqual([...listed].filter(without(declared)), [], 'to be removed from docs/errors.md');
  });
});

/** Names of events in a source file: what stands after the level, in the words of an event. */
function eventsIn(text: string): string[] {
  const calls = text.matchAll(/(?:\.log|#event|onEvent)\(([^;{]*)/g);
  return [...calls]
    .flatMap(([, call = '']) => [...call.matchAll(/'([a-z]+(?:_[a-z]+)*)'|`breaker_\$/g)])
    .flatMap(([, name]) => name ?? ['breaker_closed', 'breaker_open', 'breaker_half_open'])
    .filter((word) => !LEVELS.has(word));
}

const LEVELS = new Set(['debug', 'info', 'warn', 'error', 'open']);

/** Words of docs/admin.md that are values or names, not fields. */
const SAID = new Set(['loaded', 'refused', 'failed', 'unchanged', 'none', 'sluice_config_info', 'memory', 'time']);
/** Fields of the status whose own fields are names that a configuration gives, or kinds of them. */
const BY_NAME = new Set(['upstreams', 'integrations', 'route_breakers', 'next_probes', 'added', 'removed', 'changed']);

/** Names of all fields, at any depth, but those that a configuration gives. */
function fieldsIn(value: unknown, parent = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => fieldsIn(each));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) =>
    BY_NAME.has(parent) ? fieldsIn(each) : [name, ...fieldsIn(each, name)],
  );
}

/** What the tables of a section of docs/logs.md list in their first column. */
function listedUnder(heading: string): Set<string> {
  const [, section = ''] = read('docs/logs.md').split(`${heading}\n`);
  const [own = ''] = section.split(/^## /m);
  return new Set(
    [...own.matchAll(/^\| ((?:`[a-z_]+`(?:, )?)+) \|/gm)].flatMap(([, cell = '']) => cell.match(/[a-z_]+/g) ?? []),
  );
}

/** Code → status, title and Proxy-Status error of every problem that any module declares, exported or not. */
async function declaredProblems(t: TestContext): Promise<Map<string, string>> {
  const declared = new Map<string, string>();
  // `defineProblem` freezes what it makes, which is how problems that stay inside their module are seen, too.
  t.mock.method(Object, 'freeze', (value: unknown) => {
    if (isProblem(value)) declared.set(value.code, `${value.status} ${value.title} ${value.proxyError}`);
    return value;
  });
  for (const file of globSync('src/**/*.ts', { cwd: ROOT })) {
    if (!read(file).includes('defineProblem(')) continue;
    // The query loads the module anew although an import has run it before.
    await import(`${pathToFileURL(join(ROOT, file)).href}?problems`);
  }
  return declared;
}

function isProblem(value: unknown): value is { code: string; status: number; title: string; proxyError: string } {
  return typeof value === 'object' && value !== null && 'code' in value && 'proxyError' in value;
}

/** Targets of inline links, without those in code blocks. */
function linksOf(page: string): string[] {
  const text = read(page).replace(/^```[\s\S]*?^```/gm, '');
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => String(link));
}

function reaches(page: string, link: string): boolean {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(ROOT, target))) return false;
  if (anchor === undefined || !target.endsWith('.md')) return true;
  return [...read(target).matchAll(/^#+ (.+)$/gm)].some(([, heading]) => slug(String(heading)) === anchor);
}

/** The anchor that forges give a heading. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}
