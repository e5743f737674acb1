// The match table: the most specific route wins, whatever the order of the file and the number of routes.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { MatchTable } from '../../src/route/table.ts';
import { type Conditions, conflictsOf, request, routes, tableOf } from './matches.ts';

function found(table: MatchTable<string>, text: string, conditions?: Conditions): string | undefined {
  const result = table.find(request(text, conditions));
  return result !== undefined && 'value' in result ? result.value : undefined;
}

function params(table: MatchTable<string>, text: string): readonly string[] {
  const result = table.find(request(text));
  assert.ok(result !== undefined && 'params' in result, `nothing found for ${text}`);
  return result.params;
}

function allowed(table: MatchTable<string>, text: string, conditions?: Conditions): readonly string[] | undefined {
  const result = table.find(request(text, conditions));
  return result !== undefined && 'allow' in result ? result.allow : undefined;
}

function spelledLike(table: MatchTable<string>, text: string): string | undefined {
  const result = table.find(request(text));
  return result !== undefined && 'spelledLike' in result ? result.spelledLike : undefined;
}

/** Counts how many conditions a look-up asks about: one for each route it considers. */
function considered(table: MatchTable<string>, text: string): number {
  let asked = 0;
  table.find({
    ...request(text),
    header: () => {
      asked++;
      return undefined;
    },
  });
  return asked;
}

suite('the path', () => {
  const ladder = ['/v1/orders/open', '/v1/orders/o{x}', '/v1/orders/{id}', '/v1/orders/**', '/v1/**', '/**'];

  test('is compared from left to right: literal, literal with a parameter, parameter, rest', () => {
    for (const order of [ladder, ladder.toReversed()]) {
      const table = tableOf(...order);
      assert.equal(found(table, 'GET /v1/orders/open'), '/v1/orders/open');
      assert.equal(found(table, 'GET /v1/orders/over'), '/v1/orders/o{x}');
      assert.equal(found(table, 'GET /v1/orders/7'), '/v1/orders/{id}');
      assert.equal(found(table, 'GET /v1/orders/7/lines'), '/v1/orders/**');
      assert.equal(found(table, 'GET /v1/orders'), '/v1/orders/**');
      assert.equal(found(table, 'GET /v1/orders/'), '/v1/orders/**');
      assert.equal(found(table, 'GET /v1'), '/v1/**');
      assert.equal(found(table, 'GET /'), '/**');
    }
  });

  test('is decided by the first segment that differs', () => {
    const table = tableOf('/{a}/b/c', '/a/**');
    assert.equal(found(table, 'GET /a/b/c'), '/a/**');
  });

  test('with a trailing slash is another one', () => {
    const table = tableOf('/v1/orders', '/v2/orders/');
    assert.equal(table.find(request('GET /v1/orders/')), undefined);
    assert.equal(table.find(request('GET /v2/orders')), undefined);
    assert.equal(found(table, 'GET /v2/orders/'), '/v2/orders/');
  });

  test('gives parameters in order, percent-encoded', () => {
    const table = tableOf('/{owner}/{repo}/compare/{base}...{head}', '/{owner}/c/**', '/x/y');
    assert.deepEqual(params(table, 'GET /a%2Fb/%C3%A9/compare/main...dev%20x'), ['a%2Fb', '%C3%A9', 'main', 'dev%20x']);
    assert.deepEqual(params(table, 'GET /a/c/compare/main'), ['a']);
    assert.deepEqual(params(table, 'GET /x/y'), []);
  });

  test('is not walked around by escaping a reserved character', () => {
    const table = tableOf('POST /jobs/{id}:cancel', '/jobs/{id}', 'GET /a@b');
    assert.equal(found(table, 'POST /jobs/7%3Acancel'), 'POST /jobs/{id}:cancel');
    assert.equal(found(table, 'GET /a%40b'), 'GET /a@b');
    assert.deepEqual(params(table, 'GET /jobs/7%3Acancel'), ['7%3Acancel']);
  });

  test('of the narrower of two mixed segments wins', () => {
    const table = tableOf('/{name}.json', '/v{major}.json', '/{name}.tar.gz', '/{name}.gz');
    assert.equal(found(table, 'GET /v1.json'), '/v{major}.json');
    assert.equal(found(table, 'GET /x.json'), '/{name}.json');
    assert.equal(found(table, 'GET /x.tar.gz'), '/{name}.tar.gz');
    assert.equal(found(table, 'GET /x.gz'), '/{name}.gz');
  });

  test('may use names that objects have of their own', () => {
    const table = tableOf('/__proto__/constructor', '/{x}');
    assert.equal(found(table, 'GET /__proto__/constructor'), '/__proto__/constructor');
    assert.equal(found(table, 'GET /toString'), '/{x}');
    assert.equal(table.find(request('GET /toString/x')), undefined);
  });
});

