import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { headerValidation } from '../../src/policies/header-validation.ts';
import { answerHeaders, headers } from '../../src/policies/headers.ts';
import { buildPolicy, gate, onExchange, recordingEnv, soundPolicy } from '../support/policies.ts';

async function faults(settings: unknown): Promise<string> {
  const env = recordingEnv({ authenticated: false });
  for (const part of [headerValidation, headers, answerHeaders]) {
    if (env.found.length === 0) await buildPolicy(part, settings, env);
  }
  return env.found.map(({ message }) => message).join('\n');
}

describe('headers', () => {
  it('removes and sets headers of the request, with values of the request', async () => {
    const policy = await soundPolicy(headers, {
      request: { set: { 'x-kind': '{query.kind}', 'X-Fixed': '1' }, remove: ['X-Debug'] },
    });
    const edits = await onExchange(
      async (x) => {
        assert.equal(await policy.onRequest?.(x), undefined);
        return x.requestHeaderEdits;
      },
      { path: '/?kind=b%C3%BCro' },
    );
    const removed = ['x-debug', undefined, 'x-kind', undefined, 'x-fixed', undefined];
    assert.deepEqual(edits, [...removed, 'x-kind', 'b%C3%BCro', 'X-Fixed', '1']);
  });

  it('refuses a request whose value is missing or would break the header', async () => {
    const policy = await soundPolicy(headers, { request: { set: { 'x-kind': '{query.kind}' } } });
    assert.equal((await gate(policy, { path: '/' })).code, 'template.missing_value');
    assert.equal((await gate(policy, { path: '/?kind=a%0d%0ax-tenant:%20evil' })).code, 'template.missing_value');
  });

  it('replaces and removes headers of the answer in any case, keeping the others in order', async () => {
    const policy = await soundPolicy(answerHeaders, {
      response: { set: { 'X-Frame-Options': 'DENY' }, remove: ['server'] },
    });
    const after = await onExchange((x) => {
      x.responseHeaders = ['Set-Cookie', 'a', 'SERVER', 'x', 'x-frame-options', 'ALLOW', 'Set-Cookie', 'b'];
      policy.onResponse?.(x);
      return x.responseHeaders;
    });
    assert.deepEqual(after, ['Set-Cookie', 'a', 'Set-Cookie', 'b', 'X-Frame-Options', 'DENY']);
  });

  it('validates the headers of the client', async () => {
    const schema = { required: ['x-version'], properties: { 'x-version': { type: 'integer' } } };
    const policy = await soundPolicy(headerValidation, { request: { schema } });
    assert.equal((await gate(policy, { headers: { 'X-Version': '2' } })).code, undefined);
    const refused = await gate(policy, { headers: { 'X-Version': 'two' } });
    assert.deepEqual([refused.code, refused.status], ['headers.invalid', 422]);
    assert.deepEqual((await gate(policy)).violations, [{ pointer: '/x-version', detail: 'is required' }]);
  });

  it('validates what the upstream would see, however names are spelt and repeated', async () => {
    const schema = { properties: { 'x-mode': { const: 'good' }, 'x-level': { type: 'integer', maximum: 5 } } };
    const policy = await soundPolicy(headerValidation, { request: { schema } });
    const codeOf = async (...fields: string[]): Promise<string | undefined> => {
      const { code } = await gate(policy, {}, (x) => {
        x.forwardable = fields;
      });
      return code;
    };
    assert.equal(await codeOf('X-Mode', 'good', 'x-level', '5'), undefined);
    assert.equal(await codeOf('X-Mode', 'good', 'X-mode', 'evil'), 'headers.invalid');
    assert.equal(await codeOf('x_mode', 'evil'), 'headers.invalid');
    assert.equal(await codeOf('x-mode', 'good', 'X_Mode', 'evil'), 'headers.invalid');
    assert.equal(await codeOf('x-level', '50e-1'), 'headers.invalid');
    const dropped = await gate(
      await soundPolicy(headerValidation, { request: { schema: { required: ['x-mode'] } } }),
      {},
      (x) => {
        x.req.headers['x-mode'] = 'good';
      },
    );
    assert.equal(dropped.code, 'headers.invalid');
  });

  it('removes and replaces a name also where it is spelt with underscores', async () => {
    const policy = await soundPolicy(headers, { request: { remove: ['x-debug'], set: { x_mode: 'a' } } });
    const { forwardable, edits } = await onExchange(async (x) => {
      x.forwardable = ['X_Debug', '1', 'x-other', '2', 'x_mode', '3'];
      await policy.onRequest?.(x);
      return { forwardable: x.forwardable, edits: x.requestHeaderEdits };
    });
    assert.deepEqual(forwardable, ['x-other', '2']);
    assert.deepEqual(edits, ['x-debug', undefined, 'x_mode', undefined, 'x-mode', undefined, 'x_mode', 'a']);
  });

  it('finds at load what cannot be set', async () => {
    assert.match(
      await faults({ request: { set: { 'content-length': '1' } } }),
      /"content-length" cannot be set: it frames/,
    );
    assert.match(await faults({ response: { remove: ['Transfer-Encoding'] } }), /cannot be removed: it frames/);
    assert.match(await faults({ request: { set: { 'X-Request-Id': 'a' } } }), /the gateway sets it itself/);
    assert.match(await faults({ request: { schema: { required: ['X-Mode'] } } }), /which no header is called/);
    assert.match(await faults({ request: { set: { 'x y': 'a' } } }), /it is not a header name/);
    assert.match(await faults({ request: { set: { 'X-A': 'a', 'x-a': 'b' } } }), /is set twice/);
    assert.match(await faults({ request: { set: { 'x-a': 'a\r\nb: c' } } }), /holds no line break/);
    assert.match(await faults({ request: { set: { 'x-a': '{tenant}' } } }), /it is open/);
    assert.match(await faults({ response: { set: { 'x-a': '{body.x}' } } }), /cannot hold parts of the request body/);
    assert.match(await faults({ request: { set: { 'x-a': '{id}' } } }), /\{id\} is not known here/);
  });
});
