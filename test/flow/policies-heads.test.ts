// Heads that cannot be written as policies have made them: a bug of theirs, and nobody else's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startGateway } from '../support/gateway.ts';
import { newId, Observed } from '../support/observed.ts';
import { startOrigin } from '../support/origin.ts';
import { rawConnect } from '../support/raw.ts';

const policy = (members: string): string => `
import { definePolicy, defineProblem, s } from 'sluice';
const REFUSED = defineProblem('own.refused', 403, 'Not today', 'http_request_denied');
export default definePolicy({ name: 'own', summary: '', schema: s.object({}), create: () => ({ ${members} }) });`;

const FILES = {
  'value.mjs': policy(`onResponse(x) { x.responseHeaders.push('X-Town', 'Łódź'); },`),
  'name.mjs': policy(`onResponse(x) { x.responseHeaders.push('X Town', 'Ulm'); },`),
  'early.mjs': policy(`onRequest(x) { x.addAnswerHeaders(['X-Town', 'Łódź']); },`),
  'refused.mjs': policy(`onRequest: () => REFUSED, onResponse(x) { x.responseHeaders.push('X-Town', 'Łódź'); },`),
  'bodyless.mjs': policy(
    `onRequest(x) { x.status = 204; x.addAnswerHeaders(['X-Town', 'Łódź']); x.reply.complete(''); },`,
  ),
  'status.mjs': policy(`onRequest(x) { x.status = 1000; x.reply.complete('mine'); return 'answered'; },`),
};

test('a head that cannot be written is answered for with an incident', async (t) => {
  const origin = await startOrigin(t);
  const names = Object.keys(FILES).map((file) => file.slice(0, -'.mjs'.length));
  const gateway = await startGateway(t, {
    files: FILES,
    routes: {
      version: 1,
      defaults: { auth: 'none' },
      // One attempt that counted as failed would open it.
      upstreams: { origin: { targets: origin.url, breaker: { min: 1, failures: '1%' } } },
      routes: Object.fromEntries(
        names.map((name) => [name, { match: `/${name}`, to: 'origin', use: `./${name}.mjs` }]),
      ),
    },
  });
  const observed = new Observed(gateway);
  for (const name of names.filter((each) => each !== 'bodyless')) {
    await t.test(name, async () => {
      const id = newId();
      const answer = await fetch(`${gateway.url}/${name}`, { headers: { 'x-request-id': id } });
      assert.deepEqual([answer.status, answer.statusText], [500, 'Internal Server Error']);
      assert.equal(answer.headers.get('x-town'), null);
      const { code, incident } = JSON.parse(await answer.text());
      const told = await gateway.log.until((line) => line.event === 'incident' && line.request_id === id);
      assert.deepEqual([code, incident], ['internal', told['incident_id']]);
      const line = await observed.line(id);
      assert.deepEqual([line.status, line.reason], [500, 'internal']);
    });
  }
  await t.test('what has no body is cut, as nothing could be said in its place', async (each) => {
    const client = await rawConnect(each, gateway.port);
    client.send('GET /bodyless HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal((await client.rest()).bytes.length, 0);
  });
  assert.equal(await observed.metric('sluice_breaker_transitions_total', { upstream: 'origin' }), 0);
  await observed.atRest();
});
