// Packages that few configurations need are loaded with the first that does: most of a start is loading.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { signalReport } from '../support/signal-report.ts';

const PLAIN = {
  version: 1,
  defaults: { auth: 'none' },
  upstreams: { none: 'http://127.0.0.1:1' },
  routes: { plain: { match: 'GET /plain', to: 'none', limit: '10/s' } },
};
const THIRD_PARTY = { integrations: { vendor: { url: 'http://127.0.0.1:1' } } };

/** A package, and what brings it. */
const RARE: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['ajv', { routes: { order: { match: 'POST /order', to: 'none', body: { type: 'object' } } } }],
  ['http-proxy-middleware', { routes: { events: { match: 'GET /events', to: 'none', websocket: true } } }],
  ['axios', { ...THIRD_PARTY, routes: { rates: { match: 'GET /rates', to: 'vendor' } } }],
];

test('a package that few routes need is loaded with the first of them', async (t) => {
  const preload = import.meta.resolve('../support/preload/loaded-packages.ts');
  const gateway = await startGateway(t, { routes: PLAIN, env: { NODE_OPTIONS: `--import=${preload}` } });
  assert.deepEqual(await rareOnes(gateway), []);
  for (const [index, [, more]] of RARE.entries()) {
    const next = gateway.log.lines.length;
    await gateway.process.writeRoutes({ ...PLAIN, ...more });
    await gateway.log.until((line) => line.event === 'config_reloaded', next);
    assert.deepEqual(
      await rareOnes(gateway),
      RARE.slice(0, index + 1).map(([name]) => name),
    );
  }
});

async function rareOnes({ process }: RunningGateway): Promise<readonly string[]> {
  const loaded = await signalReport(process, 'packages');
  assert.ok(Array.isArray(loaded) && loaded.includes('yaml'));
  return RARE.map(([name]) => name).filter((name) => loaded.includes(name));
}
