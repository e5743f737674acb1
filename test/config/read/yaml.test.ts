import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readYaml } from '../../../src/config/read/yaml.ts';
import type { MapNode, Node } from '../../../src/schema/schema.ts';
import { tell } from '../../support/reading.ts';

function told(text: string): string[] {
  return readYaml(text, 'routes.yaml').findings.map(tell);
}

function rootOf(text: string): MapNode {
  const { root, findings } = readYaml(text, 'routes.yaml');
  assert.deepEqual(findings, []);
  assert.ok(root?.kind === 'map');
  return root;
}

/** A tree as plain values, every scalar as its text. */
function plain(node: Node): unknown {
  if (node.kind === 'scalar') return node.text;
  if (node.kind === 'list') return node.items.map(plain);
  return Object.fromEntries(node.entries.map(({ key, value }) => [key, plain(value)]));
}

function child(node: Node | undefined, key: string): Node {
  const value = node?.kind === 'map' ? node.entries.find((entry) => entry.key === key)?.value : undefined;
  assert.ok(value, `there is no ${key}`);
  return value;
}

describe('what is read', () => {
  it('is the text of every scalar, as it was written', () => {
    const text = 'v: 2.0\nhex: 0x1F\nword: yes\nquoted: "2.0"\nfolded: a\n  b\n';
    assert.deepEqual(plain(rootOf(text)), { v: '2.0', hex: '0x1F', word: 'yes', quoted: '2.0', folded: 'a b' });
    assert.deepEqual(
      rootOf(text).entries.map(({ value }) => value.kind === 'scalar' && value.type),
      ['number', 'number', 'string', 'string', 'string'],
    );
  });

  it('is what the format uses unquoted', () => {
    const text = [
      'match: GET /v1/users/{id}',
      'path: /**',
      'limits: [5/s, 500/h]',
      'errors: { 4xx: 502 }',
      'half: 50%',
      'urls: [http://127.0.0.1:7001, { url: http://127.0.0.1:7003, weight: 2 }]',
      'secret: ${env:X}',
    ].join('\n');
    assert.deepEqual(plain(rootOf(text)), {
      match: 'GET /v1/users/{id}',
      path: '/**',
      limits: ['5/s', '500/h'],
      errors: { '4xx': '502' },
      half: '50%',
      urls: ['http://127.0.0.1:7001', { url: 'http://127.0.0.1:7003', weight: '2' }],
      secret: '${env:X}',
    });
  });

  it('knows the place of every key and value', () => {
    const root = rootOf('a:\n  b: [x, "y z"]\r\n  long: one\r\n    two\r\n');
    assert.deepEqual(child(child(root, 'a'), 'b').at, { file: 'routes.yaml', line: 2, column: 6, length: 10 });
    const list = child(child(root, 'a'), 'b');
    assert.deepEqual(list.kind === 'list' && list.items[1]?.at, {
      file: 'routes.yaml',
      line: 2,
      column: 10,
      length: 5,
    });
    assert.deepEqual(child(child(root, 'a'), 'long').at, { file: 'routes.yaml', line: 3, column: 9, length: 3 });
    assert.deepEqual(
      child(root, 'a').at,
      { file: 'routes.yaml', line: 1, column: 1, length: 1 },
      'a block is where its key is',
    );
  });

  it('counts columns from behind a byte order mark', () => {
    assert.deepEqual(rootOf('\uFEFFab: 1').entries[0]?.keyAt, { file: 'routes.yaml', line: 1, column: 1, length: 2 });
  });

  it('puts a missing value where its key is', () => {
    assert.deepEqual(child(rootOf('a: 1\nempty:\n'), 'empty'), {
      kind: 'scalar',
      text: '',
      type: 'null',
      at: { file: 'routes.yaml', line: 2, column: 1, length: 5 },
      secret: false,
    });
  });
});

