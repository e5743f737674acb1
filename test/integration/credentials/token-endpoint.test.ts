import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { CredentialsError } from '../../../src/integration/credentials/index.ts';
import { cidrSchema, matcher } from '../../../src/tenant/cidr.ts';
import type { CleanUp } from '../../support/clean-up.ts';
import { type Answer, startOrigin } from '../../support/origin.ts';
import { closedPort, listenOnLoopback } from '../../support/ports.ts';
import { replying, type Script, startRawOrigin } from '../../support/raw-origin.ts';
import { settingsOf } from '../../support/reading.ts';
import { createAuthority } from '../../upstream/certificates.ts';
import {
  authorization,
  everythingIn,
  never,
  type Opened,
  openCredentials,
  refusal,
  requestTo,
} from './open-credentials.ts';

const SECRET = 's3cret-of-ours';
/** Part of every hostile answer: what must be repeated nowhere. */
const MARK = 'm4rk-of-theirs';

function open(t: CleanUp, url: string): Opened {
  return openCredentials(
    t,
    `{ oauth2: { token_url: "${url}/token?key=in-the-query", client_id: us, client_secret: ${SECRET} } }`,
  );
}

/** Why there is no token; neither it nor an event may repeat a secret or a part of an answer. */
async function refusedBy(t: CleanUp, url: string): Promise<CredentialsError> {
  const { credentials, told } = open(t, url);
  const error = await refusal(credentials.apply(requestTo('/'), undefined, never()));
  const encoded = Buffer.from(`us:${SECRET}`).toString('base64');
  for (const secret of [SECRET, encoded, MARK, 'in-the-query']) {
    assert.ok(!everythingIn(error, told).includes(secret), `${secret} in ${everythingIn(error, told)}`);
  }
  assert.deepEqual(
    told.map(({ event, fields }) => [event, fields['code']]),
    [['token_failed', error.code]],
  );
  assert.ok(error.message.startsWith(`no token from ${url}/token: `), error.message);
  return error;
}

const answering =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
  };

const token = (members: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ access_token: MARK, token_type: 'Bearer', expires_in: 60, ...members });

describe('an answer that is no token', () => {
  const hostile: Readonly<Record<string, Answer>> = {
    HTML: answering(200, `<html>${MARK}</html>`, { 'content-type': 'text/html' }),
    nothing: answering(200, ''),
    'no content': answering(204, ''),
    'half of it': answering(200, `{"access_token":"${MARK}","token_ty`),
    'text after it': answering(200, `${token({})} x`),
    'a list': answering(200, `["${MARK}"]`),
    null: answering(200, 'null'),
    'a name that comes twice': answering(200, `{"access_token":"a","access_token":"${MARK}","token_type":"Bearer"}`),
    'invalid UTF-8': (_request, response) => {
      response.end(Buffer.concat([Buffer.from('{"access_token":"'), Buffer.from([0xff]), Buffer.from(`${MARK}"}`)]));
    },
    'deep nesting': answering(200, `${'['.repeat(10_000)}"${MARK}"${']'.repeat(10_000)}`),
    'a redirect': answering(302, MARK, { location: 'http://169.254.169.254/latest' }),
    'a redirect that keeps the method': answering(307, MARK, { location: `/token?${MARK}` }),
    'another type of token': answering(200, token({ token_type: 'mac' })),
    'no type': answering(200, token({ token_type: undefined })),
    'a type that is a list': answering(200, token({ token_type: ['Bearer'] })),
    'an empty token': answering(200, token({ access_token: '' })),
    'a token that is a number': answering(200, token({ access_token: 7 })),
    'a token with a line break': answering(200, token({ access_token: `${MARK}\r\nx-evil: 1` })),
    'a token with a blank': answering(200, token({ access_token: `${MARK} b` })),
    'a token that no header can carry': answering(200, token({ access_token: MARK.repeat(2_000) })),
    'a life that is a word': answering(200, token({ expires_in: MARK })),
    'a life that is a word with a number': answering(200, token({ expires_in: '60s' })),
    'a life that is over': answering(200, token({ expires_in: -60 })),
    'no life': answering(200, token({ expires_in: 0 })),
    'a life without end': answering(200, token({}).replace('60', '1e999')),
    'a life that is true': answering(200, token({ expires_in: true })),
  };
  for (const [what, answer] of Object.entries(hostile)) {
    it(`is told apart: ${what}`, async (t) => {
      const provider = await startOrigin(t, answer);
      const error = await refusedBy(t, provider.url);
      assert.equal(error.code, 'token_answer', error.message);
      assert.equal(provider.started, 1, 'nobody is asked twice, and no redirect is followed');
    });
  }
});

