// Texts with placeholders, such as `/orders/{id}` or `{tenant.plan}`: read at load, filled in per request, each value escaped
// for where it stands.
import { didYouMean } from '../schema/suggest.ts';
import type { Exchange } from './exchange.ts';
import { parseQuery, percentDecode } from './query-string.ts';

/** Where the text is put. */
export type TemplatePlace = 'path' | 'query' | 'header' | 'xml';

export interface Template {
  /** The whole text when it has no placeholder. */
  readonly constant: string | undefined;
  /** The placeholders, for messages. */
  readonly placeholders: string;
  readonly needsBody: boolean;
  readonly needsTenant: boolean;
  /** Earlier calls whose results it uses. */
  readonly calls: ReadonlySet<string>;
  /**
   * The text for a request; undefined when a value is missing that was not written optional (`{x?}`), or when a value
   * cannot stand there: a control character in a header, a dot segment in a path.
   * @param body the parsed request body, where `needsBody`
   * @param results of earlier calls by name, where there are `calls`
   */
  render(x: Exchange, body: unknown, results?: Results): string | undefined;
}

/** Answers of earlier calls, parsed, by the name of the call. */
export type Results = ReadonlyMap<string, unknown>;

/** What placeholders may name beside what every request has. */
export interface Known {
  readonly params: readonly string[];
  /** Earlier calls; none unless given. */
  readonly calls?: ReadonlySet<string>;
}

/** Why a text is not a template. */
export interface TemplateFault {
  readonly error: string;
  readonly hint?: string;
}

/** Takes a value from an exchange, not yet escaped. */
interface Placeholder {
  readonly optional: boolean;
  /** A path parameter stands in a path as it came: still encoded. */
  readonly encoded: boolean;
  /** The call whose result it is; '' for none. */
  readonly call: string;
  value(x: Exchange, body: unknown, results: Results | undefined): string | undefined;
}

const TOKEN = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;
const KNOWN = '{tenant}, {tenant.plan}, {query.name} and {body.name}';
const SCOPES = ['params', 'tenant', 'query', 'body'];

/**
 * Compiles a template. `{id}` and `{params.id}` are path parameters, `{tenant}` the tenant's id, `{tenant.plan}`,
 * `{query.x}` (the first of that name), `{body.x.y}`, `{call.x.y}` of an earlier call; `{x?}` is empty when there is no value; `{{` and `}}` are braces.
 */
export function compileTemplate(text: string, place: TemplatePlace, known: Known): Template | TemplateFault {
  const parts: (string | Placeholder)[] = [];
  const names: string[] = [];
  let literal = '';
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    literal += text.slice(end, match.index);
    end = match.index + match[0].length;
    if (match[0] === '{{' || match[0] === '}}') {
      literal += match[0].charAt(0);
      continue;
    }
    if (match[1] === undefined)
      return { error: `a single "${match[0]}" means nothing`, hint: 'write {{ or }} for a brace' };
    const placeholder = readPlaceholder(match[1], known);
    if ('error' in placeholder) return placeholder;
    if (literal !== '') parts.push(literal);
    parts.push(placeholder);
    names.push(match[1]);
    literal = '';
  }
  literal += text.slice(end);
  if (literal !== '') parts.push(literal);
  return new Parts(parts, names, place);
}

function readPlaceholder(written: string, { params, calls }: Known): Placeholder | TemplateFault {
  const optional = written.endsWith('?');
  const name = optional ? written.slice(0, -1) : written;
  const dot = name.indexOf('.');
  const scope = dot < 0 ? '' : name.slice(0, dot);
  const member = name.slice(dot + 1);
  const plain = { optional, encoded: false, call: '' };
  if (name === 'tenant') return { ...plain, value: (x) => x.tenant?.id };
  if (name === 'tenant.plan') return { ...plain, value: (x) => x.tenant?.plan?.name };
  if (scope === 'query' && member !== '') return { ...plain, value: (x) => parseQuery(x.query)?.get(member)?.[0] };
  if (scope === 'body' && member !== '') {
    const path = member.split('.');
    return { ...plain, value: (_, body) => scalarAt(body, path) };
  }
  const index = scope === 'params' ? params.indexOf(member) : params.indexOf(name);
  if (index >= 0) return { optional, encoded: true, call: '', value: (x) => x.params[index] };
  if (calls?.has(scope) && member !== '') {
    const path = member.split('.');
    return { ...plain, call: scope, value: (_, __, results) => scalarAt(results?.get(scope), path) };
  }
  const own = [...params.map((param) => `{${param}}`), ...Array.from(calls ?? [], (call) => `{${call}.name}`)].join(
    ', ',
  );
  const near = scope === '' || SCOPES.includes(scope) ? undefined : didYouMean(scope, [...(calls ?? []), ...SCOPES]);
  return {
    error: `{${written}} is not known here`,
    hint: near ?? (own === '' ? `known are ${KNOWN}` : `known are ${own}, ${KNOWN}`),
  };
}

