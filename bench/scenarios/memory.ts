// How long a start takes, and what a gateway holds on to.
import { idleTenants } from '../memory/idle-tenants.ts';
import { largeBodies } from '../memory/large-body.ts';
import { slowClients } from '../memory/slow-clients.ts';
import { build, coldStart, manyRoutes, resident } from '../memory/start.ts';
import { recipeOrigin } from '../recipe-origin.ts';
import type { Fact, Ground, Probe } from '../scenario.ts';

const startBodyOrigin = recipeOrigin('body-origin.ts');

async function run(ground: Ground): Promise<readonly Fact[]> {
  await build(ground);
  const facts = [
    ...(await coldStart(ground)),
    ...(await resident(ground)),
    ...(await manyRoutes(ground)),
    ...(await idleTenants(ground)),
  ];
  const bodyOrigin = await startBodyOrigin(ground.directory);
  try {
    const withBodies = { ...ground, originPort: bodyOrigin.port };
    return [...facts, ...(await largeBodies(withBodies)), ...(await slowClients(withBodies))];
  } finally {
    await bodyOrigin.stop();
  }
}

const probe: Probe = { kind: 'probe', name: 'memory', title: 'starts and memory of Sluice, full chain', run };

export default probe;
