// The canonical path: one spelling for each resource, and a refusal for what two servers could read differently.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type CanonicalFault, canonicalTarget, splitAbsolute } from '../../src/edge/canonical-path.ts';

function pathOf(url: string): string {
  const target = canonicalTarget(url);
  assert.ok(!('reason' in target), `${url} was refused: ${JSON.stringify(target)}`);
  return target.path;
}

function reasonOf(url: string): CanonicalFault['reason'] | undefined {
  const target = canonicalTarget(url);
  return 'reason' in target ? target.reason : undefined;
}

suite('one spelling', () => {
  const spellings: Record<string, readonly string[]> = {
    '/': ['/', '//', '/.', '/..', '/./', '/../..', '/a/..', '/%2e%2e/', '///'],
    '/v1/orders': ['/v1/orders', '//v1//orders', '/v1/./orders', '/v1/x/../orders', '/v1/%6Frders', '/../v1/orders'],
    '/v1/orders/': ['/v1/orders/', '/v1/orders//', '/v1/orders/.', '/v1/orders/x/..', '/v1/orders/x/%2E%2e'],
    '/evil/x': ['//evil/x', '/.//evil/x', '/a/..//evil/x', '/%2e/evil/x'],
    '/~a-b_c.d': ['/%7ea%2Db%5fc%2ed'],
    '/%C3%A9': ['/%c3%a9', '/%C3%a9'],
    '/a%3Ab:c': ['/a%3ab:c'],
    '/%7Bid%7D%7C': ['/{id}|', '/%7bid%7d%7c'],
    '/.well-known/..a/a..': ['/.well-known/..a/a..'],
    '/100%25': ['/100%25'],
  };
  for (const [canonical, urls] of Object.entries(spellings)) {
    test(`${canonical} is spelled ${urls.join('  ')}`, () => {
      for (const url of urls) assert.equal(pathOf(url), canonical, url);
    });
  }

  test('case and a trailing slash make another path', () => {
    assert.equal(pathOf('/V1/Orders'), '/V1/Orders');
    assert.notEqual(pathOf('/v1/orders/'), pathOf('/v1/orders'));
  });

  test('the query is not touched', () => {
    const target = canonicalTarget("/a/../b?x=%2e%2E//..;%zz&y=\\{}|'%00?");
    assert.deepEqual(target, { path: '/b', query: "?x=%2e%2E//..;%zz&y=\\{}|'%00?", encodedSlash: false });
    assert.deepEqual(canonicalTarget('/b?'), { path: '/b', query: '?', encodedSlash: false });
  });

  test('an encoded slash stays encoded and is reported', () => {
    assert.deepEqual(canonicalTarget('/files/a%2fb'), { path: '/files/a%2Fb', query: '', encodedSlash: true });
    assert.deepEqual(canonicalTarget('/a%2fb/../c?%2F'), { path: '/c', query: '?%2F', encodedSlash: false });
  });
});

suite('refused', () => {
  const refusals: Record<CanonicalFault['reason'], readonly string[]> = {
    backslash: ['/\\evil', '/a\\..\\b', '/%5c', '/a%5Cb'],
    control_character: [
      '/a\0',
      '/a%00',
      '/a%0d%0aX: y',
      '/%1f',
      '/%7F',
      '/a b',
      '/a\tb',
      '/a?b c',
      '/a?\r\n',
      '/?\x7f',
    ],
    double_encoding: ['/%252e%252e/x', '/a%252Fb', '/%255c', '/x%2500', '/%25252f', '/%25%32%65', '/%25%32f'],
    encoded_dot_segment: ['/files/..%2fadmin', '/a%2F../b', '/%2e%2e%2fx', '/a%2f.%2Fb', '/a%2F..'],
    fragment: ['/a#b', '/a?b#c', '/#'],
    invalid_utf8: ['/%c0%ae%c0%ae/', '/%C0%AF', '/%ff', '/%e9', '/%ED%A0%80', '/%F5%80%80%80'],
    malformed_escape: ['/%', '/%2', '/a%zz', '/%u002e', '/%-1', '/%+1'],
    non_ascii: ['/é', '/\u{ff0e}\u{ff0e}/', '/a?é', '/\x80'],
    not_origin_form: ['', '*', 'v1/orders', 'http://a/b', '?a'],
    semicolon: ['/a;b', '/a;/../b', '/..;/admin', '/a;v=1'],
  };
  for (const [reason, urls] of Object.entries(refusals)) {
    for (const url of urls) test(`${JSON.stringify(url)}: ${reason}`, () => assert.equal(reasonOf(url), reason));
  }

  test('with a detail for the client', () => {
    assert.deepEqual(canonicalTarget('/a;b'), {
      reason: 'semicolon',
      detail: 'the path contains a semicolon; percent-encode it if it is part of a name',
    });
  });
});

