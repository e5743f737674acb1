// headers: sets and removes headers on the way to the upstream and back.
import { bodyProblem } from '../exchange/body-problems.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { canonicalName } from '../exchange/header-kinds.ts';
import { compileTemplate, type Template } from '../exchange/template.ts';
import { bodyValue } from '../json/body-value.ts';
import { schemaSource } from '../json/source.ts';
import * as s from '../schema/schema.ts';
import { headerNameFault, isHeaderValue } from './header-names.ts';
import { definePolicy, type Env, type Maybe, type Policy, type Verdict } from './policy.ts';
import { MISSING_VALUE, missing } from './rewrite.ts';

const editFields = {
  set: s.record(s.string({ doc: 'Value, with placeholders such as {tenant}' }), {
    doc: 'Headers to set; each replaces every one of its name',
    default: {},
  }),
  remove: s.list(s.string({ doc: 'Header name, in any case' }), { doc: 'Headers to remove', default: [] }),
};

/** What a route says of headers; its `request.schema` is the business of `header-validation.ts`. */
export const headersSchema = s.optional(
  s.object(
    {
      request: s.optional(
        s.object(
          {
            ...editFields,
            schema: s.optional(
              schemaSource({
                doc: 'JSON Schema of an object of the client’s headers, in lower case with - for _',
                reading: 'coerced',
              }),
            ),
          },
          { doc: 'Headers of the request' },
        ),
      ),
      response: s.optional(s.object(editFields, { doc: 'Headers of the answer, whoever makes it' })),
    },
    { doc: 'Header edits' },
  ),
);
type Direction = 'request' | 'response';
interface Edits {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

/**
 * @example
 * headers: { request: { set: { x-tenant: "{tenant}" }, remove: [x-debug] }, response: { remove: [server] } }
 */
export const headers = definePolicy({
  name: 'headers',
  summary: 'Sets, removes and validates headers',
  schema: headersSchema,
  problems: [MISSING_VALUE],
  check: (settings) => [...nameIssues('request', settings?.request), ...nameIssues('response', settings?.response)],
  create(settings, env) {
    const edits = compileEdits('request', settings?.request, env);
    return edits.gone.size === 0 ? undefined : new RequestHeaders(edits, env.bodyMax);
  },
});

/**
 * The part of `headers` that holds for answers: entered before the gates that refuse, so that their problems, and what
 * middleware answers by itself, have these headers too.
 */
export const answerHeaders = definePolicy({
  name: 'headers',
  summary: 'Sets and removes headers of the answer',
  schema: headersSchema,
  create(settings, env) {
    const edits = compileEdits('response', settings?.response, env);
    return edits.gone.size === 0 ? undefined : new AnswerHeaders(edits);
  },
});

function nameIssues(direction: Direction, settings: Edits | undefined): s.Issue[] {
  if (settings === undefined) return [];
  const issues: s.Issue[] = [];
  const look = (name: string, path: s.Issue['path'], verb: string): void => {
    const fault = headerNameFault(name);
    if (fault !== undefined)
      issues.push({ path, code: 'header-name', message: `"${name}" cannot be ${verb}: ${fault}` });
  };
  const seen = new Set<string>();
  for (const name of settings.set.keys()) {
    look(name, [direction, 'set', name], 'set');
    if (seen.has(canonicalName(name))) {
      const message = `"${name}" is set twice: header names have no case, and _ counts as -`;
      issues.push({ path: [direction, 'set', name], code: 'header-name', message });
    }
    seen.add(canonicalName(name));
  }
  for (const [index, name] of settings.remove.entries()) look(name, [direction, 'remove', index], 'removed');
  return issues;
}

interface CompiledEdits {
  /** Name and value. */
  readonly set: readonly (readonly [string, Template])[];
  /** What is removed or replaced: names as they were written, in lower case, and canonical ones. */
  readonly gone: ReadonlySet<string>;
  readonly needsBody: boolean;
}

function compileEdits(direction: Direction, settings: Edits | undefined, env: Env): CompiledEdits {
  const set: (readonly [string, Template])[] = [];
  for (const [name, text] of settings?.set ?? []) {
    const refuse = (message: string, hint?: string): void => {
      const path = [direction, 'set', name];
      env.report({ path, code: 'header-value', message, ...(hint === undefined ? {} : { hint }) });
    };
    const template = compileTemplate(text, 'header', env);
    if ('error' in template) refuse(template.error, template.hint);
    // The text may come from a secret, so it is not shown.
    else if (!isHeaderValue(text))
      refuse('a header value holds no line break, control character or text beyond Latin-1');
    else if (template.needsTenant && !env.authenticated)
      refuse('this route has no tenant: it is open', 'write {tenant?}');
    else if (template.needsBody && direction === 'response')
      refuse('an answer’s headers cannot hold parts of the request body');
    else set.push([name, template]);
  }
  const names = [...(settings?.remove ?? []), ...set.map(([name]) => name)];
  return {
    set,
    gone: new Set(names.flatMap((name) => [name.toLowerCase(), canonicalName(name)])),
    needsBody: set.some(([, template]) => template.needsBody),
  };
}

class RequestHeaders implements Policy {
  readonly #edits: CompiledEdits;
  readonly #bodyMax: number;

  constructor(edits: CompiledEdits, bodyMax: number) {
    this.#edits = edits;
    this.#bodyMax = bodyMax;
  }

  onRequest(x: Exchange): Maybe<Verdict> {
    return this.#edits.needsBody ? this.#editWithBody(x) : this.#edit(x, undefined);
  }

  async #editWithBody(x: Exchange): Promise<Verdict> {
    const body = await bodyValue(x, this.#bodyMax);
    return typeof body === 'string' ? x.refuse(bodyProblem(body), '') : this.#edit(x, body.value);
  }

  #edit(x: Exchange, body: unknown): Verdict {
    const { gone } = this.#edits;
    for (const name of gone) x.removeRequestHeader(name);
    dropUnderscored(x.forwardable, gone);
    for (const [name, template] of this.#edits.set) {
      const value = template.constant ?? template.render(x, body);
      if (value === undefined) return missing(x, template);
      x.setRequestHeader(name, value);
    }
    return undefined;
  }
}

class AnswerHeaders implements Policy {
  readonly #edits: CompiledEdits;

  constructor(edits: CompiledEdits) {
    this.#edits = edits;
  }

  onResponse(x: Exchange): void {
    const { set, gone } = this.#edits;
    const kept: string[] = [];
    const before = x.responseHeaders;
    for (let i = 0; i + 1 < before.length; i += 2) {
      const name = before[i] ?? '';
      if (!gone.has(canonicalName(name))) kept.push(name, before[i + 1] ?? '');
    }
    for (const [name, template] of set) {
      // An answer is no place to refuse: a header without a value is left out.
      const value = template.constant ?? template.render(x, undefined);
      if (value !== undefined) kept.push(name, value);
    }
    x.responseHeaders = kept;
  }
}

/** Removes, in place, the fields whose names differ from those in `names` in `_` for `-`. */
function dropUnderscored(fields: string[], names: ReadonlySet<string>): void {
  let kept = 0;
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = fields[i] ?? '';
    if (name.includes('_') && names.has(canonicalName(name))) continue;
    fields[kept++] = name;
    fields[kept++] = fields[i + 1] ?? '';
  }
  fields.length = kept;
}
