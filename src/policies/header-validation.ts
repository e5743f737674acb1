// headers.request.schema: requests whose headers do not match it are refused, before anyone of the route's own sees them.
import type { Exchange } from '../exchange/exchange.ts';
import { canonicalName } from '../exchange/header-kinds.ts';
import { defineProblem } from '../exchange/problem.ts';
import { breachesOfTexts } from '../json/texts.ts';
import type { CompiledSchema } from '../json/validators.ts';
import { headersSchema } from './headers.ts';
import { definePolicy, type Env, type Policy, type Verdict } from './policy.ts';
import { type Refusal, refuseBreaches } from './refuse-invalid.ts';

const HEADERS_INVALID = defineProblem(
  'headers.invalid',
  422,
  'The request headers do not match their schema',
  'http_request_error',
);

/**
 * The part of `headers` that is a gate: it stands with the other validation.
 *
 * @example
 * headers: { request: { schema: { required: [x-version], properties: { x-version: { type: integer } } } } }
 */
export const headerValidation = definePolicy({
  name: 'headers',
  summary: 'Validates the client’s headers against a JSON Schema 2020-12 of an object of them',
  schema: headersSchema,
  problems: [HEADERS_INVALID],
  async create(settings, env) {
    const source = settings?.request?.schema;
    if (source === undefined) return undefined;
    const compiled = await env.schemas.compile(source, (issue, at) => {
      env.report(issue, at);
    });
    for (const name of compiled?.names ?? []) {
      if (name === canonicalName(name)) continue;
      const message = `the schema names "${name}", which no header is called: names are in lower case, with - for _`;
      env.report({ path: ['request', 'schema'], code: 'header-name', message, hint: `write ${canonicalName(name)}` });
    }
    return compiled === undefined ? undefined : new HeaderValidation(compiled, env);
  },
});

class HeaderValidation implements Policy {
  readonly #schema: CompiledSchema;
  readonly #invalid: Refusal;

  constructor(schema: CompiledSchema, env: Env) {
    this.#schema = schema;
    this.#invalid = { problem: HEADERS_INVALID, counter: env.metrics.validationFailure('headers_invalid') };
  }

  onRequest(x: Exchange): Verdict {
    const breaches = breachesOfTexts(this.#schema, joined(x.forwardable));
    return breaches.length === 0 ? undefined : refuseBreaches(x, this.#invalid, 'the header section', breaches);
  }
}

/** What an upstream may make of a header section: one value for each name, whatever its spelling (RFC 9110 §5.3). */
function joined(fields: readonly string[]): Record<string, unknown> {
  const values = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = canonicalName(fields[i] ?? '');
    const value = fields[i + 1] ?? '';
    const before = values.get(name);
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return Object.fromEntries(values);
}
