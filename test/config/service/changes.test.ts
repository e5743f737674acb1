import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ONE_TURN } from '../../../src/config/load/turns.ts';
import { changesBetween, takesAway } from '../../../src/config/service/changes.ts';
import { soundConfig } from '../load/routes.ts';

const file = (integrations: string, to: string) => `version: 1
upstreams: { own: http://127.0.0.1:7001 }
integrations: { ${integrations} }
routes: { a: { match: GET /a, to: ${to}, auth: none } }
`;

test('integrations that come, go or are set otherwise are named, and one that goes is taken away', async (t) => {
  const before = await soundConfig(t, file('one: "https://one.example", two: "https://two.example"', 'one'));
  const after = await soundConfig(
    t,
    file('one: { url: "https://one.example", pace: 1/s }, three: "https://three.example"', 'one'),
  );
  const changes = await changesBetween(before, after, ONE_TURN);
  assert.deepEqual(changes.added, { integrations: { count: 1, names: ['three'] } });
  assert.deepEqual(changes.removed, { integrations: { count: 1, names: ['two'] } });
  assert.deepEqual(changes.changed, { integrations: { count: 1, names: ['one'] } });
  assert.equal(takesAway(changes), true);
  assert.equal(takesAway(await changesBetween(before, before, ONE_TURN)), false);
});