describe('an answer that is a refusal', () => {
  it('is told by its status and its code', async (t) => {
    for (const [status, body, said] of [
      [
        401,
        { error: 'invalid_client', error_description: MARK },
        /401 invalid_client: check client_id and client_secret/,
      ],
      [400, { error: 'invalid_scope' }, /400 invalid_scope: check scope/],
      [400, { error: MARK }, /it answered 400$/],
      [400, { error: [MARK] }, /it answered 400$/],
      [403, MARK, /it answered 403$/],
      [500, { access_token: MARK, token_type: 'Bearer' }, /it answered 500$/],
    ] as const) {
      const provider = await startOrigin(t, answering(status, JSON.stringify(body)));
      const error = await refusedBy(t, provider.url);
      assert.equal(error.code, 'token_endpoint_refused');
      assert.match(error.message, said);
    }
  });

  it('says when to come back', async (t) => {
    const provider = await startOrigin(t, answering(503, MARK, { 'retry-after': '7' }));
    assert.equal((await refusedBy(t, provider.url)).retryAfterMs, 7_000);
  });
});

describe('no answer', () => {
  const scripts: Readonly<Record<string, readonly [Script, RegExp]>> = {
    'half a body': [
      async (connection) => {
        await connection.heads();
        connection.write(`HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"access_token":"${MARK}`).end();
      },
      /aborted|ECONNRESET/,
    ],
    'a body without end': [
      replying(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10000\r\n${MARK.padEnd(0x10000)}\r\n1\r\n \r\n`),
      /more than 65536 bytes/,
    ],
    'a body that says it is huge': [
      replying('HTTP/1.1 200 OK\r\ncontent-length: 10000000\r\n\r\n'),
      /more than 65536 bytes/,
    ],
    'no HTTP': [replying(`SSH-2.0-${MARK}\r\n`), /HPE_/],
  };
  for (const [what, [script, said]] of Object.entries(scripts)) {
    it(`is told apart: ${what}`, async (t) => {
      const provider = await startRawOrigin(t, script);
      const error = await refusedBy(t, provider.url);
      assert.equal(error.code, 'token_endpoint_unreachable');
      assert.match(error.message, said);
    });
  }

  it('is told apart: nobody listens', async (t) => {
    const error = await refusedBy(t, `http://127.0.0.1:${await closedPort()}`);
    assert.equal(error.code, 'token_endpoint_unreachable');
    assert.match(error.message, /ECONNREFUSED/);
  });

  it('is not waited for more than ten seconds', async (t) => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    // The headers in time, and never a body.
    const provider = await startOrigin(t, (_request, response) => {
      response.writeHead(200).write(`{"access_token":"${MARK}`);
      resolve();
    });
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { credentials, told } = open(t, provider.url);
    const refused = refusal(credentials.apply(requestTo('/'), undefined, never()));
    await asked;
    t.mock.timers.tick(9_999);
    await nextTurn();
    assert.deepEqual(told, [], 'a moment before, it is waited for still');
    t.mock.timers.tick(1);
    const error = await refused;
    t.mock.timers.reset();
    assert.equal(error.code, 'token_endpoint_unreachable');
    assert.match(error.message, /no whole answer in time/);
  });

  it('comes from addresses that are not to be reached', async (t) => {
    const error = await refusedBy(t, 'http://169.254.169.254');
    assert.equal(error.code, 'token_endpoint_unreachable');
    assert.match(error.message, /not to be connected to/);
    const provider = await startOrigin(t);
    const { credentials } = openCredentials(
      t,
      `{ oauth2: { token_url: "${provider.url}/", client_id: us, client_secret: a } }`,
      { addresses: matcher([settingsOf(cidrSchema('a range'), '10.0.0.0/8')]) },
    );
    const other = await refusal(credentials.apply(requestTo('/'), undefined, never()));
    assert.match(other.message, /not to be connected to/);
    assert.equal(provider.accepted, 0);
  });
});

describe('TLS of a token endpoint', () => {
  it('trusts whom the integration trusts, and checks its own name', async (t) => {
    const authority = await createAuthority(t);
    const server = createServer(authority.issue('id.internal'), (_request, response) => {
      response.end(token({ access_token: 'over-tls' }));
    });
    t.after(() => server.close());
    const port = await listenOnLoopback(server);
    const auth = `{ oauth2: { token_url: "https://127.0.0.1:${port}/", client_id: us, client_secret: a } }`;
    const tls = { ca: authority.cert, cert: undefined, key: undefined, servername: 'vendor.internal' };
    const { credentials } = openCredentials(t, auth, { tls });
    assert.equal(await authorization(credentials), 'Bearer over-tls');
    const stranger = openCredentials(t, auth);
    const error = await refusal(stranger.credentials.apply(requestTo('/'), undefined, never()));
    assert.equal(error.code, 'token_endpoint_unreachable');
    const elsewhere = openCredentials(t, auth, { tls, url: { origin: `https://127.0.0.1:${port}`, basePath: '' } });
    assert.match(
      (await refusal(elsewhere.credentials.apply(requestTo('/'), undefined, never()))).message,
      /vendor\.internal/,
      'the name is that of the vendor, where the vendor gives the tokens itself',
    );
  });
});