suite('for any input', () => {
  const pieces = [
    '/',
    '//',
    '.',
    '..',
    '%2e',
    '%2E',
    '%',
    '%25',
    '%2f',
    '%2F',
    '2e',
    '2f',
    '5c',
    '00',
    '%5c',
    '%00',
    ';',
    '\\',
  ].concat([
    'a',
    'B',
    'é',
    '%c3%a9',
    '%C3',
    '%A9',
    ' ',
    '?',
    '#',
    ':',
    '%3a',
    '{',
    '|',
    '%7E',
    '~',
    '*',
    '%2A',
    '%32',
    '%35',
  ]);

  /** Deterministic (mulberry32), so that a failure can be repeated. */
  function randomTargets(count: number): string[] {
    let seed = 20_261_121;
    const next = (below: number): number => {
      seed = (seed + 0x6d2b79f5) | 0;
      let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
    };
    return Array.from({ length: count }, () => {
      return `/${Array.from({ length: 1 + next(9) }, () => pieces[next(pieces.length)]).join('')}`;
    });
  }

  test('the canonical form of a canonical target is itself, and holds nothing that moves a path', () => {
    let accepted = 0;
    for (const url of randomTargets(40_000)) {
      const target = canonicalTarget(url);
      if ('reason' in target) continue;
      accepted++;
      assert.deepEqual(canonicalTarget(target.path + target.query), target, url);
      assert.match(target.path, /^\/(?!\/)[A-Za-z0-9\-._~!$&'()*+,=:@/%]*$/, url);
      assert.doesNotMatch(target.path, /\/\/|\/\.\.?(\/|$)|%(?:00|5C|2E|25(?:25)*(?:2[ef]|5c|00))/i, url);
      const decoded = decodeURIComponent(target.path.replaceAll('%2F', '\u2215'));
      assert.doesNotMatch(decoded, /(^|[/\u2215])\.\.?([/\u2215]|$)/, url);
    }
    assert.ok(accepted > 5_000, `only ${accepted} were accepted`);
  });

  test('equivalent escapes of a clean path lead to that path', () => {
    const path = '/v1/Orders/a-b.c_d~7';
    for (let i = 1; i < path.length; i++) {
      if (path[i] === '/') continue;
      const spelled = `%${path.charCodeAt(i).toString(16)}`;
      assert.equal(pathOf(path.slice(0, i) + spelled + path.slice(i + 1)), path);
    }
  });

  test('long hostile targets are read in linear time', () => {
    const hostile = [
      '/'.repeat(8192),
      '/..'.repeat(2700),
      `${'/a'.repeat(4000)};`,
      '/%25'.repeat(2000),
      '/a/..'.repeat(1600),
    ];
    for (const url of hostile) canonicalTarget(url);
    assert.equal(pathOf(`${'/a/..'.repeat(100_000)}/b`), '/b');
  });
});

suite('a target in absolute form', () => {
  test('is split into scheme, authority and origin form', () => {
    assert.deepEqual(splitAbsolute('HTTP://Host:80/a?b'), { scheme: 'http', authority: 'Host:80', target: '/a?b' });
    assert.deepEqual(splitAbsolute('https://[::1]:8443'), { scheme: 'https', authority: '[::1]:8443', target: '/' });
    assert.deepEqual(splitAbsolute('http://a?b'), { scheme: 'http', authority: 'a', target: '/?b' });
  });

  test('cannot hide its authority: user info and backslashes are part of it', () => {
    assert.equal(splitAbsolute('http://good@evil/')?.authority, 'good@evil');
    assert.equal(splitAbsolute('http://good\\@evil/')?.authority, 'good\\@evil');
    assert.equal(splitAbsolute('http:///a')?.authority, '');
  });

  test('is nothing else', () => {
    for (const url of ['/a://b', '*', 'host:443', 'mailto:a', '//a/b', '']) assert.equal(splitAbsolute(url), undefined);
  });
});