describe('a syntax error', () => {
  const cases: readonly (readonly [why: string, text: string, finding: string])[] = [
    [
      'a brace in a text inside braces',
      'r: { match: GET /v1/users/{id}, to: x }',
      '1:13 yaml unquoted, the { in this text starts another value (quote it: "GET /v1/users/{id}")',
    ],
    [
      'a reference in brackets',
      'a: [${env:X}]',
      '1:5 yaml unquoted, the { in this text starts another value (quote it: "${env:X}")',
    ],
    [
      'a reference in braces',
      'a: {k: ${file:/x}}',
      '1:8 yaml unquoted, the { in this text starts another value (quote it: "${file:/x}")',
    ],
    ['a lone star', 'origins: *\nb: 1', '1:9 yaml an unquoted * starts a YAML alias (quote it: "*")'],
    ['an at sign', 'a: [@acme/x, b]', '1:5 yaml a value cannot start with @ unless it is quoted (quote it: "@acme/x")'],
    ['a second colon', 'a: b: c', '1:4 yaml a second ": " on one line (quote it: "b: c")'],
    [
      'a line indented too far',
      'a: b\n  c: d',
      '1:4 yaml this text runs on into the next line, which is a key (indent the next line like the key of this one)',
    ],
    [
      'a line indented too little',
      'a:\n  - b\n c: 1',
      '3:1 yaml this line is not indented like its neighbours (keys of one map start at the same column)',
    ],
    ['a tab', 'a:\n\tb: 1', '2:1 yaml tabs cannot indent YAML (use spaces)'],
    ['an open quote', 'x: 1\na: "x\nb: 1\n', '2:4 yaml what opens here is never closed (add the closing ")'],
    ['an open bracket', 'k: [a, b\nc: 1\n', '1:4 yaml what opens here is never closed (add the closing ])'],
    [
      'a quote inside quotes',
      "a: 'it's'",
      "1:8 yaml text after the closing quote (inside '…' write '' for a quote, or use \"…\")",
    ],
    ['a missing comma', 'a: {b: 1 c: 2}', '1:8 yaml a comma is missing before the next key (write { a: 1, b: 2 })'],
    [
      'a list behind its key',
      'a: - b',
      '1:4 yaml a list cannot start behind its key (start it on the next line, or write [a, b])',
    ],
    ['a second document', 'a: 1\n---\nb: 2', '2:1 yaml a file holds one document (remove what starts here)'],
    ['absurd nesting', `a: ${'['.repeat(20_000)}`, 'nested too deeply'],
  ];
  for (const [why, text, finding] of cases) {
    it(`is told once, in plain language: ${why}`, () => {
      const all = told(text);
      assert.equal(all.length, 1, all.join('\n'));
      assert.ok((all[0] ?? '').includes(finding), all.join('\n'));
    });
  }
});

describe('what YAML would silently read as something else', () => {
  const cases: readonly (readonly [text: string, finding: string, meant: unknown])[] = [
    [
      'x: {tenant}',
      '1:4 needs-quotes unquoted, {tenant} is a map with the key "tenant" (quote it: "{tenant}")',
      '{tenant}',
    ],
    [
      'x: { match: GET,POST /x }',
      '1:17 needs-quotes unquoted, "POST /x" is a key without a value (quote it: "GET,POST /x")',
      { match: 'GET' },
    ],
    [
      'x: [2001:db8::]',
      '1:5 needs-quotes unquoted, the ":" makes this item a map (quote it: "2001:db8::")',
      ['2001:db8::'],
    ],
    [
      'x: {404:502}',
      '1:4 needs-quotes unquoted, {404:502} is a map with the key "404:502" (put a space after the colon: 404: 502)',
      '{404:502}',
    ],
    [
      'x: [sha256: 9f]',
      '1:5 needs-quotes unquoted, the ":" makes this item a map (quote it: "sha256: 9f", or write { sha256: 9f })',
      ['sha256: 9f'],
    ],
    ['x: **', '1:4 unknown-alias unquoted, ** is a YAML alias, and nothing is named &* (quote it: "**")', '**'],
    [
      'x: *.example.com',
      '1:4 unknown-alias unquoted, *.example.com is a YAML alias, and nothing is named &.example.com (quote it: "*.example.com")',
      '*.example.com',
    ],
    ['x: !!binary aGk=', '1:4 tag tags have no meaning here (remove it; quotes make a value text)', 'aGk='],
    ['x: !custom 1', '1:4 tag tags have no meaning here (remove it; quotes make a value text)', '1'],
  ];
  for (const [text, finding, meant] of cases) {
    it(`is refused, and goes on as what was meant: ${text}`, () => {
      const { root, findings } = readYaml(text, 'routes.yaml');
      assert.deepEqual(findings.map(tell), [finding]);
      assert.deepEqual(plain(child(root, 'x')), meant);
    });
  }

  it('is refused as a key that comes twice, quoted or not', () => {
    assert.deepEqual(told('"1": a\nb: 1\n1: b'), ['3:1 duplicate-key "1" is already on line 1, column 1']);
  });

  it('is refused as a key that is no text', () => {
    assert.deepEqual(told('? [a]\n: 1'), [
      '1:3 bad-key a key is a single word or text (quote it if it is meant as text)',
    ]);
  });

  it('is refused as a directive that changes what words mean', () => {
    const finding =
      '1:1 directive this directive would change what the file means (remove this line: the file is read as YAML 1.2)';
    assert.deepEqual(told('%YAML 1.1\n---\na: yes'), [finding]);
    assert.deepEqual(told('%FOO bar\n---\na: yes'), [finding]);
    assert.deepEqual(plain(rootOf('%YAML 1.2\n---\na: yes')), { a: 'yes' });
  });
});