suite('the method', () => {
  test('takes part in backing up: GET /a/{x} serves GET /a/b although POST /a/b exists', () => {
    const table = tableOf('GET /a/{x}', 'POST /a/b');
    assert.equal(found(table, 'GET /a/b'), 'GET /a/{x}');
    assert.deepEqual(params(table, 'GET /a/b'), ['b']);
    assert.equal(found(table, 'POST /a/b'), 'POST /a/b');
  });

  test('backs up over several segments and forgets their parameters', () => {
    const table = tableOf('GET /a/{x}/{y}/end', 'GET /a/{x}/c{y}/other', '/{p}/**');
    assert.deepEqual(params(table, 'GET /a/b/cd/none'), ['a']);
    assert.deepEqual(params(table, 'GET /a/b/cd/end'), ['b', 'cd']);
  });

  test('HEAD is served by GET, unless a route names it', () => {
    const table = tableOf('GET /a', 'GET /b', 'HEAD,POST /b');
    assert.equal(found(table, 'HEAD /a'), 'GET /a');
    assert.equal(found(table, 'HEAD /b'), 'HEAD,POST /b');
  });

  test('left out means any but TRACE and CONNECT', () => {
    const table = tableOf('/a');
    for (const method of ['GET', 'HEAD', 'PURGE', 'QUERY']) assert.equal(found(table, `${method} /a`), '/a');
    assert.deepEqual(allowed(table, 'TRACE /a'), ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT']);
  });

  test('that no route of the path has is answered with those it has', () => {
    const table = tableOf('GET /a/{x}', 'PUT,DELETE /a/b', 'POST /a/**', 'POST /c');
    assert.deepEqual(allowed(table, 'PATCH /a/b'), ['DELETE', 'GET', 'HEAD', 'POST', 'PUT']);
    assert.deepEqual(allowed(table, 'PATCH /a/z'), ['GET', 'HEAD', 'POST']);
    assert.deepEqual(allowed(table, 'GET /c'), ['POST']);
    assert.equal(table.find(request('GET /d')), undefined);
  });
});

suite('the host', () => {
  const table = tableOf(['GET /a', { host: 'api.example.com' }], 'GET /**', 'POST /a', [
    '/{x}',
    { host: 'www.example.com' },
  ]);

  test('comes first, and falls back to routes of any host', () => {
    assert.equal(found(table, 'GET /a', { host: 'api.example.com' }), 'GET /a {"host":"api.example.com"}');
    assert.equal(found(table, 'GET /a', { host: 'www.example.com' }), '/{x} {"host":"www.example.com"}');
    assert.equal(found(table, 'GET /a', { host: 'other.example.com' }), 'GET /**');
    assert.equal(found(table, 'POST /a', { host: 'api.example.com' }), 'POST /a');
  });

  test('is never matched by a part of it', () => {
    for (const host of ['api.example.com.evil.example', 'xapi.example.com', 'example.com', '']) {
      assert.equal(found(table, 'GET /a', { host }), 'GET /**');
    }
  });

  test('decides which methods a path has', () => {
    const apart = tableOf(['GET /a', { host: 'one.example' }], ['POST /a', { host: 'two.example' }]);
    assert.deepEqual(allowed(apart, 'POST /a', { host: 'one.example' }), ['GET', 'HEAD']);
    assert.equal(apart.find(request('POST /a', { host: 'three.example' })), undefined);
  });
});

suite('conditions', () => {
  const table = tableOf(
    'GET /a',
    ['GET /a', { headers: { 'x-beta': '1' } }],
    ['GET /a', { headers: { 'x-beta': '1' }, query: { v: '2' } }],
    ['GET /a', { query: { v: '3', w: 'é&' } }],
    ['GET /b', { query: { v: '1' } }],
    ['GET /b', { query: { v: '2' } }],
    ['GET /b/c', { headers: { 'x-beta': '1' } }],
    'GET /b/{x}',
  );

  test('most of them win, of those that all hold', () => {
    const beta = { headers: { 'x-beta': '1' } };
    assert.equal(found(table, 'GET /a'), 'GET /a');
    assert.equal(found(table, 'GET /a', beta), 'GET /a {"headers":{"x-beta":"1"}}');
    assert.equal(found(table, 'GET /a?v=2', beta), 'GET /a {"headers":{"x-beta":"1"},"query":{"v":"2"}}');
    assert.equal(found(table, 'GET /a?v=2'), 'GET /a');
    assert.equal(found(table, 'GET /a', { headers: { 'x-beta': '11' } }), 'GET /a');
  });

  test('on the query compare decoded values', () => {
    assert.equal(found(table, 'GET /a?w=%c3%a9%26&x&v=%33'), 'GET /a {"query":{"v":"3","w":"é&"}}');
    assert.equal(found(table, 'GET /b?v=1'), 'GET /b {"query":{"v":"1"}}');
    assert.equal(found(table, 'GET /b?v=1&v=1'), 'GET /b {"query":{"v":"1"}}');
  });

  test('on a parameter given twice with different values do not hold: the upstream might read either', () => {
    assert.equal(found(table, 'GET /b?v=1&v=2'), undefined);
    assert.equal(found(table, 'GET /b?v=2&v=1'), undefined);
  });

  test('that fail make way for a less specific path', () => {
    assert.equal(found(table, 'GET /b/c'), 'GET /b/{x}');
  });

  test('that fail are a 404, not a 405, when a route has the method', () => {
    assert.equal(table.find(request('GET /b')), undefined);
    assert.deepEqual(allowed(table, 'POST /b'), ['GET', 'HEAD']);
  });

  test('cannot be met by values that run into each other', () => {
    const joined = tableOf(['/a', { query: { a: '1', b: '1:2' } }]);
    assert.equal(found(joined, 'GET /a?a=1:1&b=2'), undefined);
    assert.equal(found(joined, 'GET /a?a=1&b=1:2'), '/a {"query":{"a":"1","b":"1:2"}}');
  });
});

suite('two routes that could both win', () => {
  test('are named, whatever their parameters are called', () => {
    assert.deepEqual(conflictsOf('GET /a/{x}', 'GET,POST /a/{y}'), [{ a: 'GET /a/{x}', b: 'GET,POST /a/{y}' }]);
    assert.deepEqual(conflictsOf('/a', 'GET /a'), [{ a: '/a', b: 'GET /a' }]);
    assert.deepEqual(conflictsOf('/a/**', 'GET /a/**').length, 1);
    assert.deepEqual(conflictsOf('/a%3Ab', '/a:b').length, 1);
    assert.deepEqual(conflictsOf(['/a', { host: 'a.example' }], ['GET /a', { host: 'a.example' }]).length, 1);
  });

  test('are also those that ask for as many, but other conditions', () => {
    assert.equal(conflictsOf(['/a', { headers: { 'x-a': '1' } }], ['/a', { headers: { 'x-b': '1' } }]).length, 1);
    assert.equal(conflictsOf(['/a', { headers: { v: '1' } }], ['/a', { query: { v: '2' } }]).length, 1);
    const [shared, other] = [{ query: { v: '1', w: '1' } }, { query: { v: '1', x: '1' } }];
    assert.equal(conflictsOf(['/a', shared], ['/a', other]).length, 1);
  });

  test('are also rival mixed segments, when a request can meet both', () => {
    const rivals = conflictsOf('GET /a/{x}.json/c', 'GET /a/v{y}/{z}');
    assert.deepEqual(rivals, [{ a: 'GET /a/{x}.json/c', b: 'GET /a/v{y}/{z}' }]);
    assert.deepEqual(conflictsOf('/{x}a{y}', '/{x}b{y}'), [{ a: '/{x}a{y}', b: '/{x}b{y}' }]);
  });

  test('are not those with disjoint methods, hosts, conditions or paths, or of which one is more specific', () => {
    assert.deepEqual(conflictsOf('GET /a', 'POST /a', 'HEAD /a', '/{x}', '/**'), []);
    assert.deepEqual(conflictsOf('/a', ['/a', { host: 'a.example' }], ['/a', { host: 'b.example' }]), []);
    assert.deepEqual(conflictsOf(['/a', { query: { v: '1' } }], ['/a', { query: { v: '2' } }], '/a'), []);
    const [one, two] = [{ query: { v: '1', w: '1' } }, { query: { v: '2', x: '1' } }];
    assert.deepEqual(conflictsOf(['/a', one], ['/a', two], ['/a', { headers: { h: '1' } }]), []);
    assert.deepEqual(conflictsOf('/{x}.json', '/v{x}.json', '/{x}.xml', '/{a}-{b}.xml'), []);
    assert.deepEqual(conflictsOf('GET /{x}.json', 'POST /v{x}', '/{x}.json/a', '/v{x}/b'), []);
  });

  test('are found among ten thousand, each once', () => {
    const many = Array.from({ length: 10_000 }, (_, i) => [`/same`, { query: { v: String(i) } }] as const);
    assert.deepEqual(conflictsOf(...many), []);
    const copies = routes(...many.slice(0, 5_000), ...many.slice(0, 5_000));
    assert.equal(MatchTable.build(copies).conflicts.length, 5_000);
    const ends = Array.from({ length: 10_000 }, (_, i) => `/files/{name}.x${i}y`);
    assert.deepEqual(conflictsOf(...ends), []);
    assert.equal(conflictsOf(...ends, '/files/a{name}').length, 10_000);
  });
});

suite('the cost of a look-up', () => {
  const beta = { headers: { 'x-beta': '1' } };

  test('does not grow with the routes beside the path', () => {
    const beside = Array.from({ length: 10_000 }, (_, i) => [`/v1/${i}/{id}`, beta] as const);
    const suffixes = Array.from({ length: 1_000 }, (_, i) => [`/v1/7/{id}.x${i}y`, beta] as const);
    assert.equal(considered(tableOf(...beside, ...suffixes), 'GET /v1/7/a.x8y'), 2);
  });

  test('does not grow with the routes of one path that differ in a condition', () => {
    const values = Array.from({ length: 10_000 }, (_, i) => ['/v1', { headers: { 'x-tenant': String(i) } }] as const);
    const table = tableOf(...values);
    assert.equal(considered(table, 'GET /v1'), 1);
    assert.equal(found(table, 'GET /v1', { headers: { 'x-tenant': '9999' } }), '/v1 {"headers":{"x-tenant":"9999"}}');
  });

  test('is at most one visit to each place the path meets, even in a tree made to be backed out of', () => {
    const depth = 10;
    const hostile = Array.from({ length: 2 ** depth }, (_, bits) => {
      const segments = Array.from({ length: depth }, (_each, i) => ((bits >> i) & 1 ? 'a' : `{p${i}}`));
      return [`/${segments.join('/')}`, beta] as const;
    });
    const table = tableOf(...hostile);
    assert.equal(considered(table, `GET /${'a/'.repeat(depth - 1)}a`), 2 ** depth);
    assert.equal(considered(table, `GET /${'a/'.repeat(depth - 1)}b`), 2 ** (depth - 1));
  });

  test('is bounded on paths far longer than any pattern', () => {
    const table = tableOf('/a/{x}...{y}/c', '/a/**', '/{x}');
    assert.equal(found(table, `GET /a${'/b'.repeat(1_000_000)}`), '/a/**');
    assert.equal(table.find(request(`GET /b${'/'.repeat(1_000_000)}`)), undefined);
    assert.equal(found(table, `GET /a/${'.-'.repeat(500_000)}/c`), '/a/**');
  });
});

suite('another spelling of a more specific path', () => {
  test('is nobody’s: a server that ignores case or a trailing slash would be reached past its policies', () => {
    const table = tableOf('/admin', '/v1/orders/{id}/cancel', '/v1/jobs/{id}:stop', '/Users/{id}', '/end/', '/**');
    const spellings: Record<string, readonly string[]> = {
      '/admin': ['/Admin', '/admin/', '/ADMIN/'],
      '/v1/orders/{id}/cancel': ['/V1/orders/7/cancel', '/v1/Orders/A/CANCEL/', '/v1/orders/7/cancel/'],
      '/v1/jobs/{id}:stop': ['/v1/jobs/7:Stop', '/v1/JOBS/7:stop'],
      '/Users/{id}': ['/users/7', '/USERS/7', '/Users/7/'],
      '/end/': ['/end', '/End/', '/END'],
    };
    for (const [pattern, paths] of Object.entries(spellings)) {
      for (const path of paths) assert.equal(spelledLike(table, `GET ${path}`), pattern, path);
    }
  });

  test('is what its own route says, when it has one', () => {
    const table = tableOf('/admin', '/admin/', '/Admin', '/a/{id}', '/a/{id}/', '/**');
    for (const path of ['/admin', '/admin/', '/Admin']) assert.equal(found(table, `GET ${path}`), path);
    assert.equal(found(table, 'GET /a/X'), '/a/{id}');
    assert.equal(found(table, 'GET /a/X/'), '/a/{id}/');
  });

  test('is a path of its own where it leads to the same route, or to none', () => {
    const table = tableOf('GET /admin', '/users/{id}', '/files/**', 'POST /**');
    assert.equal(found(table, 'GET /users/ME'), '/users/{id}');
    assert.equal(found(table, 'GET /files/README/'), '/files/**');
    assert.equal(found(table, 'POST /Admin'), 'POST /**');
    assert.equal(found(table, 'POST /caf%C3%A9/X'), 'POST /**');
    assert.deepEqual(allowed(table, 'GET /Admin'), ['POST']);
  });

  test('may have an encoded slash where that one has a separator', () => {
    const table = tableOf('/files/private/**', '/files/{name}', '/admin', '/Groups/{id}/members', '/**');
    const spellings: Record<string, readonly string[]> = {
      '/files/private/**': ['/files/private%2Fx', '/files/private%2F', '/files/Private%2Fx', '/files%2Fprivate/x'],
      '/files/{name}': ['/files%2Fx'],
      '/admin': ['/%2Fadmin', '/admin%2F', '/%2FADMIN'],
      '/Groups/{id}/members': ['/groups/7%2Fmembers'],
      '/**': ['/files/a%2Fb'],
    };
    for (const [pattern, paths] of Object.entries(spellings)) {
      for (const path of paths) assert.equal(spelledLike(table, `GET ${path}`), pattern, path);
    }
    const alone = tableOf('/projects/{id}', '/projects/{id}/issues', '/files/**');
    assert.equal(found(alone, 'GET /projects/group%2Fname'), '/projects/{id}');
    assert.deepEqual(params(alone, 'GET /projects/group%2Fname/issues'), ['group%2Fname']);
    assert.equal(found(alone, 'GET /files/a%2Fb'), '/files/**');
    assert.equal(spelledLike(alone, 'GET /projects/group%2Fissues'), '/projects/{id}/issues');
  });

  test('counts on the host that has the path', () => {
    const table = tableOf(['/admin', { host: 'api.example' }], '/**');
    assert.equal(spelledLike(table, 'GET /Admin'), undefined);
    const result = table.find(request('GET /Admin', { host: 'api.example' }));
    assert.ok(result !== undefined && 'spelledLike' in result);
  });
});

test('an empty table finds nothing', () => {
  assert.equal(tableOf().find(request('GET /')), undefined);
});
