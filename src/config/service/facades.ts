// The part of a route that speaks to third parties: its request, its answer and its calls, compiled from what routes.yaml says.

import { compileMapping, type Mapping } from '../../integration/mapping/mapping.ts';
import type { RequestSettings } from '../../integration/route-settings.ts';
import type { IntegrationSettings } from '../../integration/settings.ts';
import type { AnswerParts } from '../../integration/vendor-answer.ts';
import { VendorErrors } from '../../integration/vendor-errors.ts';
import { RequestMaker, type RequestParts } from '../../integration/vendor-request.ts';
import { envelope, soapHeaders } from '../../integration/xml/soap.ts';
import { templateFault } from '../../integration/xml/xml-template.ts';
import type { SchemaCompiler } from '../../json/compiler.ts';
import { Contract } from '../../json/contract.ts';
import type { TextSource } from '../../schema/text.ts';
import type { Findings } from '../check/finding.ts';
import { isAuthenticated, placeOf, type RouteConfig } from '../format/routes-config.ts';
import type { TextFiles } from '../load/text-files.ts';
import type { Host } from './host.ts';

/** What a facade is compiled with. */
export interface FacadeEnv {
  readonly entry: RouteConfig;
  readonly texts: TextFiles;
  readonly schemas: SchemaCompiler;
  readonly host: Host;
  readonly findings: Findings;
}

/** What a route to an integration asks for and makes of the answer. */
export interface FacadeParts {
  readonly request: RequestMaker;
  readonly answer: AnswerParts;
}

/** Compiles a route to an integration; undefined when something is wrong, which was then reported. */
export async function compileFacade(
  env: FacadeEnv,
  integration: IntegrationSettings,
): Promise<FacadeParts | undefined> {
  const { entry } = env;
  const { request: settings, to } = entry.core;
  const { response } = entry;
  const request = compileRequest(env, settings ?? {}, ['request'], undefined);
  const mapping = response?.body && mappingOf(env, response.body);
  const contract = await contractOf(env);
  if (request === undefined || mapping === 'faulty' || contract === 'faulty') return undefined;
  const soap = settings?.soap !== undefined;
  return {
    request,
    answer: {
      errors: new VendorErrors(to ?? '', integration),
      contract,
      mapping,
      xml: soap || response?.xml ? { arrays: (response?.xml ?? undefined)?.arrays ?? [] } : undefined,
      soap,
    },
  };
}

/** @param at where the settings stand in the route; @param calls earlier calls that its texts may name */
export function compileRequest(
  env: FacadeEnv,
  settings: Partial<RequestSettings>,
  at: readonly string[],
  calls: ReadonlySet<string> | undefined,
): RequestMaker | undefined {
  const { entry, findings } = env;
  const parts = requestParts(env, settings);
  if (parts === undefined) return undefined;
  const { params } = entry.core.match.pattern;
  const made = RequestMaker.compile(parts, { params, ...(calls && { calls }) }, isAuthenticated(entry));
  if (made instanceof RequestMaker) return made;
  for (const { path, message, hint } of made) {
    const [first, ...rest] = path;
    const place = first === 'xml' && settings.soap !== undefined ? ['soap', 'body'] : [first ?? '', ...rest];
    findings.add(placeOf(entry, [...at, ...place]), 'template', message, hint);
  }
  return undefined;
}

function requestParts(
  env: FacadeEnv,
  { method, path, query, headers, body, xml, soap }: Partial<RequestSettings>,
): RequestParts | undefined {
  const mapping = body && mappingOf(env, body);
  const template = soap?.body ?? xml;
  const text = template && xmlOf(env, template);
  if (mapping === 'faulty' || (template !== undefined && text === undefined)) return undefined;
  const isXml = template !== undefined;
  return {
    method: method ?? (isXml || mapping !== undefined ? methodWithBody(env) : undefined),
    path,
    query,
    headers,
    mapping,
    xml: soap === undefined || text === undefined ? text : envelope(text, soap.version),
    xmlHeaders: soap === undefined ? (isXml ? PLAIN_XML : NO_HEADERS) : soapHeaders(soap.action, soap.version),
  };
}

const NO_HEADERS: ReadonlyMap<string, string> = new Map();
const PLAIN_XML: ReadonlyMap<string, string> = new Map([
  ['content-type', 'application/xml; charset=utf-8'],
  ['accept', 'application/xml, text/xml'],
]);

/** A request that is given a body is a POST, unless the client's own method has one. */
function methodWithBody({ entry }: FacadeEnv): string | undefined {
  const { methods } = entry.core.match;
  return methods?.every((method) => ['POST', 'PUT', 'PATCH'].includes(method)) ? undefined : 'POST';
}

/** A mapping of the route, compiled. */
export function mappingOf({ texts, findings }: FacadeEnv, source: TextSource): Mapping | 'faulty' {
  const text = texts.text(source);
  if (text === undefined) return 'faulty';
  const compiled = compileMapping(text);
  if ('run' in compiled) return compiled;
  const message = `the mapping ${compiled.message}${texts.wordsFor(source, compiled.offset)}`;
  findings.add(texts.placeAt(source, compiled.offset), 'mapping', message, compiled.hint);
  return 'faulty';
}

/** An XML template of the route; undefined when something is wrong with it, which was then reported. */
function xmlOf({ texts, findings }: FacadeEnv, source: TextSource): string | undefined {
  const text = texts.text(source);
  if (text === undefined) return undefined;
  const fault = templateFault(text);
  if (fault === undefined) return text;
  findings.add(source.at, 'xml-template', `the XML ${fault}`, 'placeholders stand in text and in values of attributes');
  return undefined;
}

/** An answer that is read anyway costs little more to check, and drift shows with the first. */
const ALL = 1;

/** What answers are held against; undefined when the route has no schema for them. */
export async function contractOf({
  entry,
  schemas,
  host,
  findings,
}: FacadeEnv): Promise<Contract | undefined | 'faulty'> {
  const { response, name } = entry;
  if (response?.schema === undefined) return undefined;
  const compiled = await schemas.compile(response.schema, ({ path, code, message, hint, severity }, at) => {
    findings.add(at ?? placeOf(entry, ['response', 'schema', ...path]), code, message, hint, severity);
  });
  if (compiled === undefined) return 'faulty';
  const integration = entry.core.to;
  return new Contract(compiled, response.on_fail === 'reject', response.sample ?? ALL, {
    metrics: host.metrics.route(name),
    log: (level, event, fields) =>
      host.events.log(level, event, { route: name, ...(integration && { integration }), ...fields }),
  });
}
