import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ConfiguredModules, ModuleLoader } from '../../src/policies/module-loader.ts';
import { use } from '../../src/policies/use.ts';
import { buildPolicy, gate, onExchange, recordingEnv, soundPolicy } from '../support/policies.ts';

const SCHEMA = pathToFileURL(resolve('src/schema/schema.ts')).href;
const POLICY = `
import * as s from '${SCHEMA}';
export default {
  name: 'audit',
  summary: 'Marks requests',
  schema: s.object({ header: s.string({ doc: 'Header', default: 'x-audit' }) }, { doc: 'Audit' }),
  create: ({ header }: { header: string }) => ({
    onRequest(x: { setRequestHeader(name: string, value: string): void }) { x.setRequestHeader(header, 'yes'); },
  }),
};`;

let folder = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-use-'));
});
after(async () => {
  await rm(folder, { recursive: true });
});

const from = (): string => join(folder, 'routes.yaml');

async function write(name: string, source: string): Promise<string> {
  await writeFile(join(folder, name), source);
  return `./${name}`;
}

async function faults(setting: unknown): Promise<string> {
  const env = recordingEnv();
  await buildPolicy(use, setting, env, from());
  return env.found.map(({ message }) => message).join('\n');
}

async function load(loader: ModuleLoader, specifier: string): Promise<unknown> {
  const { loaded } = await loader.load({ specifier, from: from() });
  assert.ok('exported' in loaded, 'the module loads');
  return loaded.exported;
}

describe('use', () => {
  it('runs an own policy, written in TypeScript, with its settings', async () => {
    const module = await write('audit.ts', POLICY);
    const policy = await soundPolicy(use, [module, { module, with: { header: 'x-mine' } }], recordingEnv(), from());
    const edits = await onExchange(async (x) => {
      assert.equal(await policy.onRequest?.(x), undefined);
      return x.requestHeaderEdits;
    });
    assert.deepEqual(edits, ['x-audit', 'yes', 'x-mine', 'yes']);
  });

  it('checks the settings of an own policy against its schema', async () => {
    const module = await write('audit-2.ts', POLICY);
    assert.match(await faults({ module, with: { heade: 'x' } }), /"heade"/);
  });

  it('runs Express middleware: helmet sets its headers and the request goes on', async () => {
    const policy = await soundPolicy(use, ['helmet', { module: 'helmet', with: { hsts: false } }], recordingEnv());
    let answer: Response | undefined;
    await onExchange(
      async (x) => assert.equal(await policy.onRequest?.(x), undefined),
      {},
      (seen) => {
        answer = seen;
      },
    );
    assert.equal(answer?.headers.get('x-content-type-options'), 'nosniff');
  });

  it('stops where middleware answers by itself, at once or later, and runs nothing after it', async () => {
    const now = await write('now.mjs', 'export default (req, res, next) => { res.statusCode = 418; res.end("tea"); };');
    const later = await write(
      'later.mjs',
      'export default (req, res, next) => { setImmediate(() => res.writeHead(418).end()); };',
    );
    const last = await write(
      'after.mjs',
      'export default (req, res, next) => { res.setHeader("x-after", "1"); next(); };',
    );
    for (const module of [now, later]) {
      const policy = await soundPolicy(use, [module, last], recordingEnv(), from());
      let answer: Response | undefined;
      const status = await onExchange(
        async (x) => {
          assert.equal(await policy.onRequest?.(x), 'answered');
          return x.status;
        },
        {},
        (seen) => {
          answer = seen;
        },
      );
      assert.deepEqual([status, answer?.status, answer?.headers.get('x-after')], [418, 418, null]);
    }
  });

  it('throws what middleware fails with', async () => {
    const fails = {
      'next.mjs': 'export default (req, res, next) => next(new Error("boom"));',
      'throw.mjs': 'export default (req, res, next) => { throw new Error("boom"); };',
      'reject.mjs': 'export default async (req, res, next) => { await null; throw new Error("boom"); };',
    };
    for (const [name, source] of Object.entries(fails)) {
      const policy = await soundPolicy(use, await write(name, source), recordingEnv(), from());
      await assert.rejects(gate(policy), /boom/, name);
    }
  });

  it('unwinds only what was entered, in reverse', async () => {
    const source = (name: string, verdict: string): string => `
      import * as s from '${SCHEMA}';
      const note = (x, what) => { x.reason += what + ' '; };
      export default { name: '${name}', summary: '', schema: s.object({}, { doc: '' }), create: () => ({
        onRequest(x) { note(x, '>${name}'); return ${verdict}; },
        onResponse(x) { note(x, '<${name}'); },
        onEnd(x) { note(x, '.${name}'); },
      }) };`;
    const modules = [
      await write('a.mjs', source('a', 'Promise.resolve(undefined)')),
      await write('b.mjs', source('b', "'answered'")),
      await write('c.mjs', source('c', 'undefined')),
    ];
    const policy = await soundPolicy(use, modules, recordingEnv(), from());
    const trace = await onExchange(async (x) => {
      assert.equal(await policy.onRequest?.(x), 'answered');
      policy.onResponse?.(x);
      policy.onEnd?.(x);
      return x.reason;
    });
    assert.equal(trace.trim(), '>a >b <b <a .b .a');
  });

  it('reports modules that cannot be used', async () => {
    assert.match(await faults('./none.ts'), /"\.\/none\.ts" was not found/);
    assert.match(await faults('no-such-package'), /was not found/);
    assert.match(await faults(await write('throws.mjs', 'throw new Error("at load")')), /cannot be loaded: at load/);
    assert.match(await faults(await write('empty.mjs', 'export const x = 1;')), /has no default export/);
    assert.match(await faults(await write('shape.mjs', 'export default { name: "x" };')), /neither a policy nor/);
    assert.match(await faults(await write('error.mjs', 'export default (e, req, res, next) => {};')), /error-handling/);
    assert.match(
      await faults(await write('factory.mjs', 'export default () => 1;')),
      /does not make Express middleware/,
    );
  });
});

