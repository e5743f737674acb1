// What `npm run build` makes, as somebody uses it who has installed the package.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { type CleanUp, suiteCleanUp } from './support/clean-up.ts';
import { temporaryDirectory } from './support/files.ts';
import { startGateway } from './support/gateway.ts';
import { answerJson, startVendor } from './support/vendor.ts';

const ROOT = join(import.meta.dirname, '..');
const TSC = join(ROOT, 'node_modules/.bin/tsc');
/** What a build needs of this repository, besides the packages. */
const BUILT_FROM = ['src', 'bin', 'config', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
const execute = promisify(execFile);

suite('an installed package', () => {
  const t = suiteCleanUp(after);
  let directory: string;
  let installed: string;

  before(async () => {
    const { files } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
    directory = await temporaryDirectory(t, {
      'package.json': '{ "type": "module" }',
      'routes.yaml': `version: 1
upstreams: { none: http://127.0.0.1:1 }
routes: { hello: { match: GET /hello, to: none, auth: none, fallback: { status: 200, body: { hello: you } } } }
`,
    });
    installed = join(directory, 'node_modules/sluice');
    const checkout = await built(t);
    for (const path of ['package.json', ...files]) {
      await cp(join(checkout, path), join(installed, path), { recursive: true });
    }
    for (const path of await productionPackages()) {
      await mkdir(join(directory, dirname(path)), { recursive: true });
      await symlink(join(ROOT, path), join(directory, path));
    }
  });

  test('has the sluice command', async () => {
    const { stdout } = await execute(process.execPath, [join(installed, 'bin/sluice.mjs'), 'check'], {
      cwd: directory,
    });
    assert.match(stdout, /open-route/);
  });

  test('serves in a server of one’s own, as README.md says, and its types hold', async () => {
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
    const [, example = ''] = /## In your own server\n[\s\S]*?```ts\n([\s\S]*?)```/.exec(readme) ?? [];
    assert.match(example, /createGateway/);
    await writeFile(
      join(directory, 'server.ts'),
      `${example.replace('8080', '0')}
await new Promise((listening) => server.once('listening', listening));
const address = server.address();
const port = typeof address === 'object' && address !== null ? address.port : 0;
const answer = await fetch(\`http://127.0.0.1:\${port}/api/hello\`);
console.error(await answer.text());
server.close();
await gateway.close();
`,
    );
    await assertTypes('server.ts');
    const { stderr } = await execute(process.execPath, ['server.ts'], { cwd: directory, env: { PORT: '0' } });
    assert.equal(stderr, '{"hello":"you"}\n');
  });

  test('has types that are enough to embed it and to write a policy, and none that is any', async () => {
    await writeFile(join(directory, 'consumer.ts'), CONSUMER);
    await assertTypes('consumer.ts');
  });

  test('serves from the command line, with threads and modules of one’s own', async (run) => {
    const vendor = await startVendor(run, { answer: answerJson({ items: Array.from({ length: 50_000 }, () => 2) }) });
    const routes = (path: string): Record<string, unknown> => ({
      version: 1,
      defaults: { auth: 'none' },
      integrations: { vendor: { url: vendor.url } },
      routes: {
        // An answer of this size is mapped on a thread.
        sum: { match: `GET ${path}`, to: 'vendor', response: { body: "{ 'sum': $sum(items) }" }, use: './own.ts' },
      },
    });
    const gateway = await startGateway(run, {
      main: join(installed, 'dist/main.js'),
      routes: routes('/one'),
      files: { 'own.ts': OWN_POLICY },
    });
    const ask = async (path: string): Promise<unknown> => {
      const answer = await fetch(gateway.url + path);
      return [answer.status, answer.headers.get('x-own'), await answer.text()];
    };
    assert.deepEqual(await ask('/one'), [200, 'sum', '{"sum":100000}']);
    const next = gateway.log.lines.length;
    await gateway.process.writeRoutes(routes('/two'));
    await gateway.log.until((line) => line.event === 'config_reloaded', next);
    assert.deepEqual(await ask('/two'), [200, 'sum', '{"sum":100000}']);
  });

  test('gives modules of one’s own the instance that one’s server runs', async (run) => {
    const own = await temporaryDirectory(run, {
      'own.ts': `import { ConfigurationError, createGateway } from 'sluice';
        const thrown = await createGateway({ routes: '/missing.yaml' }).catch((error: unknown) => error);
        Object.assign(globalThis, { thrown, itsError: ConfigurationError });
        export default (_req: unknown, _res: unknown, next: () => void) => next();`,
      'routes.yaml': `version: 1
upstreams: { none: http://127.0.0.1:1 }
routes: { own: { match: GET /own, to: none, auth: none, use: ./own.ts } }
`,
    });
    await writeFile(
      join(directory, 'same.ts'),
      `import { ConfigurationError, createGateway } from 'sluice';
const gateway = await createGateway({ routes: process.argv[2] });
console.error(globalThis.thrown instanceof ConfigurationError, globalThis.itsError === ConfigurationError);
await gateway.close();
`,
    );
    const args = ['same.ts', join(own, 'routes.yaml')];
    const { stderr } = await execute(process.execPath, args, { cwd: directory });
    assert.equal(stderr, 'true true\n');
  });

  test('holds what this build made, and nothing else', async () => {
    const files = await readdir(join(installed, 'dist'));
    assert.ok(files.includes('main.js') && files.includes('index.d.ts'), files.join());
    assert.ok(!files.includes('stale.js'));
  });

  async function assertTypes(file: string): Promise<void> {
    const flags = '--strict --exactOptionalPropertyTypes --target es2024 --module nodenext --types node --noEmit';
    await execute(TSC, [...flags.split(' '), file], { cwd: directory }).catch((error: unknown) => {
      assert.fail(error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error));
    });
  }
});

