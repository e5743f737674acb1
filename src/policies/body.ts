// body: JSON request bodies that do not match their schema are refused; those that do go on as the bytes that came.
import { bodyProblem } from '../exchange/body-problems.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { defineProblem, type Problem } from '../exchange/problem.ts';
import { scanBody } from '../json/body-value.ts';
import { isJsonType, isPlain } from '../json/media-type.ts';
import { schemaSource } from '../json/source.ts';
import type { CompiledSchema } from '../json/validators.ts';
import * as s from '../schema/schema.ts';
import { definePolicy, type Env, type Maybe, type Policy, type Verdict } from './policy.ts';
import { type Refusal, refuse, refuseBreaches } from './refuse-invalid.ts';

const BODY_EMPTY = defineProblem('body.empty', 400, 'The request body is missing', 'http_request_error');
const BODY_MALFORMED = defineProblem('body.malformed_json', 400, 'The body is not valid JSON', 'http_request_error');
const BODY_MEDIA_TYPE = defineProblem('body.media_type', 415, 'The body is not JSON', 'http_request_error');
const BODY_INVALID = defineProblem(
  'body.invalid',
  422,
  'The request body does not match its schema',
  'http_request_error',
);

/**
 * @example
 * create-order: { match: POST /v1/orders, to: orders, body: config/schemas/order.json }
 */
export const body = definePolicy({
  name: 'body',
  summary: 'Validates JSON request bodies against a JSON Schema 2020-12: in place, or a file',
  schema: s.optional(
    schemaSource({ doc: 'JSON Schema 2020-12 of the request body: in place, or a file', reading: 'exact' }),
  ),
  problems: [BODY_EMPTY, BODY_MALFORMED, BODY_MEDIA_TYPE, BODY_INVALID],
  excludes: {
    setting: 'websocket',
    code: 'websocket-body',
    message: 'a WebSocket begins with a request without a body, which `body` would refuse',
    hint: 'give the upgrades a route of their own',
  },
  async create(source, env) {
    if (source === undefined) return undefined;
    const compiled = await env.schemas.compile(source, (issue, at) => {
      env.report(issue, at);
    });
    return compiled === undefined ? undefined : new BodyValidation(compiled, env);
  },
});

class BodyValidation implements Policy {
  readonly #schema: CompiledSchema;
  readonly #bodyMax: number;
  readonly #empty: Refusal;
  readonly #malformed: Refusal;
  readonly #mediaType: Refusal;
  readonly #invalid: Refusal;

  constructor(schema: CompiledSchema, env: Env) {
    this.#schema = schema;
    this.#bodyMax = env.bodyMax;
    const { metrics } = env;
    this.#empty = { problem: BODY_EMPTY, counter: metrics.validationFailure('body_empty') };
    this.#malformed = { problem: BODY_MALFORMED, counter: metrics.validationFailure('body_malformed') };
    this.#mediaType = { problem: BODY_MEDIA_TYPE, counter: metrics.validationFailure('body_media_type') };
    this.#invalid = { problem: BODY_INVALID, counter: metrics.validationFailure('body_invalid') };
  }

  onRequest(x: Exchange): Maybe<Verdict> {
    if (!x.body.present) return refuse(x, this.#empty, 'this route needs a JSON body');
    const contentType = x.header('content-type');
    if (!isJsonType(contentType)) {
      const got = contentType === undefined ? 'there is no Content-Type' : `${contentType} is not accepted`;
      return refuse(x, this.#mediaType, `${got}: send application/json in UTF-8`);
    }
    if (!isPlain(x.header('content-encoding'))) {
      return refuse(x, this.#mediaType, 'the body has a Content-Encoding: send it as it is');
    }
    const { bytes } = x.body;
    return bytes === undefined ? this.#collect(x) : this.#check(x, bytes);
  }

  async #collect(x: Exchange): Promise<Verdict> {
    const bytes = await x.body.collect(this.#bodyMax);
    if (typeof bytes !== 'string') return this.#check(x, bytes);
    const problem = bodyProblem(bytes);
    return x.refuse(problem, bytes === 'too_large' ? `at most ${this.#bodyMax} bytes are taken` : '');
  }

  #check(x: Exchange, bytes: Buffer): Problem | undefined {
    if (bytes.length === 0) return refuse(x, this.#empty, 'this route needs a JSON body');
    const scan = scanBody(x, bytes);
    if ('error' in scan) {
      x.extensions = { line: scan.line, column: scan.column };
      return refuse(x, this.#malformed, `line ${scan.line}, column ${scan.column}: the body ${scan.detail}`);
    }
    const schema = this.#schema;
    if (schema.accepts(scan.value)) return undefined;
    return refuseBreaches(x, this.#invalid, 'the body', schema.breaches(scan.value, bytes.length));
  }
}
