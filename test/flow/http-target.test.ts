// Where a request goes: host, method and target are read in one way only.
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { suiteCleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import { Observed } from '../support/observed.ts';
import { type Origin, startOrigin } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { rawConnect, rawRequest } from '../support/raw.ts';

const get = (target: string, host = 'Host: a\r\n'): string => `GET ${target} HTTP/1.1\r\n${host}\r\n`;

const REFUSED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'request.host': {
    'no Host': get('/', ''),
    'two Hosts': get('/', 'Host: a\r\nHost: b\r\n'),
    'two equal Hosts': get('/', 'Host: a\r\nHost: a\r\n'),
    'an empty Host': get('/', 'Host:\r\n'),
    'a Host with a user': get('/', 'Host: a@b\r\n'),
    'a Host with a path': get('/', 'Host: a/b\r\n'),
    'a Host with a scheme': get('/', 'Host: http://a\r\n'),
    'a Host with a space': get('/', 'Host: a b\r\n'),
    'a Host with a comma': get('/', 'Host: a,b\r\n'),
    'a Host with an escape': get('/', 'Host: a%00\r\n'),
    'a Host with an odd port': get('/', 'Host: a:80a\r\n'),
    'a Host beyond ASCII': get('/', 'Host: \xe9\r\n'),
    'a target that names another host': get('http://b/x'),
    'a target that names another port': get('http://a:81/x'),
    'a target that names a user': get('http://a@b/x'),
    'a target without a host': get('http:///x'),
  },
  'request.target': {
    '* with GET': get('*'),
    'a fragment': get('/x#y'),
    'a fragment in the query': get('/x?y#z'),
    'an encoded NUL': get('/x%00'),
    'an encoded line break': get('/x%0d%0aX-A:%20b'),
    'an encoded backslash': get('/x%5cy'),
    'a backslash': get('/\\evil'),
    'path parameters': get('/x;y=z/w'),
    'double encoding': get('/%252e%252e/x'),
    'an overlong encoding': get('/%c0%ae%c0%ae/x'),
    'a broken escape': get('/%zz'),
  },
  'request.malformed': {
    'a control character': get('/a\x01'),
    DEL: get('/a\x7f'),
    'a tab': get('/a\tb'),
    'a space': get('/a b'),
    'a target that is no path': get('x'),
    'a scheme without a host': get('javascript:alert'),
  },
  'route.encoded_slash': { 'an encoded slash': get('/x%2fy'), 'an encoded slash in capitals': get('/x%2Fy') },
  'route.not_found': {
    'a path of another host': get('/api/only', 'Host: a\r\n'),
    'a host that ends like the route’s': get('/api/only', 'Host: evil-api.example\r\n'),
    'a host that begins like the route’s': get('/api/only', 'Host: api.example.evil\r\n'),
  },
};

const STATUS: Readonly<Record<string, number>> = { 'route.not_found': 404 };

