// What a call of a composition brought: JSON, as text for the answer, and as a value for templates, mappings and schemas.
import type { Exchange } from '../../exchange/exchange.ts';
import type { Problem } from '../../exchange/problem.ts';
import { isJsonType, isPlain } from '../../json/media-type.ts';
import { scanJson } from '../../json/scan.ts';
import { JsonBody, NO_JSON } from '../client-body.ts';
import type { MappingBody } from '../mapping/mapping.ts';
import { NOT_JSON } from '../problems.ts';

export interface CallResult extends MappingBody {
  /** As JSON.parse gives it: numbers may have lost digits. */
  loose(): unknown;
}

/** An answer without a body. */
const NOTHING: CallResult = { ...NO_JSON, loose: () => null };

/** A value that routes.yaml gives. */
export function resultOf(value: unknown): CallResult {
  return fromText(JSON.stringify(value), value);
}

/** Reads the body of an answer, or says why it is of no use. */
export function readResult(
  x: Exchange,
  body: Buffer,
  contentType: string | undefined,
  contentEncoding: string | undefined,
): CallResult | Problem {
  if (body.length === 0) return NOTHING;
  if (!isJsonType(contentType)) return x.refuse(NOT_JSON, `${x.upstream} answered with another media type`);
  if (!isPlain(contentEncoding)) {
    return x.refuse(NOT_JSON, `${x.upstream} answered with a content coding although none was accepted`);
  }
  const scan = scanJson(body);
  if (!('error' in scan)) return fromText(body.toString('utf8'), scan.value);
  x.error = `line ${scan.line}, column ${scan.column}: ${scan.detail}`;
  return x.refuse(NOT_JSON, `the answer of ${x.upstream} is not acceptable: ${scan.error}`);
}

/** Results by the name of their call, as one object. */
export function objectOf(results: ReadonlyMap<string, CallResult>): CallResult {
  const by = (pick: (result: CallResult) => unknown): unknown =>
    Object.fromEntries(Array.from(results, ([name, result]) => [name, pick(result)]));
  const members = Array.from(results, ([name, result]) => ({ name, result }));
  return {
    size: members.reduce((sum, { name, result }) => sum + name.length + result.size + '"":,'.length, '{}'.length),
    text: () => `{${members.map(({ name, result }) => `"${name}":${result.text()}`).join(',')}}`,
    value: () => by((result) => result.value()),
    loose: () => by((result) => result.loose()),
  };
}

function fromText(text: string, loose: unknown): CallResult {
  const json = new JsonBody(text, loose);
  return { size: json.size, text: () => json.text(), value: () => json.value(), loose: () => loose };
}