/** A copy of this repository in which `npm run build` was run over what an earlier build had left. */
async function built(t: CleanUp): Promise<string> {
  const checkout = await temporaryDirectory(t, { 'dist/stale.js': '' });
  for (const path of BUILT_FROM) await cp(join(ROOT, path), join(checkout, path), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  await execute('npm', ['run', 'build'], { cwd: checkout });
  return checkout;
}

/** What comes along with the package: nothing that only its development needs. */
async function productionPackages(): Promise<string[]> {
  const lock: { packages: Record<string, { dev?: true; optional?: true }> } = JSON.parse(
    await readFile(join(ROOT, 'package-lock.json'), 'utf8'),
  );
  return Object.entries(lock.packages)
    .filter(([path, { dev, optional }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && !dev && !optional)
    .map(([path]) => path);
}

const OWN_POLICY = `
import { definePolicy, s, type Exchange } from 'sluice';
export default definePolicy({
  name: 'own',
  summary: 'Marks answers',
  schema: s.object({ header: s.string({ doc: 'Header', default: 'x-own' }) }, { doc: 'Own' }),
  create: ({ header }, env) => ({ onResponse(x: Exchange) { x.responseHeaders.push(header, env.route); } }),
});
`;

/** A consumer's project. Each \`isKnown\` fails to compile when the type it is given is \`any\`. */
const CONSUMER = `
import { createServer } from 'node:http';
import {
  ConfigurationError, createGateway, definePolicy, defineProblem, s, slot,
  type Env, type Exchange, type Finding, type Gateway, type GatewayConfig, type GatewayOptions, type Policy,
  type PolicyDefinition, type Problem, type Slot, type Verdict,
} from 'sluice';

type IsAny<T> = 0 extends 1 & T ? true : false;
const isKnown = <T>(_value: T, ..._any: IsAny<T> extends true ? ['this is any'] : []): void => {};

const CLOSED: Problem = defineProblem('shop.closed', 503, 'Closed', 'http_request_denied');
const seen: Slot<number> = slot<number>();

class Audit implements Policy {
  readonly #env: Env;
  constructor(env: Env) { this.#env = env; }
  onRequest(x: Exchange): Verdict {
    seen.set(x, x.startedAt);
    isKnown(x.tenant); isKnown(x.route); isKnown(x.body); isKnown(x.reply); isKnown(x.tally);
    isKnown(this.#env.tenants); isKnown(this.#env.metrics); isKnown(this.#env.schemas); isKnown(this.#env.modules);
    return x.header('x-open') === '1' ? undefined : x.refuse(CLOSED, 'come back', 5);
  }
  async close(): Promise<void> {}
}

export const audit = definePolicy({
  name: 'audit',
  summary: 'An audit',
  schema: s.object({ every: s.duration({ doc: 'How often', default: '5s' }), tags: s.list(s.string({ doc: 'Tag' }), { doc: 'Tags', default: [] }) }, { doc: 'Audit' }),
  problems: [CLOSED],
  create(settings, env) {
    const every: number = settings.every;
    isKnown(settings.every); isKnown(settings.tags);
    return every > 0 ? new Audit(env) : undefined;
  },
});
export const definition: PolicyDefinition<'audit', s.Infer<typeof audit.schema>> = audit;

const options: GatewayOptions = { routes: 'routes.yaml', onFindings: (findings: readonly Finding[]) => isKnown(findings[0]?.at) };
try {
  const gateway: Gateway = await createGateway(options);
  const settings: GatewayConfig = gateway.settings;
  isKnown(settings.listen); isKnown(gateway.app); isKnown(gateway.admin); isKnown(gateway.events); isKnown(gateway.metrics);
  const server = createServer(gateway.app);
  gateway.attach(server);
  await gateway.close();
} catch (error) {
  if (error instanceof ConfigurationError) isKnown(error.findings);
}
`;
