// The `match` setting of a route: which requests are its own.
import { METHODS } from 'node:http';
import { domainToASCII } from 'node:url';
import * as s from '../schema/schema.ts';
import { didYouMean } from '../schema/suggest.ts';
import { type PathPattern, parsePattern } from './pattern.ts';

/** Which requests are a route's. */
export interface Match {
  /** Undefined: any but TRACE and CONNECT. GET serves HEAD as well. */
  readonly methods: readonly string[] | undefined;
  readonly pattern: PathPattern;
  /** Lower-cased, without port; undefined: any. */
  readonly host: string | undefined;
  /** Lower-cased name → the value it must have. */
  readonly headers: ReadonlyMap<string, string>;
  /** Name → the value it must have, both decoded. */
  readonly query: ReadonlyMap<string, string>;
}

/** What the parser of HTTP messages lets through, without the two that no route may serve. */
const ROUTABLE = METHODS.filter((method) => method !== 'TRACE' && method !== 'CONNECT');

function parseMethod(text: string): string | s.Refusal {
  if (ROUTABLE.includes(text)) return text;
  const upper = text.toUpperCase();
  if (text === '*' || upper === 'ANY' || upper === 'ALL') {
    return { error: `"${text}" is not a method`, hint: 'leave the method out to match any' };
  }
  if (upper === 'TRACE' || upper === 'CONNECT') return { error: `${upper} is always refused`, hint: 'remove it' };
  if (ROUTABLE.includes(upper)) return { error: `"${text}" is not a method: case matters`, hint: `write ${upper}` };
  const hint = didYouMean(upper, ROUTABLE);
  return { error: `"${text}" is not an HTTP method`, ...(hint !== undefined && { hint }) };
}

const methodList = s.list(
  s.custom({
    doc: 'An HTTP method, in upper case',
    expected: 'an HTTP method such as GET',
    parse: parseMethod,
    json: { type: 'string', enum: ROUTABLE },
  }),
  { doc: 'Methods served; without it any but TRACE and CONNECT. GET serves HEAD too', single: true, min: 1 },
);

const methodSchema: typeof methodList = {
  ...methodList,
  normalise(node, report) {
    const setting = methodList.normalise(node, report);
    const seen = new Set<unknown>();
    for (const item of setting?.kind === 'list' ? setting.items : []) {
      if (item.kind !== 'leaf' || item.at === 'default') continue;
      if (seen.has(item.value)) report.add(item.at, 'duplicate', `${item.text} is listed twice`);
      seen.add(item.value);
    }
    return setting;
  },
};

const pathScalar = s.custom({
  doc: 'Path pattern: literal text, {param} for one segment or a part of one, ** as the last segment for the rest',
  expected: 'a path such as /v1/orders/{id}',
  parse: parsePattern,
  json: { type: 'string', pattern: '^/' },
});

/** Points at the very characters that are wrong. */
const pathSchema: typeof pathScalar = {
  ...pathScalar,
  normalise(node, report) {
    const fault =
      node.kind === 'scalar' && node.type === 'string' && !node.secret ? parsePattern(node.text) : undefined;
    if (node.kind !== 'scalar' || fault === undefined || !('error' in fault)) return pathScalar.normalise(node, report);
    const at = within(node.at, node.text, fault.offset, fault.length);
    const where = at === node.at ? ` (at character ${fault.offset + 1})` : '';
    report.add(at, 'bad-path', fault.error + where, fault.hint);
    return undefined;
  },
};

/** The place of a part of a text: known when the text stands in the file as it is, or only in quotes. */
function within(at: s.Place, text: string, offset: number, length: number): s.Place {
  const quotes = (at.length - text.length) / 2;
  return quotes === 0 || quotes === 1 ? { ...at, column: at.column + quotes + offset, length } : at;
}

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/;
const ADDRESS = /^\[[0-9a-f:.]+\]$/;

function parseHost(text: string): string | s.Refusal {
  const host = text.toLowerCase();
  if (ADDRESS.test(host) || host.split('.').every((label) => LABEL.test(label))) return host;
  const error = `"${text}" is not a host name`;
  if (host.includes('*')) return { error, hint: 'hosts match exactly: give each its own route' };
  if (host.includes('/')) return { error, hint: 'only the host, without scheme and path' };
  if (/[^:]:\d+$/.test(host)) return { error, hint: 'leave the port out: a host matches on every port' };
  if (host.endsWith('.')) return { error, hint: 'leave the last dot out' };
  const ascii = domainToASCII(host);
  return ascii === '' || ascii === host ? { error } : { error, hint: `write ${ascii}` };
}

