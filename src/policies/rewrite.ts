// rewrite: the path, and if it names one the query, that the upstream gets instead of the client's.
import { bodyProblem } from '../exchange/body-problems.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { defineProblem } from '../exchange/problem.ts';
import { compileTemplate, type Template } from '../exchange/template.ts';
import { bodyValue } from '../json/body-value.ts';
import * as s from '../schema/schema.ts';
import { definePolicy, type Env, type Maybe, type Policy, type Verdict } from './policy.ts';

export const MISSING_VALUE = defineProblem(
  'template.missing_value',
  400,
  'The request lacks a value that this route needs',
  'http_request_error',
);

const REST = '/**';

/**
 * `**` at the end of the path stands for what `**` in the route's `match` has matched. The client's query is kept unless
 * the text has one of its own.
 *
 * @example
 * get-order: { match: "GET /v1/orders/{id}", to: orders, rewrite: "/orders/{id}?tenant={tenant}" }
 */
export const rewrite = definePolicy({
  name: 'rewrite',
  summary: 'Path sent to the upstream, with placeholders such as {id}; a query in it replaces the client’s',
  schema: s.optional(
    s.string({
      doc: 'Path sent to the upstream, with placeholders such as {id}; a query in it replaces the client’s',
      pattern: /\/[!-~]*/,
      expected: 'a path such as /orders/{id}, percent-encoded where it needs to be',
    }),
  ),
  problems: [MISSING_VALUE],
  create(text, env) {
    if (text === undefined) return undefined;
    const [pathText, queryText] = splitQuery(text);
    const keepsRest = pathText.endsWith(REST);
    const fixed = keepsRest ? pathText.slice(0, -REST.length) : pathText;
    const issues = faults(fixed, keepsRest, env.pattern);
    const path = compileTemplate(fixed, 'path', env);
    const query = queryText === undefined ? undefined : compileTemplate(queryText, 'query', env);
    for (const template of [path, query]) {
      if (template !== undefined && 'error' in template) issues.push(template);
      else if (template?.needsTenant && !env.authenticated)
        issues.push({ error: 'this route has no tenant: it is open' });
    }
    for (const { error, hint } of issues) {
      env.report({ path: [], code: 'rewrite', message: error, ...(hint === undefined ? {} : { hint }) });
    }
    if (issues.length > 0 || 'error' in path || (query !== undefined && 'error' in query)) return undefined;
    return new Rewrite(path, query, keepsRest ? segmentsBefore(env.pattern) : -1, env);
  },
});

function faults(path: string, keepsRest: boolean, pattern: string): { error: string; hint?: string }[] {
  const found: { error: string; hint?: string }[] = [];
  if (path.includes('*')) found.push({ error: '"**" can only be the end of the path', hint: 'write %2A for a star' });
  if (path.includes('#')) found.push({ error: 'a fragment never reaches a server', hint: 'write %23 for a #' });
  if (keepsRest && !pattern.endsWith(REST)) {
    found.push({ error: 'there is no "**" in the path of this route', hint: 'name its parameters: /orders/{id}' });
  }
  if (/\/\.{1,2}(?:\/|$)/.test(path)) found.push({ error: 'dot segments would be resolved away' });
  return found;
}

/** The first `?` outside a placeholder begins the query. */
function splitQuery(text: string): readonly [string, string | undefined] {
  const mark = text.replace(/\{[^{}]*\}/g, (placeholder) => '_'.repeat(placeholder.length)).indexOf('?');
  return mark < 0 ? [text, undefined] : [text.slice(0, mark), text.slice(mark + 1)];
}

/** How many segments of the pattern come before its `**`. */
function segmentsBefore(pattern: string): number {
  return pattern.split('/').length - 2;
}

/** The path from its segment number `skipped` on, with its slash; '' when there is none. */
export function pathAfter(path: string, skipped: number): string {
  let at = 0;
  for (let segment = 0; segment < skipped; segment++) {
    at = path.indexOf('/', at + 1);
    if (at < 0) return '';
  }
  return path.slice(at);
}

class Rewrite implements Policy {
  readonly #path: Template;
  readonly #query: Template | undefined;
  /** Segments before `**`; -1 without it. */
  readonly #skipped: number;
  readonly #needsBody: boolean;
  readonly #bodyMax: number;

  constructor(path: Template, query: Template | undefined, skipped: number, env: Env) {
    this.#path = path;
    this.#query = query;
    this.#skipped = skipped;
    this.#needsBody = path.needsBody || (query?.needsBody ?? false);
    this.#bodyMax = env.bodyMax;
  }

  onRequest(x: Exchange): Maybe<Verdict> {
    return this.#needsBody ? this.#withBody(x) : this.#rewrite(x, undefined);
  }

  async #withBody(x: Exchange): Promise<Verdict> {
    const body = await bodyValue(x, this.#bodyMax);
    return typeof body === 'string' ? x.refuse(bodyProblem(body), '') : this.#rewrite(x, body.value);
  }

  #rewrite(x: Exchange, body: unknown): Verdict {
    const path = this.#path.render(x, body);
    if (path === undefined) return missing(x, this.#path);
    let query = x.query;
    if (this.#query !== undefined) {
      const own = this.#query.render(x, body);
      if (own === undefined) return missing(x, this.#query);
      query = own === '' ? '' : `?${own}`;
    }
    const whole = this.#skipped < 0 ? path : path + pathAfter(x.path, this.#skipped);
    x.upstreamPath = (whole === '' ? '/' : whole) + query;
    return undefined;
  }
}

/** Refuses a request that has no usable value for a placeholder. */
export function missing(x: Exchange, template: Template): Verdict {
  return x.refuse(
    MISSING_VALUE,
    `one of ${template.placeholders} is missing, or cannot stand where this route puts it`,
  );
}
