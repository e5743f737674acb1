// A routing table that nobody wrote for this project: GitHub's REST API, 1,223 operations on 811 paths.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { firstMismatch } from '../../src/route/pattern.ts';
import { MatchTable } from '../../src/route/table.ts';
import { githubOperations } from '../support/openapi.ts';
import { match, request } from './matches.ts';

suite('GitHub’s API as a match table', () => {
  const operations = githubOperations();
  const entries = operations.map((operation) => {
    return { name: operation.id, match: match(`${operation.method} ${operation.path}`), value: operation };
  });
  const { table, conflicts } = MatchTable.build(entries);

  test('has no two routes that could both win', () => {
    assert.deepEqual(conflicts, []);
  });

  test('leads each operation’s sample path to that operation, with its parameters', () => {
    for (const operation of operations) {
      const found = table.find(request(`${operation.method} ${operation.samplePath}`));
      assert.ok(found !== undefined && 'value' in found, operation.id);
      assert.equal(found.value.id, operation.id);
      const filled = operation.path.replace(/\{[^}]+\}/g, () => '\0').split('\0');
      assert.equal(found.params.length, operation.params.size);
      assert.equal(String.raw({ raw: filled }, ...found.params), operation.samplePath);
    }
  });

  test('is the same in the opposite order', () => {
    const { table: reversed } = MatchTable.build(entries.toReversed());
    for (const { method, samplePath } of operations) {
      const wanted = request(`${method} ${samplePath}`);
      assert.deepEqual(reversed.find(wanted), table.find(wanted));
    }
  });

  test('agrees with a search through all routes, whatever the method', () => {
    const byLength = Map.groupBy(entries, (entry) => entry.match.pattern.segments.length);
    let backedUp = 0;
    for (const { path, samplePath } of new Map(operations.map((each) => [each.path, each])).values()) {
      const near = byLength.get(samplePath.split('/').length - 1) ?? [];
      const meeting = near.filter((entry) => firstMismatch(entry.match.pattern, samplePath) === undefined);
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY']) {
        const result = table.find(request(`${method} ${samplePath}`));
        const serving = meeting.filter(({ value }) => value.method === method).map(({ name }) => name);
        if (serving.length === 0) {
          const allow = new Set(
            meeting.flatMap(({ value }) => (value.method === 'GET' ? ['GET', 'HEAD'] : value.method)),
          );
          assert.deepEqual(result, { allow: [...allow].toSorted() });
        } else {
          assert.ok(
            result !== undefined && 'value' in result && serving.includes(result.value.id),
            `${method} ${path}`,
          );
          if (result.value.path !== path) backedUp++;
        }
      }
    }
    assert.ok(backedUp > 20, `only ${backedUp} had to back up`);
  });

  test('tells a comparison from a base and head in one parameter', () => {
    for (const [given, path] of [
      ['a...b', '{base}...{head}'],
      ['a..b', '{basehead}'],
    ]) {
      const found = table.find(request(`GET /repos/o/r/compare/${given}`));
      assert.equal(
        found !== undefined && 'value' in found && found.value.path,
        `/repos/{owner}/{repo}/compare/${path}`,
      );
    }
  });
});
