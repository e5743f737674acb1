// Path patterns: what can be written, what is refused and where exactly, and which paths meet them.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { firstMismatch, type PathPattern, parsePattern, patternsOverlap } from '../../src/route/pattern.ts';

function pattern(text: string): PathPattern {
  const parsed = parsePattern(text);
  assert.ok(!('error' in parsed), `${text}: ${JSON.stringify(parsed)}`);
  return parsed;
}

suite('a pattern', () => {
  test('is literals, parameters, both in one segment, and ** for the rest', () => {
    assert.deepEqual(pattern('/v1/{id}/{base}...{head}/v{major}.json/**').segments, [
      { kind: 'literal', text: 'v1' },
      { kind: 'param' },
      { kind: 'mixed', literals: ['', '...', ''] },
      { kind: 'mixed', literals: ['v', '.json'] },
      { kind: 'rest' },
    ]);
  });

  test('names its parameters in order', () => {
    assert.deepEqual(pattern('/{owner}/{enterprise-team}/{base}...{head}').params, [
      'owner',
      'enterprise-team',
      'base',
      'head',
    ]);
  });

  test('ends in an empty literal when it ends in a slash', () => {
    assert.deepEqual(pattern('/').segments, [{ kind: 'literal', text: '' }]);
    assert.deepEqual(pattern('/a/').segments.at(-1), { kind: 'literal', text: '' });
  });

  test('has literals spelled like the paths of requests', () => {
    assert.deepEqual(pattern('/%7euser/%c3%a9/é/a%3ab/%2A/%7b').segments, [
      { kind: 'literal', text: '~user' },
      { kind: 'literal', text: '%C3%A9' },
      { kind: 'literal', text: '%C3%A9' },
      { kind: 'literal', text: 'a:b' },
      { kind: 'literal', text: '*' },
      { kind: 'literal', text: '%7B' },
    ]);
  });
});

suite('refused, pointing at the fault', () => {
  const faults: readonly (readonly [text: string, blamed: string, error: RegExp, hint?: RegExp])[] = [
    ['v1/orders', 'v1/orders', /begins with a slash/, /^\/v1\/orders$/],
    ['', '', /begins with a slash/],
    ['/a//b', '/', /two slashes/],
    ['/a/{id/b', '{id', /never closed/],
    ['/a/id}/b', '}', /"}" has no meaning/, /%7D/],
    ['/a/{}/b', '{}', /no name/],
    ['/a/{1st}', '{1st}', /cannot name a parameter/],
    ['/a/{a b}', '{a b}', /cannot name a parameter/],
    ['/a/{{id}}', '{{id}', /cannot name a parameter/],
    ['/{id}/b/{id}', '{id}', /two parameters are named "id"/],
    ['/a/{tenant}', '{tenant}', /another meaning/, /\{tenant_id\}/],
    ['/a/{x}{y}/b', '{x}{y}', /nothing between/],
    ['/a/**/b', '**', /only be the last/],
    ['/a/*', '*', /no meaning/, /\*\* as the last/],
    ['/a/x**', '*', /no meaning/],
    ['/a/:id', ':id', /in braces/, /\{id\}/],
    ['/a?x=1', '?', /no meaning/, /query:/],
    ['/a#b', '#', /no meaning/],
    ['/a/../b', '..', /dot segments/],
    ['/a/%2e', '%2e', /dot segments/],
    ['/a/b;c', 'b;c', /semicolon/],
    ['/a/b\\c', 'b\\c', /backslash/],
    ['/a/%zz', '%zz', /hexadecimal/],
    ['/{a}%2{b}', '%2', /hexadecimal/],
  ];
  for (const [text, blamed, error, hint] of faults) {
    test(`${text || '(nothing)'}: ${blamed}`, () => {
      const fault = parsePattern(text);
      assert.ok('error' in fault);
      assert.equal(text.slice(fault.offset, fault.offset + fault.length), blamed);
      assert.match(fault.error, error);
      if (hint !== undefined) assert.match(fault.hint ?? '', hint);
    });
  }

  test('the second of two parameters with one name is the one to blame', () => {
    const fault = parsePattern('/{id}/b/{id}');
    assert.equal('offset' in fault && fault.offset, 8);
  });
});

suite('a path', () => {
  const cases: readonly (readonly [pattern: string, path: string, mismatch: number | undefined])[] = [
    ['/v1/{id}', '/v1/7', undefined],
    ['/v1/{id}', '/v1/', 1],
    ['/v1/{id}', '/v1', 1],
    ['/v1/{id}', '/v2/7', 0],
    ['/v1/{id}', '/v1/7/', 2],
    ['/v1/**', '/v1', undefined],
    ['/v1/**', '/v1/', undefined],
    ['/v1/**', '/v1/a/b/c', undefined],
    ['/v1/**', '/v10', 0],
    ['/**', '/', undefined],
    ['/', '/', undefined],
    ['/', '/a', 0],
    ['/{a}:run', '/x%3Arun', undefined],
    ['/v{n}.json', '/v.json', 0],
    ['/v{n}.json', '/v1.json', undefined],
  ];
  for (const [text, path, mismatch] of cases) {
    test(`${path} ${mismatch === undefined ? 'meets' : 'does not meet'} ${text}`, () => {
      assert.equal(firstMismatch(pattern(text), path), mismatch);
    });
  }
});

suite('two patterns', () => {
  const cases: readonly (readonly [a: string, b: string, overlap: boolean])[] = [
    ['/a/{x}', '/{y}/b', true],
    ['/a/{x}', '/b/{x}', false],
    ['/a/**', '/a', true],
    ['/a/**', '/b/**', false],
    ['/a/{x}.json', '/a/v{y}', true],
    ['/a/{x}.json', '/a/{y}.xml', false],
    ['/a/v{x}', '/a/w{x}', false],
    ['/a/{x}', '/a/', false],
    ['/a/{x}', '/a/b/c', false],
    ['/a/{x}.json', '/a/b.json', true],
  ];
  for (const [a, b, overlap] of cases) {
    test(`${a} and ${b} ${overlap ? 'can' : 'cannot'} meet one path`, () => {
      assert.equal(patternsOverlap(pattern(a), pattern(b)), overlap);
      assert.equal(patternsOverlap(pattern(b), pattern(a)), overlap);
    });
  }
});
