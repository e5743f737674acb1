// `npm start`: the sample services, a sample vendor and a gateway before them, with commands to try. Restarts nothing; Ctrl-C
// ends it all.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { relative } from 'node:path';
import { tour } from './tour.ts';

const GATEWAY_PORT = Number(process.env['PORT'] ?? 8080);
const ADMIN_PORT = Number(process.env['ADMIN_PORT'] ?? 9901);
const READY_TIMEOUT_MS = 60_000;

interface Sample {
  readonly file: string;
  /** On loopback; routes.yaml names the first. */
  readonly ports: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
}

const root = new URL('..', import.meta.url);
// Keys and secrets for this run only: there is nothing to leak, and nothing to forget to change.
const keys = { SLUICE_DEMO_KEY: newSecret('slc_'), SLUICE_ACME_KEY: newSecret('slc_') };
const account = { CARRIER_CLIENT_ID: newSecret('sluice-'), CARRIER_CLIENT_SECRET: newSecret('') };

const SAMPLES: readonly Sample[] = [
  { file: 'examples/orders.ts', ports: [7001] },
  { file: 'examples/catalog.ts', ports: [7002] },
  { file: 'examples/catalog.ts', ports: [7003] },
  { file: 'examples/vendor.ts', ports: [7004, 7005], env: account },
];

const samples = new Map<Sample, ChildProcess>();
let gateway: ChildProcess | undefined;
const ending = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end(0));

await assertPortsFree([GATEWAY_PORT, ADMIN_PORT, ...SAMPLES.flatMap(({ ports }) => ports)]);
await Promise.all(SAMPLES.map(startSample));
gateway = startGateway();
await untilReady();
if (!ending.signal.aborted) printTour();

function newSecret(prefix: string): string {
  return prefix + randomBytes(32).toString('base64url');
}

async function assertPortsFree(ports: readonly number[]): Promise<void> {
  const busy: number[] = [];
  for (const port of ports) {
    const probe = createServer().listen(port, '127.0.0.1');
    try {
      await once(probe, 'listening');
      probe.close();
    } catch {
      busy.push(port);
    }
  }
  if (busy.length === 0) return;
  console.error(`Something already listens on port ${busy.join(', ')}. See what with: ss -ltnp`);
  console.error('The gateway can be moved (PORT=8081 ADMIN_PORT=9902 npm start); the sample services cannot.');
  process.exit(1);
}

async function startSample(sample: Sample): Promise<void> {
  const child = spawn(process.execPath, [sample.file, ...sample.ports.map(String)], {
    cwd: root,
    env: { ...process.env, ...sample.env },
    // A group of its own: Ctrl-C reaches this process only, which then ends the gateway before its upstreams.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  samples.set(sample, child);
  child.on('exit', () => {
    if (!ending.signal.aborted)
      console.log(`\n${sample.file} on ${sample.ports[0]} has ended. Bring it back with: ${restartCommand(sample)}\n`);
  });
  await Promise.race([once(child, 'message'), once(child, 'exit')]);
}

function startGateway(): ChildProcess {
  const child = spawn(process.execPath, ['src/main.ts', 'serve'], {
    cwd: root,
    detached: true,
    env: { ...process.env, ...keys, ...account },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  child.on('exit', (code) => void end(code ?? 1));
  return child;
}

async function untilReady(): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  while (performance.now() < deadline && !ending.signal.aborted) {
    const answer = await fetch(`http://127.0.0.1:${ADMIN_PORT}/readyz`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (ending.signal.aborted) return;
  console.error(`The gateway was not ready within ${READY_TIMEOUT_MS / 1000} s.`);
  await end(1);
}

/** The gateway first, so that it drains while its upstreams still answer. */
async function end(code: number): Promise<void> {
  if (ending.signal.aborted) return;
  ending.abort();
  for (const child of [gateway, ...samples.values()]) {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  process.exit(code);
}

/** With the very Node that runs this: the one on the PATH may be too old for TypeScript. */
function restartCommand({ file, ports, env = {} }: Sample): string {
  const node = relative(process.cwd(), process.execPath);
  const program = node.startsWith('..') ? process.execPath : node;
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [...(settings.length > 0 ? ['env', ...settings] : []), program, file, ...ports].join(' ');
}

function printTour(): void {
  const [firstCatalog, secondCatalog] = SAMPLES.filter(({ file }) => file.includes('catalog'));
  const pidOf = (sample: Sample | undefined): number | undefined => sample && samples.get(sample)?.pid;
  const text = tour({
    url: `http://127.0.0.1:${GATEWAY_PORT}`,
    admin: `http://127.0.0.1:${ADMIN_PORT}`,
    control: `http://127.0.0.1:${SAMPLES.at(-1)?.ports[1]}`,
    demoKey: keys.SLUICE_DEMO_KEY,
    acmeKey: keys.SLUICE_ACME_KEY,
    catalogPids: [pidOf(firstCatalog), pidOf(secondCatalog)],
    environment: { ...keys, ...account },
  });
  console.log(text);
}
