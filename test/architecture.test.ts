// The rules of docs/architecture.md that a machine can hold: which way folders depend, how large files grow, what they open with.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { suite, test } from 'node:test';

const ROOT = join(import.meta.dirname, '..');
const MAX_LINES = 400;

/** Leaves: anyone may import them. What they import themselves is below, as for any other. */
const LEAVES = ['schema', 'telemetry', 'places.ts', 'named-file.ts'];

/** What each folder of src/ may import besides itself and the leaves. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'places.ts': [],
  'named-file.ts': [],
  schema: [],
  // The access log reads the exchange and who it found.
  telemetry: ['exchange', 'tenant'],
  exchange: [],
  store: [],
  tenant: ['store'],
  resilience: ['exchange'],
  // What JSON is acceptable and fits its schema: of clients and of third parties.
  json: ['exchange'],
  upstream: ['resilience', 'exchange', 'store'],
  // A third party is called by its own client; sockets and TLS are made as for own services.
  integration: ['upstream', 'resilience', 'json', 'exchange', 'tenant', 'store'],
  policies: ['json', 'exchange', 'tenant', 'store'],
  route: ['policies', 'exchange', 'tenant'],
  edge: ['route', 'policies', 'exchange', 'tenant'],
};

/** These put the parts together and may import anything. */
const COMPOSERS = ['config', 'admin', 'cli', 'main.ts', 'index.ts', 'gateway.ts', 'create-gateway.ts', 'version.ts'];

interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

const sources = filesUnder('src');
const tests = filesUnder('test');
const imports = sources.flatMap(importsOf);

suite('dependencies point one way', () => {
  test('a folder imports only the folders below it', () => {
    const wrong = imports.filter(({ from, to, typeOnly }) => {
      const [upper, lower] = [folderOf(from), folderOf(to)];
      if (upper === lower || COMPOSERS.includes(upper) || LEAVES.includes(lower)) return false;
      // The exchange names everyone's types and runs nobody's code.
      if (upper === 'exchange' && typeOnly) return false;
      return !MAY_IMPORT[upper]?.includes(lower);
    });
    assert.deepEqual(wrong.map(show), []);
  });

  test('every folder of src/ has its place in the order', () => {
    const known = new Set([...Object.keys(MAY_IMPORT), ...COMPOSERS]);
    assert.deepEqual(
      [...new Set(sources.map(({ path }) => folderOf(path)))].filter((folder) => !known.has(folder)),
      [],
    );
  });

  test('files do not import each other in a circle', () => {
    const runtime = Map.groupBy(
      imports.filter(({ typeOnly }) => !typeOnly),
      ({ from }) => from,
    );
    const done = new Set<string>();
    const visit = (file: string, trail: readonly string[]): void => {
      assert.ok(!trail.includes(file), `import cycle: ${[...trail.slice(trail.indexOf(file)), file].join(' → ')}`);
      if (done.has(file)) return;
      for (const { to } of runtime.get(file) ?? []) visit(to, [...trail, file]);
      done.add(file);
    };
    for (const { path } of sources) visit(path, []);
  });

  test('src/ imports nothing from test/, examples/ or bench/', () => {
    assert.deepEqual(imports.filter(({ to }) => !to.startsWith('src/')).map(show), []);
  });
});

suite('files', () => {
  test(`have at most ${MAX_LINES} lines`, () => {
    const long = [...sources, ...tests].filter(({ text }) => text.split('\n').length - 1 > MAX_LINES);
    assert.deepEqual(
      long.map(({ path }) => path),
      [],
    );
  });

  test('open with a comment saying what they are for', () => {
    const silent = [...sources, ...tests.filter(({ path }) => !path.endsWith('.test.ts'))].filter(
      ({ text }) => !/^(#!.*\n)?\/\/ \S/.test(text),
    );
    assert.deepEqual(
      silent.map(({ path }) => path),
      [],
    );
  });

  test('are named after the one thing they hold', () => {
    const vague = /(^|\/)(utils?|helpers?|common|misc|shared)(\/|\.ts$)|(^|\/)types\.ts$/;
    assert.deepEqual(
      sources.filter(({ path }) => vague.test(path)).map(({ path }) => path),
      [],
    );
  });

  test('have lower-case names with hyphens', () => {
    const odd = [...sources, ...tests].filter(({ path }) => !/^[a-z0-9./-]+$/.test(path));
    assert.deepEqual(
      odd.map(({ path }) => path),
      [],
    );
  });

  test('write to the console in the command line only', () => {
    const loud = sources.filter(({ path, text }) => folderOf(path) !== 'cli' && /\bconsole\.\w+\(/.test(text));
    assert.deepEqual(
      loud.map(({ path }) => path),
      [],
    );
  });

  test('leave nothing for later', () => {
    const unfinished = sources.filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(text));
    assert.deepEqual(
      unfinished.map(({ path }) => path),
      [],
    );
  });
});

suite('tests', () => {
  test('stand in the folder of what they test', () => {
    const folders = new Set(sources.map(({ path }) => dirname(path).replace(/^src/, 'test')));
    const freestanding = new Set(['test', 'test/flow', 'test/regressions', 'test/support', 'test/support/preload']);
    const stray = tests.filter(({ path }) => !folders.has(dirname(path)) && !freestanding.has(dirname(path)));
    assert.deepEqual(
      stray.map(({ path }) => path),
      [],
    );
  });

  test('are neither skipped, singled out nor promised', () => {
    const partial = tests.filter(({ text }) =>
      /\b(test|it|suite|describe|t)\.(skip|only|todo)\(|[{,]\s*(skip|only|todo): /.test(text),
    );
    assert.deepEqual(
      partial.map(({ path }) => path),
      [],
    );
  });
});

function filesUnder(folder: string): SourceFile[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const file = join(entry.parentPath, entry.name);
      return { path: relative(ROOT, file).replaceAll('\\', '/'), text: readFileSync(file, 'utf8') };
    })
    .toSorted((a, b) => a.path.localeCompare(b.path));
}

/** Relative imports and re-exports of a file, static and dynamic. */
function importsOf({ path, text }: SourceFile): Import[] {
  const statements =
    /^(?:import|export)\s+(type\s)?[^'";]*?from\s+'(\.[^']+)'|^import\s+'(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm;
  return [...text.matchAll(statements)].map(([, type, from, bare, dynamic]) => ({
    from: path,
    to: join(dirname(path), from ?? bare ?? dynamic ?? '').replaceAll('\\', '/'),
    typeOnly: type !== undefined,
  }));
}

/** `src/route/table.ts` → `route`; `src/gateway.ts` → `gateway.ts`. */
function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function show({ from, to }: Import): string {
  return `${from} → ${to}`;
}
