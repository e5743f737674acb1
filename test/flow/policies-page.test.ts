// The files that docs/policies.md shows, in a gateway.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesOf } from '../support/documented.ts';
import { startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';

test('the policy and the middleware of docs/policies.md do what the page says', async (t) => {
  const origin = await startOrigin(t);
  const { 'routes.yaml': routes = '', ...files } = await filesOf('docs/policies.md');
  assert.deepEqual(Object.keys(files), ['policies/region.ts', 'policies/maintenance.ts']);
  const gateway = await startGateway(t, { routes: routes.replace('http://127.0.0.1:7001', origin.url), files });
  const order = (region: string): Promise<Response> =>
    fetch(`${gateway.url}/v1/orders`, { method: 'POST', headers: { 'x-region': region } });

  const served = await order('eu');
  assert.deepEqual([served.status, served.headers.get('x-served-by')], [200, 'sluice-eu']);
  assert.equal(origin.received.at(-1)?.header('x-served-region'), 'eu');

  const refused = await order('mars');
  assert.equal(refused.status, 403);
  const { code, detail } = JSON.parse(await refused.text());
  assert.deepEqual([code, detail], ['region.refused', 'this route serves eu, us']);

  const sign = join(gateway.process.directory, 'policies/maintenance');
  await writeFile(sign, '');
  const closed = await order('us');
  assert.deepEqual([closed.status, closed.headers.get('retry-after')], [503, '60']);
  assert.equal(closed.headers.get('x-served-by'), 'sluice-us');
  await rm(sign);
  assert.equal((await order('us')).status, 200);
});