suite('targets', () => {
  let gateway: RunningGateway;
  let observed: Observed;
  let origin: Origin;
  const t = suiteCleanUp(after);

  before(async () => {
    origin = await startOrigin(t);
    gateway = await startGateway(t, {
      gateway: { limits: { url_bytes: '1KiB' } },
      routes: {
        version: 1,
        defaults: { auth: 'none' },
        upstreams: { orders: origin.url },
        routes: {
          top: { match: '/', to: 'orders' },
          x: { match: '/x/**', to: 'orders' },
          evil: { match: '/evil/**', to: 'orders' },
          files: { match: 'GET /files/{name}', encoded_slashes: true, to: 'orders' },
          api: { match: { path: '/api/only', host: 'api.example' }, to: 'orders' },
          put: { match: 'PUT,PATCH /put', to: 'orders' },
          encoded: { match: '/{name}', to: 'orders' },
          'not-here': { match: { path: '/api/only', host: 'b.example' }, to: 'orders' },
        },
      },
    });
    observed = new Observed(gateway);
    t.after(() => observed.atRest());
  });

  for (const [code, cases] of Object.entries(REFUSED)) {
    for (const [name, bytes] of Object.entries(cases)) {
      test(`${name}: ${code}, and the upstream sees nothing`, async (each) => {
        const earlier = origin.started;
        const response = await rawRequest(each, gateway.port, Buffer.from(bytes, 'latin1'));
        assertProblem(response, STATUS[code] ?? 400, code);
        assert.equal((await observed.line(String(response.header('x-request-id')))).reason, code);
        assert.equal(origin.started, earlier);
      });
    }
  }

  const forwarded: Readonly<Record<string, readonly [bytes: string, url: string]>> = {
    'an absolute target that agrees with Host': [get('http://a/x?y=1'), '/x?y=1'],
    'an absolute target in another case': [get('HTTP://A/x'), '/x'],
    'an absolute target with the port of Host': [get('http://a:8080/x', 'Host: a:8080\r\n'), '/x'],
    'an absolute target without a path': [get('http://a'), '/'],
    'two slashes at the start': [get('//evil/x'), '/evil/x'],
    'dot segments': [get('/a/../x/./y/%2e%2e/z'), '/x/z'],
    'dot segments above the root': [get('/../../x'), '/x'],
    'escapes of plain characters': [get('/%78/%79'), '/x/y'],
    'lower-case escapes': [get('/x/%c3%a9'), '/x/%C3%A9'],
    'braces and quotes': [get('/x/{"a"}'), '/x/%7B%22a%22%7D'],
    'any query': [get('/x?a=%2e%2E//..;%zz&b={}|'), '/x?a=%2e%2E//..;%zz&b={}|'],
    'an encoded slash where the route takes it': [get('/files/a%2fb'), '/files/a%2Fb'],
    'a host in capitals, with a port and a dot at its end': [
      get('/api/only', 'Host: API.Example.:8080\r\n'),
      '/api/only',
    ],
    'HTTP/1.0 without a Host': ['GET /x HTTP/1.0\r\n\r\n', '/x'],
  };
  for (const [name, [bytes, url]] of Object.entries(forwarded)) {
    test(`${name}: the upstream gets ${url}`, async (each) => {
      const earlier = origin.received.length;
      const response = await rawRequest(each, gateway.port, bytes);
      assert.equal(response.status, 200, response.body.toString());
      assert.deepEqual(
        origin.received.slice(earlier).map((request) => request.url),
        [url],
      );
      assert.equal(origin.received[earlier]?.header('host'), `127.0.0.1:${origin.port}`);
    });
  }

  test('a URL beyond the limit is 414, whether or not its header section fits', async (each) => {
    for (const length of [1_025, 20_000]) {
      const response = await rawRequest(each, gateway.port, get(`/${'x'.repeat(length - 1)}`));
      assertProblem(response, 414, 'request.url_too_long');
      assert.equal((await observed.line(String(response.header('x-request-id')))).status, 414);
    }
    const longest = await rawRequest(each, gateway.port, get(`/x?${'x'.repeat(1_021)}`));
    assert.equal(longest.status, 200);
  });

  test('TRACE and CONNECT are refused with what is allowed', async (each) => {
    for (const request of [
      'TRACE /x HTTP/1.1\r\nHost: a\r\nX-Api-Key: k\r\n\r\n',
      'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n',
    ]) {
      const earlier = origin.started;
      const response = await rawRequest(each, gateway.port, request);
      assertProblem(response, 405, 'request.method');
      assert.equal(response.header('allow'), 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
      assert.equal((await observed.line(String(response.header('x-request-id')))).reason, 'request.method');
      assert.equal(origin.started, earlier);
    }
  });

  test('a method that the path does not take is 405 with those it does', async (each) => {
    const response = await rawRequest(each, gateway.port, 'DELETE /put HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(response.status, 200, 'the wider route takes it');
    const files = await rawRequest(each, gateway.port, 'DELETE /files/x HTTP/1.1\r\nHost: a\r\n\r\n');
    assertProblem(files, 405, 'route.method_not_allowed');
    assert.equal(files.header('allow'), 'GET, HEAD');
  });

  test('OPTIONS * is answered here', async (each) => {
    const earlier = origin.started;
    const response = await rawRequest(each, gateway.port, 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(response.status, 204);
    assert.equal(response.header('allow'), 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
    assert.match(response.header('x-request-id') ?? '', /./);
    assert.equal(origin.started, earlier);
  });

  test('Max-Forwards on OPTIONS is counted down, and ends here at 0', async (each) => {
    const options = (value: string): string => `OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: ${value}\r\n\r\n`;
    const earlier = origin.received.length;
    const client = await rawConnect(each, gateway.port);
    assert.equal((await client.send(options('0')).response()).status, 204);
    assert.equal(origin.started, earlier);
    assert.equal((await client.send(options('7')).response()).status, 200);
    assert.equal(origin.received[earlier]?.header('max-forwards'), '6');
    assert.equal((await client.send(options('-1')).response()).status, 200);
    assert.equal(origin.received[earlier + 1]?.header('max-forwards'), '-1');
  });

  test('a refusal says nothing that a page could run, and nothing of the query', async (each) => {
    const response = await rawRequest(each, gateway.port, get('/nobody/<script>?token=canary'));
    const { detail } = assertProblem(response, 404, 'route.not_found');
    assert.equal(detail, 'no route matches a /nobody/%3Cscript%3E');
  });
});
