import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Exchange } from '../../src/exchange/exchange.ts';
import type { Problem } from '../../src/exchange/problem.ts';
import type { Policy } from '../../src/policies/policy.ts';
import { response } from '../../src/policies/response.ts';
import { buildPolicy, onExchange, type RecordingEnv, recordingEnv, soundPolicy } from '../support/policies.ts';

const schema = {
  type: 'object',
  required: ['items'],
  additionalProperties: false,
  properties: {
    items: {
      type: 'array',
      items: { type: 'object', properties: { state: { enum: ['new'] }, n: { type: 'integer' } } },
    },
  },
};

interface Answer {
  readonly status?: number;
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** Shows the policy an upstream's answer; undefined when it was not looked at or is fine. */
function answer(policy: Policy, { status = 200, headers, body = '' }: Answer): Promise<Inspected> {
  return onExchange(async (x) => {
    await policy.onRequest?.(x);
    x.source = 'upstream';
    x.status = status;
    x.responseHeaders = [...(headers ?? ['Content-Type', 'application/json'])];
    policy.onResponse?.(x);
    const problem = x.inspector?.check(x, Buffer.from(body));
    return { looked: x.inspector !== undefined, problem, detail: x.detail, edits: x.requestHeaderEdits };
  });
}

interface Inspected {
  readonly looked: boolean;
  readonly problem: Problem | undefined;
  readonly detail: string;
  readonly edits: Exchange['requestHeaderEdits'];
}

function drift(env: RecordingEnv): Record<string, number> {
  const counted = [...env.counts].filter(([key]) => key.startsWith('drift '));
  return Object.fromEntries(counted.map(([key, { value }]) => [key.slice('drift '.length), value]));
}

describe('response', () => {
  it('counts drift by place and kind, logs the first of each, and lets the answer through', async () => {
    const env = recordingEnv();
    const policy = await soundPolicy(response, { schema, sample: '100%' }, env);
    const body = '{"items":[{"state":"old"},{"state":"gone","n":"1"}],"extra":{}}';
    const first = await answer(policy, { body });
    assert.deepEqual([first.looked, first.problem, first.edits], [true, undefined, ['accept-encoding', 'identity']]);
    await answer(policy, { body });
    await answer(policy, { body: '{}' });
    assert.deepEqual(drift(env), {
      'unexpected /*': 2,
      'enum /items/*/state': 4,
      'type /items/*/n': 2,
      'missing /items': 1,
    });
    assert.equal(env.logged.length, 4);
    assert.deepEqual(env.logged[0], {
      event: 'response_drift',
      fields: { pointer: '/*', kind: 'unexpected', detail: 'is not expected', request_id: '' },
    });
  });

  it('answers 502 instead, naming the places, where it rejects', async () => {
    const policy = await soundPolicy(response, { schema, on_fail: 'reject' });
    const { problem, detail } = await answer(policy, { body: '{"items":[{"n":1.5}]}' });
    assert.deepEqual([problem?.code, problem?.status], ['response.invalid', 502]);
    assert.match(detail, /\/items\/\*\/n$/);
    assert.equal((await answer(policy, { body: '{"items":[]}' })).problem, undefined);
    assert.equal((await answer(policy, { body: '{' })).problem?.code, 'response.invalid');
    assert.equal((await answer(policy, { headers: ['content-type', 'text/html'], body: '<p>' })).problem?.status, 502);
  });

  it('cannot check an answer with a content coding: rejected, or said once', async () => {
    const headers = ['Content-Type', 'application/json', 'Content-Encoding', 'gzip'];
    const rejecting = await soundPolicy(response, { schema, on_fail: 'reject' });
    assert.equal((await answer(rejecting, { headers })).problem?.code, 'response.uncheckable');
    const env = recordingEnv();
    const reporting = await soundPolicy(response, { schema, sample: '100%' }, env);
    for (let i = 0; i < 3; i++) assert.equal((await answer(reporting, { headers })).problem, undefined);
    assert.deepEqual(
      env.logged.map(({ event }) => event),
      ['response_uncheckable'],
    );
  });

  it('looks at 2xx with a body only, and not at what the gateway says', async () => {
    const policy = await soundPolicy(response, { schema, sample: '100%' });
    for (const status of [204, 205, 206, 304, 404, 500]) assert.equal((await answer(policy, { status })).looked, false);
    const own = await onExchange(async (x) => {
      await policy.onRequest?.(x);
      x.status = 200;
      policy.onResponse?.(x);
      return x.inspector;
    });
    assert.equal(own, undefined);
  });

  it('looks at none of a sample of nothing', async () => {
    const policy = await soundPolicy(response, { schema, sample: '0%' });
    const { looked, edits } = await answer(policy, { body: '{}' });
    assert.deepEqual([looked, edits], [false, undefined]);
  });

  it('caps the places of one route', async () => {
    const env = recordingEnv();
    const names = Array.from({ length: 80 }, (_, key) => `field${key}`);
    const properties = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
    const policy = await soundPolicy(response, { schema: { properties }, sample: '100%' }, env);
    for (const half of [names.slice(0, 40), names.slice(40)]) {
      await answer(policy, { body: JSON.stringify(Object.fromEntries(half.map((name) => [name, 1]))) });
    }
    assert.equal(Object.keys(drift(env)).length, 51);
    assert.equal(drift(env)['type _other'], 30);
  });

  it('keeps what answers hold out of metrics, logs and problems, and names short', async () => {
    const env = recordingEnv();
    const long = 'n'.repeat(200);
    const open = { additionalProperties: { type: 'object', properties: { [long]: { type: 'integer' } } } };
    const policy = await soundPolicy(response, { schema: open, on_fail: 'reject' }, env);
    const { detail } = await answer(policy, { body: `{"ann@example.com":{"${long}":"x"},"bob@example.com":1}` });
    const duplicate = await answer(policy, { body: '{"ann@example.com":1,"ann@example.com":2}' });
    assert.deepEqual(Object.keys(drift(env)), [`type /*/${'n'.repeat(116)}…`, 'type /*', 'type ']);
    assert.doesNotMatch(JSON.stringify([env.logged, detail, duplicate.detail]), /example\.com|n{117}/);
  });

  it('refuses a sample where every answer is held', async () => {
    const env = recordingEnv();
    await buildPolicy(response, { schema, on_fail: 'reject', sample: '10%' }, env);
    assert.equal(env.found[0]?.code, 'response-sample');
  });
});
