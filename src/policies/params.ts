// params: path parameters that do not match their schema are refused. Texts are coerced for the check only.
import type { Exchange } from '../exchange/exchange.ts';
import { defineProblem } from '../exchange/problem.ts';
import { percentDecode } from '../exchange/query-string.ts';
import { schemaSource } from '../json/source.ts';
import { breachesOfTexts } from '../json/texts.ts';
import type { CompiledSchema } from '../json/validators.ts';
import * as s from '../schema/schema.ts';
import { definePolicy, type Env, type Policy, type Verdict } from './policy.ts';
import { type Refusal, refuse, refuseBreaches } from './refuse-invalid.ts';

const PARAMS_MALFORMED = defineProblem(
  'params.malformed',
  400,
  'A path parameter is not valid UTF-8',
  'http_request_error',
);
const PARAMS_INVALID = defineProblem(
  'params.invalid',
  422,
  'The path parameters do not match their schema',
  'http_request_error',
);

/**
 * @example
 * get-order: { match: "GET /v1/orders/{id}", to: orders, params: { properties: { id: { type: integer } } } }
 */
export const params = definePolicy({
  name: 'params',
  summary: 'Validates path parameters against a JSON Schema 2020-12 of an object of them',
  schema: s.optional(
    schemaSource({ doc: 'JSON Schema 2020-12 of an object of the path parameters', reading: 'coerced' }),
  ),
  problems: [PARAMS_MALFORMED, PARAMS_INVALID],
  async create(source, env) {
    if (source === undefined) return undefined;
    if (env.params.length === 0) {
      env.report({ path: [], code: 'params-none', message: 'the path of this route has no parameters' });
    }
    const compiled = await env.schemas.compile(source, (issue, at) => {
      env.report(issue, at);
    });
    return compiled === undefined ? undefined : new ParamsValidation(compiled, env);
  },
});

class ParamsValidation implements Policy {
  readonly #schema: CompiledSchema;
  readonly #names: readonly string[];
  readonly #malformed: Refusal;
  readonly #invalid: Refusal;

  constructor(schema: CompiledSchema, env: Env) {
    this.#schema = schema;
    this.#names = env.params;
    this.#malformed = { problem: PARAMS_MALFORMED, counter: env.metrics.validationFailure('params_malformed') };
    this.#invalid = { problem: PARAMS_INVALID, counter: env.metrics.validationFailure('params_invalid') };
  }

  onRequest(x: Exchange): Verdict {
    const values: [string, string][] = [];
    for (const [index, name] of this.#names.entries()) {
      const value = percentDecode(x.params[index] ?? '');
      if (value === undefined) return refuse(x, this.#malformed, `{${name}} is not percent-encoded UTF-8`);
      values.push([name, value]);
    }
    const breaches = breachesOfTexts(this.#schema, Object.fromEntries(values));
    return breaches.length === 0 ? undefined : refuseBreaches(x, this.#invalid, 'the path', breaches);
  }
}
