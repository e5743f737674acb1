// The request to a third party, made from the client's: compiled at load, filled in per request.
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import { compileTemplate, type Known, type Results, type Template, type TemplatePlace } from '../exchange/template.ts';
import type { VendorRequest } from './client/client.ts';
import { jsonBodyOf } from './client-body.ts';
import { MISSING_RESULT } from './compose/problems.ts';
import type { Mapping, MappingBody } from './mapping/mapping.ts';
import { BODY_NOT_JSON, MISSING_VALUE, REQUEST_MAPPING_FAILED } from './problems.ts';
import { refuseMapping } from './refuse-mapping.ts';
import { variablesOf } from './variables.ts';

/** A request as routes.yaml describes it, its files read and its mapping compiled. */
export interface RequestParts {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly query: ReadonlyMap<string, string> | undefined;
  readonly headers: ReadonlyMap<string, string> | undefined;
  /** At most one of these; without one the client's body goes as it is. */
  readonly mapping: Mapping | undefined;
  readonly xml: string | undefined;
  /** Beside `xml`: what the body is sent with, names in lower case. */
  readonly xmlHeaders: ReadonlyMap<string, string>;
}

/** What is wrong with one of the texts. */
export interface RequestFault {
  /** Below `request`. */
  readonly path: readonly string[];
  readonly message: string;
  readonly hint: string | undefined;
}

interface Field {
  readonly name: string;
  readonly value: Template;
}

export class RequestMaker {
  readonly #method: string | undefined;
  readonly #path: Template | undefined;
  readonly #query: readonly Field[] | undefined;
  readonly #headers: readonly Field[];
  readonly #mapping: Mapping | undefined;
  readonly #xml: Template | undefined;
  readonly #xmlHeaders: ReadonlyMap<string, string>;
  /** Something looks into the client's body. */
  readonly #needsJson: boolean;
  /** Earlier calls that it takes values from. */
  readonly calls: ReadonlySet<string>;

  private constructor(parts: RequestParts, texts: Texts) {
    this.#method = parts.method;
    this.#path = texts.path;
    this.#query = texts.query;
    this.#headers = texts.headers;
    this.#mapping = parts.mapping;
    this.#xml = texts.xml;
    this.#xmlHeaders = parts.xmlHeaders;
    const templates = [texts.path, texts.xml, ...[...(texts.query ?? []), ...texts.headers].map(({ value }) => value)];
    this.#needsJson = parts.mapping !== undefined || templates.some((each) => each?.needsBody);
    this.calls = new Set(templates.flatMap((each) => [...(each?.calls ?? [])]));
  }

  /** Compiles a request, or says what is wrong with it. @param authenticated whether there is a tenant to speak of */
  static compile(parts: RequestParts, known: Known, authenticated: boolean): RequestMaker | readonly RequestFault[] {
    const faults: RequestFault[] = [];
    const compiled = (text: string, place: TemplatePlace, path: readonly string[]): Template | undefined => {
      const template = compileTemplate(text, place, known);
      if ('error' in template) faults.push({ path, message: template.error, hint: template.hint });
      else if (template.needsTenant && !authenticated) {
        faults.push({ path, message: 'this route has no tenant: it is open', hint: undefined });
      } else return template;
      return undefined;
    };
    const fields = (place: TemplatePlace, name: 'query' | 'headers'): readonly Field[] =>
      Array.from(parts[name] ?? [], ([key, text]) => ({ key, value: compiled(text, place, [name, key]) })).flatMap(
        ({ key, value }) => (value === undefined ? [] : [{ name: key, value }]),
      );
    const texts: Texts = {
      path: parts.path === undefined ? undefined : compiled(parts.path, 'path', ['path']),
      query: parts.query && fields('query', 'query'),
      headers: fields('header', 'headers'),
      xml: parts.xml === undefined ? undefined : compiled(parts.xml, 'xml', ['xml']),
    };
    return faults.length > 0 ? faults : new RequestMaker(parts, texts);
  }