describe('anchors', () => {
  it('may be used any number of times', () => {
    const uses = Array.from({ length: 500 }, (_, index) => `r${index}: *a`).join('\n');
    assert.equal(rootOf(`base: &a { b: 1 }\n${uses}`).entries.length, 501);
  });

  it('merge into maps, whose own keys win', () => {
    const text = 'one: &one { a: 1, b: 1 }\ntwo: &two { b: 2, c: 2 }\nx:\n  c: own\n  <<: [*one, *two]\n';
    assert.deepEqual(plain(child(rootOf(text), 'x')), { c: 'own', a: '1', b: '1' });
  });

  it('merge only maps, and only once per map', () => {
    assert.deepEqual(told('<<: 3'), ['1:5 bad-merge << merges maps (name an anchor: <<: *anchor)']);
    assert.deepEqual(told('a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a'), [
      '4:3 duplicate-key "<<" is already on line 3, column 3 (merge several with <<: [*a, *b])',
    ]);
  });

  it('cannot hold themselves', () => {
    assert.deepEqual(told('a: &a [*a]'), ['1:8 circular-alias *a is inside what it stands for']);
  });

  it('cannot make a small file stand for a huge one', () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const uses = Array.from({ length: 9 }, () => `*l${level}`).join(', ');
      return `l${level + 1}: &l${level + 1} [${uses}]`;
    });
    const all = told(`l0: &l0 x\n${levels.join('\n')}`);
    assert.equal(all.length, 1);
    assert.match(all[0] ?? '', /too-many-aliases aliases make this file stand for more than 2000000 values/);
  });
});

describe('a file', () => {
  it('must hold something, and a map at that', () => {
    for (const nothing of ['', '\n', '# only a comment\n', '---\n', 'null']) {
      assert.deepEqual(told(nothing), ['1:1 empty-file this file holds no settings'], JSON.stringify(nothing));
    }
    assert.deepEqual(told('- a'), ['1:3 wrong-type a file of settings is a map, not a list (a key ends with ": ")']);
    assert.deepEqual(told('key:value'), [
      '1:1 wrong-type a file of settings is a map, not text (a key ends with ": ")',
    ]);
  });

  it('must be text', () => {
    const hint = 'this is not text (save the file as UTF-8, without control characters)';
    assert.deepEqual(told('a: \u0000b'), [`1:4 not-text ${hint}`]);
    assert.deepEqual(told(Buffer.from([0x61, 0x3a, 0x20, 0xff]).toString('utf8')), [`1:4 not-text ${hint}`]);
  });

  it('is nested only as deep as people write', () => {
    assert.deepEqual(told(`a: ${'['.repeat(101)}${']'.repeat(101)}`), [
      '1:103 too-deep this is nested more than 100 deep',
    ]);
  });

  it('is nested only as deep as people write, also through aliases', () => {
    const chain = Array.from({ length: 150 }, (_, level) => `l${level + 1}: &l${level + 1} [*l${level}]`);
    const first = told(`l0: &l0 x\n${chain.join('\n')}`)[0];
    assert.equal(first, '101:14 too-deep this is nested more than 100 deep');
    const [open, close] = ['['.repeat(60), ']'.repeat(60)];
    assert.deepEqual(told(`a: &a [${open}${close}, &b y]\nc: ${open}*a${close}`), [
      '2:64 too-deep this is nested more than 100 deep',
    ]);
  });

  it('may have Windows line ends', () => {
    assert.deepEqual(told('a: 1\r\nb: 2\r\na: 3\r\n'), ['3:1 duplicate-key "a" is already on line 1, column 1']);
  });
});
