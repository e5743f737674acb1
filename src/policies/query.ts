// query: query parameters that do not match their schema are refused. Texts are coerced for the check only.
import type { Exchange } from '../exchange/exchange.ts';
import { defineProblem } from '../exchange/problem.ts';
import { parseQuery } from '../exchange/query-string.ts';
import { schemaSource } from '../json/source.ts';
import { breachesOfTexts } from '../json/texts.ts';
import type { CompiledSchema } from '../json/validators.ts';
import * as s from '../schema/schema.ts';
import { definePolicy, type Env, type Policy, type Verdict } from './policy.ts';
import { type Refusal, refuse, refuseBreaches } from './refuse-invalid.ts';

const QUERY_MALFORMED = defineProblem(
  'query.malformed',
  400,
  'The query is not percent-encoded UTF-8',
  'http_request_error',
);
const QUERY_INVALID = defineProblem('query.invalid', 422, 'The query does not match its schema', 'http_request_error');

/**
 * A name that is repeated is a list; so is a lone value where the schema wants an array.
 *
 * @example
 * list-orders: { match: GET /v1/orders, to: orders, query: { properties: { limit: { type: integer, maximum: 100 } } } }
 */
export const query = definePolicy({
  name: 'query',
  summary: 'Validates query parameters against a JSON Schema 2020-12 of an object of them',
  schema: s.optional(
    schemaSource({ doc: 'JSON Schema 2020-12 of an object of the query parameters', reading: 'coerced' }),
  ),
  problems: [QUERY_MALFORMED, QUERY_INVALID],
  async create(source, env) {
    if (source === undefined) return undefined;
    const compiled = await env.schemas.compile(source, (issue, at) => {
      env.report(issue, at);
    });
    return compiled === undefined ? undefined : new QueryValidation(compiled, env);
  },
});

class QueryValidation implements Policy {
  readonly #schema: CompiledSchema;
  readonly #malformed: Refusal;
  readonly #invalid: Refusal;

  constructor(schema: CompiledSchema, env: Env) {
    this.#schema = schema;
    this.#malformed = { problem: QUERY_MALFORMED, counter: env.metrics.validationFailure('query_malformed') };
    this.#invalid = { problem: QUERY_INVALID, counter: env.metrics.validationFailure('query_invalid') };
  }

  onRequest(x: Exchange): Verdict {
    const parsed = parseQuery(x.query);
    if (parsed === undefined) return refuse(x, this.#malformed, 'the query is not percent-encoded UTF-8');
    const values: Record<string, unknown> = Object.fromEntries(
      Array.from(parsed, ([name, all]) => [name, all.length === 1 ? all[0] : [...all]]),
    );
    const breaches = breachesOfTexts(this.#schema, values);
    return breaches.length === 0 ? undefined : refuseBreaches(x, this.#invalid, 'the query', breaches);
  }
}