describe('ModuleLoader', () => {
  it('loads an unchanged module once, and an edited one anew', async () => {
    const modules = new ModuleLoader();
    const specifier = await write('state.mjs', 'export default { made: Symbol() };');
    const first = await load(modules, specifier);
    assert.equal(await load(modules, specifier), first);
    await write('state.mjs', 'export default { made: Symbol(), edited: true };');
    const second = await load(modules, specifier);
    assert.notEqual(second, first);
    assert.equal(await load(modules, specifier), second);
  });

  it('sees an edit two imports away, and names every file to watch', async () => {
    const modules = new ModuleLoader();
    await write('deep.ts', 'export const value: number = 1;');
    await write('middle.ts', "export { value } from './deep.ts';");
    const specifier = await write('top.ts', "import { value } from './middle.ts'; export default value;");
    const { files } = await modules.load({ specifier, from: from() });
    const paths = ['deep.ts', 'middle.ts', 'top.ts'].map((name) => join(folder, name));
    assert.deepEqual([...files.keys()].toSorted(), paths);
    assert.equal(await load(modules, specifier), 1);
    await write('deep.ts', 'export const value: number = 2;');
    assert.equal(await load(modules, specifier), 2);
  });

  for (const extension of ['cjs', 'js']) {
    it(`reads edited CommonJS again: .${extension}`, async () => {
      const modules = new ModuleLoader();
      const inner = await write(`inner.${extension}`, 'module.exports = 1;');
      const specifier = await write(`outer.${extension}`, `module.exports = { value: require('${inner}') };`);
      for (const value of [1, 2, 3]) {
        await write(inner, `module.exports = ${value};`);
        assert.deepEqual(await load(modules, specifier), { value });
      }
    });
  }

  it('gives a module the running instance of Sluice, never a copy', async () => {
    const modules = new ModuleLoader();
    const specifier = await write('same.ts', `import { object } from '${SCHEMA}'; export default object;`);
    const { object } = await import('../../src/schema/schema.ts');
    assert.equal(await load(modules, specifier), object);
  });

  it('can be repaired after it failed', async () => {
    const modules = new ModuleLoader();
    const specifier = await write('broken.ts', 'export default {{');
    assert.ok('error' in (await modules.load({ specifier, from: from() })).loaded);
    await write('broken.ts', 'export default 1;');
    assert.equal(await load(modules, specifier), 1);
  });
});