  /**
   * The request for an exchange, or why there is none.
   *
   * @param bytes the client's body
   * @param results of earlier calls
   */
  async make(x: Exchange, bytes: Buffer, results?: Results): Promise<VendorRequest | Problem> {
    const json = this.#needsJson ? jsonBodyOf(x, bytes) : undefined;
    if (this.#needsJson && json === undefined) return x.refuse(BODY_NOT_JSON, 'it is read for the third party');
    const path = this.#target(x, json, results);
    if (typeof path !== 'string') return path;
    const headers = new Map([['accept', 'application/json'], ['x-request-id', x.requestId], ...this.#xmlHeaders]);
    applyEdits(headers, x.requestHeaderEdits);
    for (const { name, value } of this.#headers) {
      const text = value.render(x, json?.value(), results);
      if (text === undefined) return missing(x, value);
      headers.set(name.toLowerCase(), text);
    }
    const body = await this.#body(x, bytes, json, headers, results);
    if (body !== undefined && 'code' in body) return body;
    return { method: this.#method ?? plainMethod(x.method), path, headers, body };
  }

  #target(x: Exchange, json: MappingBody | undefined, results: Results | undefined): string | Problem {
    const own = this.#path?.render(x, json?.value(), results);
    if (this.#path !== undefined && own === undefined) return missing(x, this.#path);
    if (this.#query === undefined) return own ?? x.upstreamPath;
    const bare = own ?? x.upstreamPath.split('?', 1)[0] ?? '';
    const pairs: string[] = [];
    for (const { name, value } of this.#query) {
      const text = value.render(x, json?.value(), results);
      if (text === undefined) return missing(x, value);
      if (text !== '' || value.constant === '') pairs.push(`${encodeURIComponent(name)}=${text}`);
    }
    if (pairs.length === 0) return bare;
    return `${bare}${bare.includes('?') ? '&' : '?'}${pairs.join('&')}`;
  }

  async #body(
    x: Exchange,
    bytes: Buffer,
    json: MappingBody | undefined,
    headers: Map<string, string>,
    results: Results | undefined,
  ): Promise<Buffer | Problem | undefined> {
    if (this.#xml !== undefined) {
      const text = this.#xml.render(x, json?.value(), results);
      if (text === undefined) return missing(x, this.#xml);
      return Buffer.from(text);
    }
    if (this.#mapping !== undefined && json !== undefined) {
      if (!headers.has('content-type')) headers.set('content-type', 'application/json');
      return this.#mapped(x, this.#mapping, json, results);
    }
    if (bytes.length === 0 || plainMethod(this.#method ?? x.method) === 'GET') return undefined;
    const contentType = x.header('content-type');
    if (contentType !== undefined && !headers.has('content-type')) headers.set('content-type', contentType);
    const coding = x.header('content-encoding');
    if (coding !== undefined) headers.set('content-encoding', coding);
    return bytes;
  }

  async #mapped(
    x: Exchange,
    mapping: Mapping,
    json: MappingBody,
    results: Results | undefined,
  ): Promise<Buffer | Problem> {
    const calls = results === undefined ? undefined : Object.fromEntries(results);
    try {
      return Buffer.from(await mapping.run(json, variablesOf(x, mapping.variables, { calls }), () => !x.ended));
    } catch (error) {
      return refuseMapping(x, error, mapping.variables.has('calls') ? MISSING_RESULT : REQUEST_MAPPING_FAILED);
    }
  }
}

interface Texts {
  readonly path: Template | undefined;
  readonly query: readonly Field[] | undefined;
  readonly headers: readonly Field[];
  readonly xml: Template | undefined;
}

/** The answer to a HEAD is made from the body that GET brings. */
function plainMethod(method: string): string {
  return method === 'HEAD' ? 'GET' : method;
}

/** What the route's `headers` policy sets or removes. */
function applyEdits(headers: Map<string, string>, edits: Exchange['requestHeaderEdits']): void {
  if (edits === undefined) return;
  for (let i = 0; i + 1 < edits.length; i += 2) {
    const name = (edits[i] ?? '').toLowerCase();
    const value = edits[i + 1];
    if (value === undefined) headers.delete(name);
    else headers.set(name, value);
  }
}

function missing(x: Exchange, { placeholders, calls }: Template): Problem {
  // What an earlier call did not bring is no fault of the client's.
  const problem = calls.size === 0 ? MISSING_VALUE : MISSING_RESULT;
  return x.refuse(problem, `one of ${placeholders} is missing, or cannot stand where this route puts it`);
}
