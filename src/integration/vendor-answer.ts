// What becomes of a third party's answer: an error in our terms, or its body: read, held against its contract, mapped.
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import type { Contract } from '../json/contract.ts';
import { isJsonType } from '../json/media-type.ts';
import { scanJson } from '../json/scan.ts';
import type { VendorAnswer } from './client/client.ts';
import { JsonBody, NO_JSON } from './client-body.ts';
import type { Mapping, MappingBody } from './mapping/mapping.ts';
import { DRIFTED, MAPPING_FAILED, NOT_JSON, NOT_XML } from './problems.ts';
import { refuseMapping } from './refuse-mapping.ts';
import { variablesOf } from './variables.ts';
import type { VendorErrors } from './vendor-errors.ts';
import { readXml } from './xml/read-xml.ts';
import { soapBody, soapFault } from './xml/soap.ts';
import { XmlError } from './xml/xml-to-json.ts';

/** What a route does with answers; resolved at load. */
export interface AnswerParts {
  readonly errors: VendorErrors;
  readonly contract: Contract | undefined;
  readonly mapping: Mapping | undefined;
  /** The answer is XML, with these elements always lists. */
  readonly xml: { readonly arrays: readonly string[] } | undefined;
  /** It is in a SOAP envelope. */
  readonly soap: boolean;
}

/** What is passed on. */
export interface Passed {
  readonly body: Buffer | string;
  /** Names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Of the vendor's headers these are passed on, ... */
const KEPT = ['cache-control', 'content-language', 'expires', 'vary'];
/** ... and these, which speak of the very bytes, with a body that was not mapped. */
const KEPT_UNMAPPED = [...KEPT, 'content-type', 'content-disposition', 'etag', 'last-modified', 'link'];

/** Makes our answer of the vendor's, or says why it is not passed on. @param clientBody for `$request` */
export async function readAnswer(
  x: Exchange,
  answer: VendorAnswer,
  parts: AnswerParts,
  clientBody: MappingBody,
): Promise<Passed | Problem> {
  const document = parts.xml === undefined ? undefined : await xmlOf(x, answer, parts.xml.arrays);
  if (document instanceof XmlError) return parts.errors.refuse(x, answer) ?? notXml(x, document.message);
  const fault = parts.soap ? soapFault(soapBody(document)) : undefined;
  if (fault !== undefined) return parts.errors.refuseFault(x, answer, fault);
  const refused = parts.errors.refuse(x, answer);
  if (refused !== undefined) return refused;
  if (parts.soap && document !== undefined && soapBody(document) === undefined) {
    return notXml(x, 'it is no SOAP envelope');
  }
  const { contract, mapping } = parts;
  if (answer.status === 204 || answer.status === 205) return passedOn(x, answer);
  const looks = contract?.draw() ?? false;
  if (document === undefined && mapping === undefined && !looks) return passedOn(x, answer);
  const json = document === undefined ? jsonOf(x, answer) : jsonOfXml(parts.soap ? soapBody(document) : document);
  if ('code' in json) return contract?.rejects || mapping !== undefined ? json : reported(x, contract, answer);
  if (looks) {
    const broken = contract?.breachOf(json.loose(), json.size, x.requestId);
    if (broken !== undefined && contract?.rejects) {
      x.error = `the answer of ${x.upstream} does not match its schema at ${broken}`;
      return x.refuse(DRIFTED, x.error);
    }
  }
  if (mapping === undefined) return document === undefined ? passedOn(x, answer) : mapped(x, answer, json.text());
  return mapAnswer(x, answer, mapping, json, clientBody);
}

/** JSON of an answer, as it is mapped and as it is checked. */
interface AnswerJson extends MappingBody {
  /** As JSON.parse gives it: numbers may have lost digits. */
  loose(): unknown;
}

async function xmlOf(x: Exchange, answer: VendorAnswer, arrays: readonly string[]): Promise<unknown> {
  if (answer.body.length === 0) return undefined;
  try {
    return await readXml(answer.body, answer.headers.get('content-type') ?? '', arrays, () => !x.ended);
  } catch (error) {
    if (error instanceof XmlError) return error;
    throw error;
  }
}

function notXml(x: Exchange, why: string): Problem {
  x.error = why;
  return x.refuse(NOT_XML, why);
}

function jsonOfXml(value: unknown): AnswerJson {
  const text = JSON.stringify(value ?? null);
  // All of its values are texts: no number can lose anything.
  return { size: text.length, text: () => text, value: () => value, loose: () => value };
}

function jsonOf(x: Exchange, { body, headers }: VendorAnswer): AnswerJson | Problem {
  if (body.length === 0) return { ...NO_JSON, loose: () => null };
  if (!isJsonType(headers.get('content-type'))) {
    x.error = `${x.upstream} answered with another media type`;
    return x.refuse(NOT_JSON, x.error);
  }
  const scan = scanJson(body);
  if ('error' in scan) {
    x.error = `line ${scan.line}, column ${scan.column}: ${scan.detail}`;
    return x.refuse(NOT_JSON, `the answer of ${x.upstream} is not acceptable: ${scan.error}`);
  }
  const json = new JsonBody(body.toString('utf8'), scan.value);
  return { size: json.size, text: () => json.text(), value: () => json.value(), loose: () => scan.value };
}

/** An answer that is no JSON, where its contract only reports: that is drift, too. */
function reported(x: Exchange, contract: Contract | undefined, answer: VendorAnswer): Passed {
  contract?.tell([{ pointer: '', detail: 'is not acceptable JSON', kind: 'type' }], x.requestId);
  x.detail = '';
  return passedOn(x, answer);
}

async function mapAnswer(
  x: Exchange,
  answer: VendorAnswer,
  mapping: Mapping,
  json: MappingBody,
  clientBody: MappingBody,
): Promise<Passed | Problem> {
  const request = mapping.variables.has('request') ? clientBody.value() : undefined;
  const variables = variablesOf(x, mapping.variables, { status: answer.status, request });
  try {
    return mapped(x, answer, await mapping.run(json, variables, () => !x.ended));
  } catch (error) {
    return refuseMapping(x, error, MAPPING_FAILED);
  }
}

function mapped(x: Exchange, answer: VendorAnswer, body: string): Passed {
  return { body, headers: [['content-type', 'application/json'], ...kept(x, answer, KEPT)] };
}

function passedOn(x: Exchange, answer: VendorAnswer): Passed {
  return { body: answer.body, headers: kept(x, answer, KEPT_UNMAPPED) };
}

function kept(x: Exchange, { headers }: VendorAnswer, names: readonly string[]): (readonly [string, string])[] {
  const fields = names.flatMap((name) => {
    const value = headers.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  if (x.tenant === undefined) return fields;
  const others = fields.filter(([name]) => name !== 'cache-control');
  return [...others, ['cache-control', forOneTenant(headers.get('cache-control') ?? '')]];
}

/** Directives that let a cache that many share keep an answer (RFC 9111 §5.2.2.9, §5.2.2.10). */
const SHARED = /^(?:public|s-maxage\b.*)$/i;
const NOT_SHARED = /^(?:private|no-store)$/i;

/**
 * What the vendor says of caching, for an answer that a tenant's key was asked for: to the vendor all of them are ours, and a
 * cache in front of us does not know that `X-Api-Key` tells them apart.
 */
function forOneTenant(cacheControl: string): string {
  const directives = cacheControl
    .split(',')
    .map((directive) => directive.trim())
    .filter((directive) => directive !== '' && !SHARED.test(directive));
  return (directives.some((directive) => NOT_SHARED.test(directive)) ? directives : ['private', ...directives]).join(
    ', ',
  );
}
