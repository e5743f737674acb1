// The conversion from OpenAPI 3.0: what it keeps, what it turns into something else, and that all of GitHub's schemas survive it.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { githubAnswers, githubOperations } from './openapi.ts';
import { type Json, toJsonSchema } from './openapi-schema.ts';

function ref(name: string): Json {
  return { $ref: `#/components/schemas/${name}`, description: 'ignored' };
}

/** Operations whose own example does not meet their schema, in OpenAPI's terms either. */
const WRONG_EXAMPLES = [
  'codespaces/set-repositories-for-secret-for-authenticated-user',
  'dependabot/update-repository-access-for-enterprise',
  'dependabot/update-repository-access-for-org',
  'gists/update',
  'orgs/convert-member-to-outside-collaborator',
  'orgs/create-issue-field',
  'projects/add-field-for-org',
  'projects/add-field-for-user',
  'security-advisories/update-repository-advisory',
  'users/create-public-ssh-key-for-authenticated-user',
  'users/create-ssh-signing-key-for-authenticated-user',
];

suite('a schema of OpenAPI 3.0', () => {
  const cases: Record<string, readonly (readonly [from: Json, to: Json])[]> = {
    'that is nullable allows null': [
      [{ type: 'string', nullable: true }, { type: ['string', 'null'] }],
      [{ type: 'string', nullable: false }, { type: 'string' }],
      [
        { type: 'string', nullable: true, enum: ['a'] },
        { type: ['string', 'null'], enum: ['a', null] },
      ],
      [{ nullable: true, oneOf: [{ type: 'string' }] }, { anyOf: [{ oneOf: [{ type: 'string' }] }, { type: 'null' }] }],
    ],
    'with a boolean exclusive bound gets a numeric one': [
      [{ minimum: 0, exclusiveMinimum: true }, { exclusiveMinimum: 0 }],
      [{ maximum: 9, exclusiveMaximum: false }, { maximum: 9 }],
    ],
    'loses what only OpenAPI knows, but not properties of that name': [
      [{ example: 1, 'x-github': 1, discriminator: { propertyName: 'a' } }, { examples: [1] }],
      [
        { properties: { example: { type: 'string' }, nullable: {} } },
        { properties: { example: { type: 'string' }, nullable: {} } },
      ],
    ],
    'does not require of a request what is read-only': [
      [
        { required: ['id', 'name'], properties: { id: { readOnly: true }, name: {} } },
        { required: ['name'], properties: { id: { readOnly: true }, name: {} } },
      ],
    ],
    'is converted in depth': [
      [
        { items: { not: { nullable: true, type: 'integer' } }, additionalProperties: false },
        { items: { not: { type: ['integer', 'null'] } }, additionalProperties: false },
      ],
    ],
  };
  for (const [what, examples] of Object.entries(cases)) {
    test(what, () => {
      for (const [from, to] of examples) assert.deepEqual(toJsonSchema(from, {}), to);
    });
  }

  test('does not require of an answer what is write-only', () => {
    const schema = { required: ['id', 'key'], properties: { id: { readOnly: true }, key: { writeOnly: true } } };
    assert.deepEqual(toJsonSchema(schema, {}, 'response'), { ...schema, required: ['id'] });
  });

  test('brings along what it refers to, once, even in circles', () => {
    const components = { a: { items: ref('b') }, b: { items: ref('a'), nullable: true, type: 'array' }, c: {} };
    assert.deepEqual(toJsonSchema({ oneOf: [ref('a'), ref('a')] }, components), {
      oneOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/a' }],
      $defs: { a: { items: { $ref: '#/$defs/b' } }, b: { items: { $ref: '#/$defs/a' }, type: ['array', 'null'] } },
    });
    assert.throws(() => toJsonSchema(ref('d'), components), /dangling/);
  });
});

suite('GitHub’s operations', () => {
  const operations = githubOperations();
  const bodies = operations.filter(({ body }) => body !== undefined);

  test('are 1,223, of which 342 take JSON', () => {
    assert.equal(operations.length, 1223);
    assert.equal(new Set(operations.map(({ id }) => id)).size, 1223);
    assert.equal(bodies.length, 342);
  });

  test('have body schemas that compile in strict mode and take the examples given for them, but those that are wrong', () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false, strictTuples: false, strictRequired: false });
    addFormats.default(ajv);
    ajv.addFormat('repo.nwo', true);
    const refused: string[] = [];
    for (const { id, body = {}, bodyExamples } of bodies) {
      const validate = ajv.compile(body);
      if (!bodyExamples.every((example) => validate(example))) refused.push(id);
    }
    assert.deepEqual(refused.toSorted(), WRONG_EXAMPLES);
  });

  test('answer 779 times with JSON of which there is an example, by schemas that compile; 647 times they fit', () => {
    const ajv = new Ajv2020({ strict: true, strictTypes: false, strictTuples: false, strictRequired: false });
    addFormats.default(ajv);
    ajv.addFormat('repo.nwo', true);
    const answers = githubAnswers();
    const validators = new Map(
      [...new Map(answers.map(({ schema }) => [JSON.stringify(schema), schema]))].map(([text, schema]) => [
        text,
        ajv.compile(schema),
      ]),
    );
    const fitting = answers.filter(({ schema, examples }) => {
      const validate = validators.get(JSON.stringify(schema));
      return examples.every((example) => validate?.(example));
    });
    assert.deepEqual([answers.length, validators.size, fitting.length], [779, 437, 647]);
  });

  test('have parameters whose sample meets their schema', () => {
    const ajv = new Ajv2020({ strict: false, coerceTypes: true });
    addFormats.default(ajv);
    for (const { path, samplePath, params } of operations) {
      const given = new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '([^/]+?)')}$`).exec(samplePath);
      for (const [index, [name, schema]] of [...params].entries()) {
        const wrapped = { type: 'object', properties: { [name]: schema }, $defs: schema['$defs'] ?? {} };
        assert.ok(ajv.validate(wrapped, { [name]: given?.[index + 1] }), `${path} ${name} ${samplePath}`);
      }
    }
  });
});
