// response: watches whether an upstream's JSON answers keep to their contract, or holds those that do not.
import { type BodyInspector, type Exchange, slot } from '../exchange/exchange.ts';
import { defineProblem, type Problem } from '../exchange/problem.ts';
import { Contract } from '../json/contract.ts';
import { isJsonType, isPlain } from '../json/media-type.ts';
import { scanJson } from '../json/scan.ts';
import * as s from '../schema/schema.ts';
import { definePolicy, type Env, type Policy, type Verdict } from './policy.ts';
import { checkResponse, responseSchema } from './response-settings.ts';

const RESPONSE_INVALID = defineProblem(
  'response.invalid',
  502,
  'The upstream’s answer does not match its schema',
  'http_protocol_error',
);
const RESPONSE_UNCHECKABLE = defineProblem(
  'response.uncheckable',
  502,
  'The upstream’s answer cannot be checked',
  'http_protocol_error',
);

/** Larger answers are not checked when they are only reported on, and refused when they are to be held. */
const MAX_INSPECTED_BYTES = 1_048_576;
/** A streamed answer is collected and parsed for nothing else. */
const SAMPLED_BY_DEFAULT = 0.1;

/**
 * Looks at 2xx answers with a body. With `report` the client gets them as they are, at most one in ten is looked at unless
 * `sample` says otherwise, and what drifts is counted and logged once for each place. With `reject` every answer is held
 * until it was checked. An answer that is looked at is asked for without a content coding, which could not be read.
 *
 * @example
 * create-order: { match: POST /v1/orders, to: orders, response: { schema: config/schemas/order-out.json, sample: 100% } }
 */
export const response = definePolicy({
  name: 'response',
  summary: 'Validates JSON answers against a JSON Schema, and makes ours of a third party’s',
  schema: s.optional(responseSchema),
  problems: [RESPONSE_INVALID, RESPONSE_UNCHECKABLE],
  check: (settings) => (settings === undefined ? [] : checkResponse(settings)),
  async create(settings, env) {
    // A facade holds a third party's answer to it before it maps it.
    if (settings?.schema === undefined || env.facade) return undefined;
    const compiled = await env.schemas.compile(settings.schema, (issue, at) => {
      env.report(issue, at);
    });
    if (compiled === undefined) return undefined;
    return new ResponseValidation(
      new Contract(compiled, settings.on_fail === 'reject', settings.sample ?? SAMPLED_BY_DEFAULT, env),
      env,
    );
  },
});

const watched = slot<true>();

class ResponseValidation implements Policy, BodyInspector {
  readonly holds: boolean;
  readonly maxBytes = MAX_INSPECTED_BYTES;
  readonly #contract: Contract;
  readonly #env: Env;
  #saidUncheckable = false;

  constructor(contract: Contract, env: Env) {
    this.holds = contract.rejects;
    this.#contract = contract;
    this.#env = env;
  }

  onRequest(x: Exchange): Verdict {
    if (x.method === 'HEAD' || !this.#contract.draw()) return undefined;
    watched.set(x, true);
    x.setRequestHeader('accept-encoding', 'identity');
    return undefined;
  }

  onResponse(x: Exchange): void {
    if (x.source === 'upstream' && watched.get(x) === true && hasCheckedStatus(x.status)) x.inspector = this;
  }

  check(x: Exchange, body: Buffer): Problem | undefined {
    const headers = x.responseHeaders;
    if (!isPlain(fieldOf(headers, 'content-encoding'))) {
      return this.#uncheckable(x, 'it has a content coding although none was accepted');
    }
    const broken = this.#broken(x, body, fieldOf(headers, 'content-type'));
    if (broken === undefined || !this.holds) return undefined;
    return x.refuse(RESPONSE_INVALID, `the answer does not match its schema at ${broken}`);
  }

  tooLarge(x: Exchange): Problem | undefined {
    return this.#uncheckable(x, `it is larger than ${MAX_INSPECTED_BYTES} bytes`);
  }

  #broken({ requestId }: Exchange, body: Buffer, contentType: string | undefined): string | undefined {
    const contract = this.#contract;
    if (!isJsonType(contentType))
      return contract.tell([{ pointer: '', detail: 'is not JSON', kind: 'type' }], requestId);
    const scan = scanJson(body);
    if (!('error' in scan)) return contract.breachOf(scan.value, body.length, requestId);
    // The scan's own words quote the body.
    return contract.tell([{ pointer: '', detail: `is not acceptable JSON: ${scan.error}`, kind: 'type' }], requestId);
  }

  /** Says once that answers go unchecked, which is worth knowing and not worth a line each. */
  #uncheckable(x: Exchange, reason: string): Problem | undefined {
    if (!this.#saidUncheckable) {
      this.#saidUncheckable = true;
      this.#env.log('warn', 'response_uncheckable', { route: this.#env.route, reason });
    }
    return this.holds ? x.refuse(RESPONSE_UNCHECKABLE, `the answer cannot be checked: ${reason}`) : undefined;
  }
}

/** 2xx, but neither those without a body nor a part of one. */
function hasCheckedStatus(status: number): boolean {
  return status >= 200 && status < 300 && status !== 204 && status !== 205 && status !== 206;
}

function fieldOf(headers: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() === name) return headers[i + 1];
  }
  return undefined;
}
