import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { ROUTES_SCHEMA, routesSchema } from '../../../docs/generate.ts';
import { toJsonSchema } from '../../../src/config/format/json-schema.ts';
import { routesFile } from '../../../src/config/format/routes-file.ts';
import { assertGenerated } from '../../support/generated.ts';

test('config/routes.schema.json is what `npm run docs` writes', () => {
  assertGenerated(ROUTES_SCHEMA, routesSchema());
});

test('an editor that has the schema accepts what the gateway does, and refuses typos', async () => {
  const accepts = new Ajv2020({ strict: false }).compile(toJsonSchema(routesFile));
  const sample: unknown = parse(await readFile('routes.yaml', 'utf8'));
  assert.equal(accepts(sample), true, JSON.stringify(accepts.errors));
  const upstreams = { u: 'http://127.0.0.1:1' };
  const typo = { version: 1, upstreams, routes: { a: { match: 'GET /', to: 'u', retires: 3 } } };
  assert.equal(accepts(typo), false);
  assert.equal(accepts({ version: 2, routes: {} }), false);
});
