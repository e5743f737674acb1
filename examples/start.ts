// `npm start`: the sample services and a gateway before them, with commands to try. Restarts nothing; Ctrl-C ends it all.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { relative } from 'node:path';

const GATEWAY_PORT = Number(process.env['PORT'] ?? 8080);
const ADMIN_PORT = Number(process.env['ADMIN_PORT'] ?? 9901);
const READY_TIMEOUT_MS = 60_000;

/** The services routes.yaml names, each on its loopback port. */
const SAMPLES = [
  { file: 'examples/orders.ts', port: 7001 },
  { file: 'examples/catalog.ts', port: 7002 },
  { file: 'examples/catalog.ts', port: 7003 },
] as const;

const root = new URL('..', import.meta.url);
// A key for this run only: there is nothing to leak, and nothing to forget to change.
const demoKey = `slc_${randomBytes(32).toString('base64url')}`;
const samples = new Map<(typeof SAMPLES)[number], ChildProcess>();
let gateway: ChildProcess | undefined;
const ending = new AbortController();

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end(0));

await assertPortsFree([GATEWAY_PORT, ADMIN_PORT, ...SAMPLES.map(({ port }) => port)]);
await Promise.all(SAMPLES.map(startSample));
gateway = startGateway();
await untilReady();
printTour();

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

async function startSample(sample: (typeof SAMPLES)[number]): Promise<void> {
  const child = spawn(process.execPath, [sample.file, String(sample.port)], {
    cwd: root,
    // A group of its own: Ctrl-C reaches this process only, which then ends the gateway before its upstreams.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  samples.set(sample, child);
  child.on('exit', () => {
    if (!ending.signal.aborted)
      console.log(`\n${sample.file} on ${sample.port} has ended. Bring it back with: ${restartCommand(sample)}\n`);
  });
  await Promise.race([once(child, 'message'), once(child, 'exit')]);
}

function startGateway(): ChildProcess {
  const child = spawn(process.execPath, ['src/main.ts', 'serve'], {
    cwd: root,
    detached: true,
    env: { ...process.env, SLUICE_DEMO_KEY: demoKey },
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
function restartCommand({ file, port }: (typeof SAMPLES)[number]): string {
  const node = relative(process.cwd(), process.execPath);
  return `${node.startsWith('..') ? process.execPath : node} ${file} ${port}`;
}

function printTour(): void {
  if (ending.signal.aborted) return;
  const url = `http://127.0.0.1:${GATEWAY_PORT}`;
  const admin = `http://127.0.0.1:${ADMIN_PORT}`;
  const catalogPids = SAMPLES.filter(({ file }) => file.includes('catalog')).map((sample) => samples.get(sample)?.pid);
  console.log(`
Sluice is ready. In another terminal:

  # 201: an order, with the key of tenant "demo" (made for this run)
  curl -i ${url}/v1/orders -H 'X-Api-Key: ${demoKey}' -H 'Content-Type: application/json' -d '{"customer":"c-1","items":[{"sku":"GATE-01","quantity":1}]}'

  # 401: the same without a key
  curl -i ${url}/v1/orders -H 'Content-Type: application/json' -d '{"customer":"c-1","items":[{"sku":"GATE-01","quantity":1}]}'

  # 422: a quantity that config/schemas/order.json refuses, with a pointer to it
  curl -i ${url}/v1/orders -H 'X-Api-Key: ${demoKey}' -H 'Content-Type: application/json' -d '{"customer":"c-1","items":[{"sku":"GATE-01","quantity":0}]}'

More to see:
  429      curl -s -Z -o /dev/null -w '%{http_code} ' '${url}/v1/items?n=[1-20]'; echo
  failure  kill ${catalogPids[0]}                (one catalog of two: nobody notices; then kill ${catalogPids[1]}: the fallback answers)
  breaker  for i in $(seq 20); do curl -s -o /dev/null -w '%{http_code} ' ${url}/v1/items/GATE-01 -H 'X-Api-Key: ${demoKey}'; done; echo
           (with both catalogs gone: 502, then 503 at once; bring one back, and within 10 s it is 200 again)
  reload   edit routes.yaml and save it; then break it: the last good one stays
  metrics  curl -s ${admin}/metrics | grep sluice_http_requests_total
  the CLI  export SLUICE_DEMO_KEY='${demoKey}' && npm run sluice -- explain create-order
`);
}