describe('the modules of one configuration', () => {
  it('stay as they were loaded, and know when their files no longer are', async () => {
    const loader = new ModuleLoader();
    const modules = new ConfiguredModules(loader);
    await write('inside.mjs', 'export default 1;');
    const specifier = await write('outside.mjs', "export { default } from './inside.mjs';");
    const reference = { specifier, from: from() };
    assert.deepEqual(await modules.load(reference), { exported: 1 });
    assert.equal(modules.areCurrent, true);
    await write('inside.mjs', 'export default 2;');
    assert.deepEqual(await modules.load(reference), { exported: 1 });
    assert.equal(modules.areCurrent, false);
    assert.deepEqual(await new ConfiguredModules(loader).load(reference), { exported: 2 });
  });

  it('wait for files that are missing', async () => {
    const modules = new ConfiguredModules(new ModuleLoader());
    const specifier = await write('needs.mjs', "import './not-yet.mjs'; export default 1;");
    assert.ok('error' in (await modules.load({ specifier, from: from() })));
    assert.ok('error' in (await modules.load({ specifier: './nor-this.mjs', from: from() })));
    for (const name of ['needs.mjs', 'not-yet.mjs', 'nor-this.mjs'])
      assert.ok(modules.files.has(join(folder, name)), name);
    await write('not-yet.mjs', '');
    assert.equal(modules.areCurrent, false);
  });
});

describe('what an own module is told', () => {
  it('the place of theirs that failed, whether it was loaded or set up', async () => {
    const atLoad = await write('at-load.ts', 'const value: number = 1;\n\nthrow new Error(`no ${value}`);');
    assert.match(await faults(atLoad), /cannot be loaded: no 1 \(\/.*\/at-load\.ts:3\)$/);
    const inside = await write('inside.mjs', "import { s } from 'sluice';\n\ns.string();\nexport default 1;");
    assert.match(await faults(inside), /cannot be loaded: .* \(\/.*\/inside\.mjs:3\)$/);
    const syntax = await write('syntax.ts', 'export default {\n  a: 1,,\n};');
    assert.match(await faults(syntax), /\(\/.*\/syntax\.ts:2\)$/);
    const required = await write('required.cjs', '\nnull.x;');
    assert.match(await faults(required), /\(\/.*\/required\.cjs:2\)$/);
    const factory = await write('factory-throws.mjs', 'export default (options) => {\n  throw new Error("unfit");\n};');
    assert.match(await faults(factory), /failed: unfit \(\/.*\/factory-throws\.mjs:2\)$/);
  });

  it('by `sluice` the running instance, from ES modules and CommonJS alike', async () => {
    const { defineProblem } = await import('../../src/index.ts');
    const loader = new ModuleLoader();
    const { files } = await loader.load({
      specifier: await write('es.ts', "export { defineProblem as default } from 'sluice';"),
      from: from(),
    });
    assert.deepEqual([...files.keys()], [join(folder, 'es.ts')], 'Sluice itself is not watched');
    assert.equal(await load(loader, './es.ts'), defineProblem);
    const required = await write('cjs.cjs', "module.exports = require('sluice').defineProblem;");
    assert.equal(await load(loader, required), defineProblem);
  });
});
