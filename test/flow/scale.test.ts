// Many routes and many tenants: each request still finds its own, and each tenant has a bucket of its own.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { startOrigin } from '../support/origin.ts';

const ROUTES = 10_000;
const TENANTS = 20_000;
const SAMPLES = 200;

const sampled = (count: number): number[] =>
  Array.from({ length: SAMPLES }, (_, i) => Math.floor((i * count) / SAMPLES));

test('ten thousand routes', async (t) => {
  const origin = await startOrigin(t);
  const lines = Array.from(
    { length: ROUTES },
    (_, i) => `  route-${i}: { match: "GET /service-${i % 100}/v1/items-${i}/{id}", to: origin, auth: none }`,
  );
  const gateway = await startGateway(t, {
    routes: `version: 1\nupstreams: { origin: ${origin.url} }\nroutes:\n${lines.join('\n')}\n`,
  });
  const statuses = new Set<number>();
  for (const i of sampled(ROUTES)) {
    const answer = await fetch(`${gateway.url}/service-${i % 100}/v1/items-${i}/7`);
    await answer.arrayBuffer();
    statuses.add(answer.status);
  }
  assert.deepEqual([...statuses], [200]);
  assert.equal((await fetch(`${gateway.url}/service-1/v1/items-2/7`)).status, 404);
  await gateway.log.until(() => gateway.log.access.length > SAMPLES);
  assert.deepEqual(
    gateway.log.access.slice(0, SAMPLES).map(({ route }) => route),
    sampled(ROUTES).map((i) => `route-${i}`),
  );
  await new Observed(gateway).atRest();
});

test('twenty thousand tenants', async (t) => {
  const origin = await startOrigin(t);
  const keyOf = (i: number): string => `the-secret-of-tenant-${i}`;
  const hashOf = (i: number): string => createHash('sha256').update(keyOf(i)).digest('hex');
  const lines = Array.from(
    { length: TENANTS },
    (_, i) => `  tenant-${i}: { plan: small, keys: ["sha256:${hashOf(i)}"] }`,
  );
  const gateway = await startGateway(t, {
    routes: `version: 1
plans: { small: { limit: 2/h } }
upstreams: { origin: ${origin.url} }
routes: { item: { match: GET /item, to: origin, auth: key, headers: { request: { set: { x-tenant: "{tenant}" } } } } }
tenants:
${lines.join('\n')}
`,
  });
  const ask = async (i: number): Promise<number> => {
    const answer = await fetch(`${gateway.url}/item`, { headers: { 'x-api-key': keyOf(i) } });
    await answer.arrayBuffer();
    return answer.status;
  };
  for (const i of sampled(TENANTS)) {
    assert.equal(await ask(i), 200);
    assert.equal(origin.received.at(-1)?.header('x-tenant'), `tenant-${i}`);
  }
  for (const i of sampled(TENANTS).slice(0, 20)) assert.deepEqual([await ask(i), await ask(i)], [200, 429]);
  assert.equal(await ask(TENANTS), 401);
  // Tenants that never call cost no series.
  assert.equal(await new Observed(gateway).metric('sluice_tenant_requests_total'), SAMPLES + 40);
});
