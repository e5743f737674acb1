// Tenants that have called once and are silent now: what does the gateway keep of each, beside its configuration?
import { createHash } from 'node:crypto';
import { Agent } from 'node:http';
import { ask } from '../ask.ts';
import { extended } from '../extended-files.ts';
import type { Fact, Ground } from '../scenario.ts';
import { fullChain } from '../sluice-files.ts';
import { type Probed, probe } from './probed.ts';

/** Whose first calls settle what is there once: compiled code, the metrics of the first few tenants. */
const WARM = 1_000;
const TENANTS = 20_000;
const AT_ONCE = 32;
/** Far from full again when memory is looked at. */
const LIMIT = '10/h';

const keyOf = (index: number): string => `slc_bench_tenant_${index}`;

const files = extended(fullChain(), () => ({
  plans: { slow: { limit: LIMIT } },
  tenants: Object.fromEntries(
    Array.from({ length: WARM + TENANTS }, (_, index) => [
      `caller-${index}`,
      { plan: 'slow', keys: `sha256:${createHash('sha256').update(keyOf(index)).digest('hex')}` },
    ]),
  ),
  routes: { once: { match: 'GET /v1/once', to: 'origin', limit: LIMIT } },
}));

export async function idleTenants(ground: Ground): Promise<readonly Fact[]> {
  return probe(files, ground, async (gateway) => {
    await callOnce(gateway, 0, WARM);
    const before = await gateway.held();
    await callOnce(gateway, WARM, WARM + TENANTS);
    const after = await gateway.held();
    const bytes = after.heapUsed + after.external - before.heapUsed - before.external;
    return [{ name: 'state of an idle tenant with two limits', value: bytes / TENANTS, unit: 'bytes', atMost: 200 }];
  });
}

async function callOnce({ port }: Probed, from: number, to: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
  let next = from;
  const caller = async (): Promise<void> => {
    while (next < to) {
      const { status } = await ask(port, '/v1/once', { headers: { 'x-api-key': keyOf(next++) }, agent });
      if (status !== 200) throw new Error(`a first call was answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  agent.destroy();
}