const hostSchema = s.custom({
  doc: 'Host name, matched exactly and without case or port; without it any host',
  expected: 'a host name such as api.example.com',
  parse: parseHost,
  json: { type: 'string' },
});

const headerRecord = s.record(
  s.string({
    doc: 'The value the header must have',
    pattern: /[!-~](?:[ !-~]*[!-~])?/,
    expected: 'a header value: visible ASCII, no space around it',
  }),
  {
    doc: 'Headers the request must have, with these very values',
    key: { pattern: /[!#$%&'*+.^_`|~0-9A-Za-z-]+/, expected: 'a header name' },
  },
);

/** Names are lower-cased, so two that differ only in case are one. */
const headersSchema: typeof headerRecord = {
  ...headerRecord,
  normalise(node, report) {
    const setting = headerRecord.normalise(node, report);
    if (node.kind !== 'map' || setting?.kind !== 'map') return setting;
    const seen = new Set<string>();
    for (const { key, keyAt } of node.entries) {
      const name = key.toLowerCase();
      if (seen.has(name)) report.add(keyAt, 'duplicate', `"${key}" is here twice: header names have no case`);
      if (name === 'host')
        report.add(keyAt, 'bad-key', 'the host is not a header condition', 'use `host:` beside `headers:`');
      seen.add(name);
    }
    return s.settings.map(
      Array.from(setting.entries, ([name, value]) => [name.toLowerCase(), value] as const),
      setting.at,
    );
  },
};

const longForm = s.object(
  {
    method: s.optional(methodSchema),
    path: pathSchema,
    host: s.optional(hostSchema),
    headers: s.optional(headersSchema),
    query: s.optional(
      s.record(s.string({ doc: 'The value the parameter must have' }), {
        doc: 'Query parameters the request must have, with these very values; one given twice with different values is not there',
      }),
    ),
  },
  { doc: 'Which requests are this route’s', name: 'match' },
);

const shortForm = s.string({
  doc: '[METHOD[,METHOD] ]PATH',
  expected: 'METHOD PATH such as GET /v1/orders/{id}',
});

const WORDS = /^(?:(\S+)[ \t]+)?(\S+)$/;

/** Spells `GET,POST /v1/x` out as the map it stands for, so that there is one reader for both. */
function lengthen(setting: s.Setting, report: s.Report): s.Setting | undefined {
  if (setting.kind !== 'leaf' || setting.at === 'default') return setting;
  const { at, text, secret } = setting;
  const [, methods, path] = WORDS.exec(text) ?? [];
  if (path === undefined) {
    const error = secret ? 'the referenced value is not METHOD PATH' : `"${text}" is not METHOD PATH`;
    report.add(at, 'bad-value', error, 'such as GET /v1/orders, or GET,POST /v1/orders; a space in a path is %20');
    return undefined;
  }
  const part = (value: string, offset: number): s.Node => {
    return { kind: 'scalar', text: value, type: 'string', at: within(at, text, offset, value.length), secret };
  };
  const entries = [{ key: 'path', keyAt: at, value: part(path, text.length - path.length) }];
  if (methods !== undefined) {
    entries.unshift({ key: 'method', keyAt: at, value: methodsNode(methods, part) });
  }
  return longForm.normalise({ kind: 'map', entries, at }, report);
}

function methodsNode(methods: string, part: (value: string, offset: number) => s.Node): s.Node {
  const whole = part(methods, 0);
  if (!methods.includes(',')) return { kind: 'list', items: [whole], at: whole.at };
  let offset = 0;
  const items = methods.split(',').map((method) => {
    const item = part(method, offset);
    offset += method.length + 1;
    return item;
  });
  return { kind: 'list', items, at: whole.at };
}

const written = s.short(longForm, shortForm, lengthen);
const NONE: ReadonlyMap<string, string> = new Map();

/** `match: GET,POST /v1/x`, or the map `{ method, path, host, headers, query }`. */
export const matchSchema: s.Schema<Match> = {
  ...written,
  decode(setting) {
    const { method, path, host, headers, query } = longForm.decode(setting);
    return { methods: method, pattern: path, host, headers: headers ?? NONE, query: query ?? NONE };
  },
};