function scalarAt(body: unknown, path: readonly string[]): string | undefined {
  let value = body;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  // A number that a double does not hold is no longer the one that was sent.
  if (typeof value === 'number')
    return Number.isInteger(value) && !Number.isSafeInteger(value) ? undefined : String(value);
  if (JSON.isRawJSON(value)) return value.rawJSON;
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : undefined;
}

class Parts implements Template {
  readonly constant: string | undefined;
  readonly placeholders: string;
  readonly needsBody: boolean;
  readonly needsTenant: boolean;
  readonly calls: ReadonlySet<string>;
  readonly #parts: readonly (string | Placeholder)[];
  readonly #place: TemplatePlace;

  constructor(parts: readonly (string | Placeholder)[], names: readonly string[], place: TemplatePlace) {
    this.#parts = parts;
    this.#place = place;
    this.constant = parts.every((part) => typeof part === 'string') ? parts.join('') : undefined;
    this.placeholders = names.map((name) => `{${name}}`).join(', ');
    this.needsBody = names.some((name) => name.startsWith('body.'));
    this.calls = new Set(parts.flatMap((part) => (typeof part === 'string' || part.call === '' ? [] : [part.call])));
    this.needsTenant = names.some((name) => name === 'tenant' || name === 'tenant.plan');
  }

  render(x: Exchange, body: unknown, results?: Results): string | undefined {
    if (this.constant !== undefined) return this.constant;
    let text = '';
    for (const part of this.#parts) {
      if (typeof part === 'string') {
        text += part;
        continue;
      }
      const value = part.value(x, body, results);
      // In a path nothing is not a value: it would leave two slashes, which is another path.
      if (value === undefined || (value === '' && this.#place === 'path')) {
        if (part.optional) continue;
        return undefined;
      }
      const escaped = escapeFor(this.#place, value, part.encoded);
      if (escaped === undefined) return undefined;
      text += escaped;
    }
    return this.#place === 'path' && MISLEADING.test(text) ? undefined : text;
  }
}

/**
 * What the edge refuses in a request's own path: `.` or `..` between slashes, encoded or not, control characters, backslashes and
 * what is encoded twice. A value must not lead to another path than the one that was written, however it is decoded.
 */
const MISLEADING = /(?:\/|%2f)(?:\.|%2e){1,2}(?:\/|%2f|$)|%(?:[01][0-9a-f]|7f|5c)|%25(?:25)*(?:00|2[ef]|5c)/i;
const CONTROL = /\p{Cc}/u;
const NOT_ASCII = /[^ -~]+/g;

function escapeFor(place: TemplatePlace, value: string, encoded: boolean): string | undefined {
  if (place === 'path' && encoded) return value;
  const plain = encoded ? percentDecode(value) : value;
  if (plain === undefined) return undefined;
  // A lone surrogate has no encoding.
  const wellFormed = plain.toWellFormed();
  if (place === 'xml') return escapeXml(wellFormed);
  if (place !== 'header') return encodeURIComponent(wellFormed);
  return CONTROL.test(wellFormed) ? undefined : wellFormed.replace(NOT_ASCII, encodeURIComponent);
}

/** What XML 1.0 cannot hold, not even as a reference (§2.2). */
const NOT_XML = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
const XML_MARKUP = /[<>&"']/g;
const XML_REFERENCES: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&quot;',
  "'": '&apos;',
};

/** For the text of an element and for the value of an attribute, in either kind of quotes. */
function escapeXml(value: string): string | undefined {
  return NOT_XML.test(value) ? undefined : value.replace(XML_MARKUP, (mark) => XML_REFERENCES[mark] ?? mark);
}
