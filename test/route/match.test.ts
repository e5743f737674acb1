// The `match` setting as it is written in routes.yaml: short and long form, and findings that point at the very characters.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Finding } from '../../src/config/check/finding.ts';
import { Findings } from '../../src/config/check/finding.ts';
import { readYaml } from '../../src/config/read/yaml.ts';
import { type Match, matchSchema } from '../../src/route/match.ts';
import * as s from '../../src/schema/schema.ts';

const route = s.object({ match: matchSchema }, { doc: 'A route' });

function read(yaml: string): { match: Match | undefined; findings: readonly Finding[] } {
  const findings = new Findings();
  const { root, findings: syntax } = readYaml(yaml, 'routes.yaml');
  assert.deepEqual(syntax, []);
  assert.ok(root !== undefined);
  const setting = route.normalise(root, findings);
  return { match: findings.errors === 0 ? route.decode(setting).match : undefined, findings: findings.all };
}

function decoded(yaml: string): Match {
  const { match, findings } = read(yaml);
  assert.ok(match !== undefined, JSON.stringify(findings));
  return match;
}

/** The text a finding's caret stands under, and what it says. */
function found(yaml: string): string[] {
  return read(yaml).findings.map(({ at, message, hint }) => {
    const blamed = yaml.split('\n')[at.line - 1]?.slice(at.column - 1, at.column - 1 + at.length);
    return `${blamed}: ${message}${hint === undefined ? '' : ` (${hint})`}`;
  });
}

suite('a match', () => {
  test('is a path, and any method', () => {
    const { methods, pattern, host, headers, query } = decoded('match: /v1/{id}');
    assert.equal(methods, undefined);
    assert.deepEqual(pattern.params, ['id']);
    assert.deepEqual([host, headers.size, query.size], [undefined, 0, 0]);
  });

  test('is methods and a path', () => {
    assert.deepEqual(decoded('match: GET /v1').methods, ['GET']);
    const { methods, pattern } = decoded('match: "GET,POST,QUERY   /v1/**"');
    assert.deepEqual([methods, pattern.text], [['GET', 'POST', 'QUERY'], '/v1/**']);
  });

  test('is a map, with conditions', () => {
    const match = decoded(`match:
  method: [PUT, PATCH]
  path: "/v1/{base}...{head}"
  host: API.example.com
  headers: { X-Beta: 1.0 }
  query: { v: 2, Q: "" }
`);
    assert.deepEqual(match.methods, ['PUT', 'PATCH']);
    assert.deepEqual(match.pattern.params, ['base', 'head']);
    assert.equal(match.host, 'api.example.com');
    assert.deepEqual(match.headers, new Map([['x-beta', '1.0']]));
    assert.deepEqual(match.query, new Map(Object.entries({ v: '2', Q: '' })));
  });

  test('takes one method without a list', () => {
    assert.deepEqual(decoded('match: { method: GET, path: /a }').methods, ['GET']);
  });

  test('takes the hosts there are', () => {
    for (const host of ['localhost', '10.0.0.1', 'a_b.internal', 'xn--bcher-kva.example', '"[2001:db8::1]"']) {
      assert.equal(decoded(`match: { path: /a, host: ${host} }`).host, host.replaceAll('"', ''));
    }
  });
});

suite('a finding points at', () => {
  const cases: Record<string, readonly (readonly [yaml: string, finding: RegExp])[]> = {
    'the part of a path that is wrong': [
      ['match: GET /v1/:id', /^:id: a parameter is written in braces/],
      ['match: GET,POST   /v1/{id}/b/{id}', /^\{id\}: two parameters are named "id"/],
      ['match: "/v1/{id"', /^\{id: this brace is never closed/],
      ["match: { path: '/v1/*' }", /^\*: "\*" has no meaning here/],
      ['match: "\\u002fv1/*"', /^"\\u002fv1\/\*": "\*" has no meaning here \(at character 5\)/],
      ['match: GET v1', /^v1: a path begins with a slash \(\/v1\)$/],
      ['match: GET', /^GET: a path begins with a slash/],
    ],
    'the method that is wrong': [
      ['match: get /v1', /^get: "get" is not a method: case matters \(write GET\)$/],
      ['match: GET,TRACE /v1', /^TRACE: TRACE is always refused/],
      ['match: connect /v1', /^connect: CONNECT is always refused/],
      ['match: GET,PSOT /v1', /^PSOT: "PSOT" is not an HTTP method \(did you mean "POST"\?\)$/],
      ['match: ANY /v1', /^ANY: "ANY" is not a method \(leave the method out to match any\)$/],
      ['match: GET,POST,GET /v1', /^GET: GET is listed twice$/],
      ['match: { method: [], path: /v1 }', /this list is empty/],
    ],
    'the whole of what is no match': [
      ['match: GET, POST /v1', /^GET, POST \/v1: "GET, POST \/v1" is not METHOD PATH \(such as/],
      ['match: ""', /is not METHOD PATH/],
      ['match: [GET, /v1]', /expected METHOD PATH such as/],
      ['match: { method: GET }', /a match needs "path"/],
      ['match: { pth: /v1, path: /v1 }', /^pth: "pth" is not a match setting \(did you mean "path"\?\)$/],
    ],
    'the host that is wrong': [
      ['match: { path: /a, host: "*.example.com" }', /"\*\.example\.com" is not a host name \(hosts match exactly/],
      ['match: { path: /a, host: example.com:8080 }', /\(leave the port out/],
      ['match: { path: /a, host: "http://example.com" }', /\(only the host, without scheme/],
      ['match: { path: /a, host: example.com. }', /\(leave the last dot out\)/],
      ['match: { path: /a, host: bücher.example }', /\(write xn--bcher-kva\.example\)/],
      ['match: { path: /a, host: "a b" }', /"a b" is not a host name$/],
    ],
    'the condition that is wrong': [
      ['match: { path: /a, headers: { Host: a } }', /^Host: the host is not a header condition \(use `host:`/],
      ['match: { path: /a, headers: { X-A: 1, x-a: 2 } }', /^x-a: "x-a" is here twice/],
      ['match: { path: /a, headers: { "x a": 1 } }', /"x a" is not a header name/],
      ['match: { path: /a, headers: { x-a: " b" } }', /is not a header value/],
      ['match: { path: /a, query: { v: [1, 2] } }', /expected text, not a list/],
    ],
  };
  for (const [what, examples] of Object.entries(cases)) {
    for (const [yaml, finding] of examples) {
      test(`${what}: ${yaml}`, () => {
        const findings = found(yaml);
        assert.equal(findings.length, 1, findings.join('\n'));
        assert.match(findings[0] ?? '', finding);
      });
    }
  }

  test('each of several', () => {
    assert.equal(found('match: get,PSOT v1/{x}{y}').length, 3);
  });

  test('a value from the environment without showing it', () => {
    const at = { file: 'routes.yaml', line: 1, column: 1, length: 6 };
    for (const text of ['hush', 'GET /hush/*', 'hush /a', 'a hush b']) {
      const findings = new Findings();
      matchSchema.normalise({ kind: 'scalar', text, type: 'string', at, secret: true }, findings);
      assert.equal(findings.errors, 1);
      assert.doesNotMatch(JSON.stringify(findings.all), /hush/);
    }
  });
});
