import assert from 'node:assert/strict';
import { createHash, createHmac, createSecretKey } from 'node:crypto';
import { lookup } from 'node:dns';
import { describe, it } from 'node:test';
import { Client, type VendorRequest } from '../../../src/integration/client/client.ts';
import { sign, signatureBase } from '../../../src/integration/credentials/signature.ts';
import type { CleanUp } from '../../support/clean-up.ts';
import { type Received, startOrigin } from '../../support/origin.ts';
import { applied, never, openCredentials, requestTo } from './open-credentials.ts';

/** RFC 9421 appendix B.1.5. */
const SHARED_SECRET = 'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==';

describe('the examples of the RFCs', () => {
  it('have the signature of RFC 9421 appendix B.2.5', () => {
    const base = signatureBase(
      [
        ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
        ['@authority', 'example.com'],
        ['content-type', 'application/json'],
      ],
      '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    );
    assert.equal(
      base,
      [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@authority": example.com',
        '"content-type": application/json',
        '"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
      ].join('\n'),
    );
    const key = createSecretKey(Buffer.from(SHARED_SECRET, 'base64'));
    assert.equal(sign(key, base), 'pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=');
  });

  it('have the digests of RFC 9421 §2 and appendix B.2', async (t) => {
    const digestOf = async (digest: string): Promise<string | undefined> => {
      const { credentials } = openCredentials(t, `{ hmac: { key_id: a, secret: b, digest: ${digest} } }`);
      return (await applied(credentials, requestTo('/foo', {}, '{"hello": "world"}'))).headers.get('content-digest');
    };
    assert.equal(await digestOf('sha-256'), 'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:');
    assert.equal(
      await digestOf('sha-512'),
      'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
    );
    assert.equal(await digestOf('none'), undefined);
  });
});

interface Signed extends Received {
  readonly origin: string;
}

/** What arrives at a vendor below /v3 of a request that was signed. */
async function signed(t: CleanUp, auth: string, request: VendorRequest): Promise<Signed> {
  const vendor = await startOrigin(t);
  const url = { origin: vendor.url, basePath: '/v3' };
  const client = new Client(
    { url, connectMs: 30_000, responseMaxBytes: 1_000, requestMaxBytes: 1_000 },
    { lookup, folder: '.', onEvent: () => {} },
  );
  t.after(() => client.close());
  const { credentials } = openCredentials(t, auth, { url });
  await client.send(await applied(credentials, request), never());
  return { ...(await vendor.request(0)), origin: vendor.url };
}

/** Verifies as a vendor would: from what arrived, and from what both sides agreed on. */
function assertSigned(
  received: Signed,
  secret: Buffer | string,
  covered: readonly (readonly [component: string, value: string])[],
  keyId = 'first',
): void {
  const input = received.header('signature-input') ?? '';
  const names = covered.map(([name]) => `"${name}"`).join(' ');
  const [, created] = /;created=(\d+);/.exec(input) ?? [];
  const parameters = `(${names});created=${created};keyid=${JSON.stringify(keyId)};alg="hmac-sha256"`;
  assert.equal(input, `sig1=${parameters}`);
  const lines = covered.map(([name, value]) => `"${name}": ${value}`);
  const base = [...lines, `"@signature-params": ${parameters}`].join('\n');
  const mac = createHmac('sha256', secret).update(base, 'latin1').digest('base64');
  assert.equal(received.header('signature'), `sig1=:${mac}:`);
}

function sha256(bytes: Buffer): string {
  return `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
}

describe('a signed request', () => {
  it('covers its method, where it goes and its body', async (t) => {
    const request = requestTo('/rates?units=metric&q=%20a', {}, '{"kg":1}');
    const received = await signed(t, '{ hmac: { key_id: first, secret: hush } }', request);
    assertSigned(received, 'hush', [
      ['@method', 'POST'],
      ['@target-uri', `${received.origin}/v3/rates?units=metric&q=%20a`],
      ['content-digest', sha256(received.body)],
    ]);
    assert.equal(received.header('content-digest'), sha256(Buffer.from('{"kg":1}')));
    assert.equal(received.url, '/v3/rates?units=metric&q=%20a');
  });

  it('without a body has no digest', async (t) => {
    const received = await signed(t, '{ hmac: { key_id: first, secret: hush } }', requestTo(''));
    assert.equal(received.header('content-digest'), undefined);
    assertSigned(received, 'hush', [
      ['@method', 'GET'],
      ['@target-uri', `${received.origin}/v3`],
    ]);
  });

  it('covers every part that was asked for, in that order, and its digest', async (t) => {
    const parts =
      '["@query", "@path", "@request-target", "@scheme", "@authority", Content-Type, x-trace, content-length]';
    const received = await signed(
      t,
      `{ hmac: { key_id: first, secret: "base64:${SHARED_SECRET}", headers: ${parts} } }`,
      requestTo('/rates?a=1', { 'content-type': 'application/json', 'x-trace': '  caf\u00e9 ' }, '{}'),
    );
    assertSigned(received, Buffer.from(SHARED_SECRET, 'base64'), [
      ['@query', '?a=1'],
      ['@path', '/v3/rates'],
      ['@request-target', '/v3/rates?a=1'],
      ['@scheme', 'http'],
      ['@authority', new URL(received.origin).host],
      ['content-type', 'application/json'],
      ['x-trace', 'caf\u00e9'],
      ['content-length', '2'],
      ['content-digest', sha256(Buffer.from('{}'))],
    ]);
    assert.equal(received.header('content-length'), '2');
  });

  it('leaves out headers that it does not have, and an absent query is an empty one', async (t) => {
    const received = await signed(
      t,
      '{ hmac: { key_id: first, secret: hush, headers: [content-type, "@query", content-length], digest: none } }',
      requestTo('/rates'),
    );
    assertSigned(received, 'hush', [['@query', '?']]);
  });

  it('has the date that is signed', async (t) => {
    const auth = '{ hmac: { key_id: first, secret: hush, headers: [date], digest: none } }';
    const received = await signed(t, auth, requestTo('/', { date: 'Tue, 20 Apr 2021 02:07:55 GMT' }));
    const date = received.header('date') ?? '';
    assertSigned(received, 'hush', [['date', date]]);
    const [, created] = /created=(\d+)/.exec(received.header('signature-input') ?? '') ?? [];
    assert.equal(Date.parse(date), Number(created) * 1000);
  });

  it('has a digest of nothing when that is what is to be signed', async (t) => {
    const auth = '{ hmac: { key_id: first, secret: hush, headers: [content-digest] } }';
    const received = await signed(t, auth, requestTo('/'));
    assertSigned(received, 'hush', [['content-digest', sha256(Buffer.alloc(0))]]);
  });

  it('escapes its key id', async (t) => {
    const auth = `{ hmac: { key_id: 'a"\\b c', secret: hush, headers: ["@method"] } }`;
    const received = await signed(t, auth, requestTo('/'));
    assertSigned(received, 'hush', [['@method', 'GET']], 'a"\\b c');
  });

  it('is signed anew for the next attempt, at its time', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Date.UTC(2026, 10, 20, 12) });
    const { credentials } = openCredentials(t, '{ hmac: { key_id: first, secret: hush } }');
    const request = requestTo('/', { signature: 'of a client', 'content-digest': 'of a client' });
    await applied(credentials, request);
    const first = request.headers.get('signature');
    assert.match(request.headers.get('signature-input') ?? '', /;created=1795176000;/);
    assert.equal(request.headers.has('content-digest'), false);
    t.mock.timers.tick(5_000);
    await applied(credentials, request);
    assert.match(request.headers.get('signature-input') ?? '', /;created=1795176005;/);
    assert.notEqual(request.headers.get('signature'), first);
  });

  it('names the host without a port that goes without saying', async (t) => {
    const url = { origin: 'https://api.carrier.example', basePath: '' };
    const { credentials } = openCredentials(t, '{ hmac: { key_id: a, secret: hush, headers: ["@authority"] } }', {
      url,
    });
    const { headers } = await applied(credentials, requestTo('/'));
    const [, parameters = ''] = /^sig1=(.*)$/.exec(headers.get('signature-input') ?? '') ?? [];
    const base = `"@authority": api.carrier.example\n"@signature-params": ${parameters}`;
    assert.equal(headers.get('signature'), `sig1=:${createHmac('sha256', 'hush').update(base).digest('base64')}:`);
  });
});
