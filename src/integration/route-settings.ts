// What a route says of the request to a third party, and of the calls that make up an answer.
import * as s from '../schema/schema.ts';
import { mappingSource, xmlSource } from '../schema/text.ts';
import { HEADER_VALUE, isFraming } from '../tenant/settings.ts';

const soapSchema = s.object(
  {
    action: s.string({ doc: 'SOAP action', pattern: /[^"\p{Cc}]*/u, expected: 'an action such as GetStock' }),
    body: xmlSource('Body, put into an envelope unless it is one'),
    version: s.choice(['1.1', '1.2'], { doc: 'Version of SOAP', default: '1.1' }),
  },
  { doc: 'A SOAP call', name: 'soap' },
);

const methodSchema = s.choice(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'], {
  doc: 'Method of the request; unless given the client’s own, or POST for a body that a method such as GET has no place for',
});

const PATH = 'a path such as /rates/{id}, percent-encoded where it needs to be';
/** A query may follow; `#` ends a path, and some read `\` as a slash. */
const PLAIN_PATH = /^\/[!"$-[\]-~]*$/;
/** Segments that servers resolve, and that would lead out of the URL. */
const DOT_SEGMENT = /\/(?:\.|%2e){1,2}(?=[/?]|$)/i;

const pathSchema = s.custom({
  doc: 'Path below the URL of the integration or upstream, with placeholders such as {id}',
  expected: PATH,
  parse(text) {
    if (!PLAIN_PATH.test(text)) return { error: `"${text}" is not ${PATH}` };
    if (!DOT_SEGMENT.test(text)) return text;
    return { error: `"${text}" has a segment of a dot or two, which leads elsewhere`, hint: 'write where it leads' };
  },
  json: { type: 'string', pattern: '^/' },
});

const HEADER_NAME = { pattern: /[!#$%&'*+.^_`|~0-9A-Za-z-]+/, expected: 'the name of a header' };

const querySchema = s.record(s.string({ doc: 'Value, with placeholders' }), {
  doc: 'Query parameters; one whose optional placeholder has no value is left out',
});

const headersSchema = s.record(s.string({ doc: 'Value, with placeholders', ...HEADER_VALUE }), {
  doc: 'Headers of the request: of the client’s none are passed on',
  key: HEADER_NAME,
});

/** `request` of a route to an integration. */
export const requestSchema = s.object(
  {
    method: s.optional(methodSchema),
    path: s.optional(pathSchema),
    query: s.optional(querySchema),
    headers: s.optional(headersSchema),
    body: s.optional(
      mappingSource('JSON body, made from the client’s by a mapping; without it the client’s goes as it is'),
    ),
    xml: s.optional(xmlSource('XML body')),
    soap: s.optional(soapSchema),
  },
  { doc: 'The request to the third party', name: 'request' },
);

export type RequestSettings = s.Infer<typeof requestSchema>;

const part = s.object(
  {
    to: s.string({
      doc: 'The upstream or integration that is called',
      expected: 'the name of an upstream or integration',
    }),
    method: s.optional(methodSchema),
    path: pathSchema,
    query: s.optional(querySchema),
    headers: s.optional(headersSchema),
    body: s.optional(mappingSource('JSON body, made by a mapping')),
    optional: s.boolean({ doc: 'Whether the answer can do without it', default: false }),
    default: s.optional(s.json({ doc: 'What stands for it when it fails' })),
  },
  { doc: 'One call of a composition', name: 'call' },
);

/** `calls` of a route. */
export const callsSchema = s.record(part, {
  doc: 'Calls that make up the answer; those that name no other run side by side',
  key: { pattern: /[A-Za-z_][A-Za-z0-9_]{0,63}/, expected: 'a name such as order, as a mapping can say it' },
});

export type PartSettings = s.Infer<typeof part>;

const WITH_ONE_BODY = ['body', 'xml', 'soap'] as const;

/** Rules across the settings of `request`. */
export function checkRequest(settings: RequestSettings): readonly s.Issue[] {
  const [first, second] = WITH_ONE_BODY.filter((name) => settings[name] !== undefined);
  const issues = checkHeaders(settings.headers, []);
  if (first !== undefined && second !== undefined) {
    issues.push({
      path: [second],
      code: 'two-bodies',
      message: `the request has two bodies: "${first}" and "${second}"`,
      hint: 'keep one of them',
    });
  }
  if (first !== undefined) issues.push(...checkBody(settings, first, [first]));
  return issues;
}

function checkHeaders(headers: RequestSettings['headers'], path: readonly string[]): s.Issue[] {
  return [...(headers?.keys() ?? [])].filter(isFraming).map((name) => ({
    path: [...path, 'headers', name],
    code: 'framing-header',
    message: `${name} frames or routes the request: it follows from the rest`,
    hint: 'remove it',
  }));
}

function checkBody(
  settings: Pick<RequestSettings, 'method' | 'body' | 'xml' | 'soap'>,
  name: (typeof WITH_ONE_BODY)[number],
  path: readonly string[],
): readonly s.Issue[] {
  const { method } = settings;
  if (settings[name] === undefined || (method !== 'GET' && method !== 'HEAD')) return [];
  return [{ path, code: 'body-of-get', message: `a ${method} has no body`, hint: 'method: POST' }];
}

/** What templates and mappings mean something else by. */
const RESERVED_NAMES = new Set(['body', 'headers', 'params', 'query', 'request', 'status', 'tenant']);

/** Rules across the settings of `calls`; what refers to what is seen when they are compiled. */
export function checkCalls(calls: ReadonlyMap<string, PartSettings>): readonly s.Issue[] {
  const issues: s.Issue[] = [];
  if (calls.size === 0) {
    issues.push({ path: [], code: 'no-calls', message: 'no call is named here', hint: 'name one, or use `to`' });
  }
  for (const [name, settings] of calls) {
    if (RESERVED_NAMES.has(name)) {
      const message = `a call cannot be named "${name}": templates and mappings mean something else by it`;
      issues.push({ path: [name], code: 'reserved-name', message });
    }
    if (settings.default !== undefined && !settings.optional) {
      const message = `"${name}" is required: when it fails there is no answer that its default could stand in`;
      issues.push({ path: [name, 'default'], code: 'default-of-required', message, hint: 'optional: true' });
    }
    issues.push(...checkHeaders(settings.headers, [name]));
    issues.push(...checkBody({ ...settings, xml: undefined, soap: undefined }, 'body', [name, 'body']));
  }
  return issues;
}
