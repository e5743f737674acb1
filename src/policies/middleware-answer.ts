// What Express middleware answers by itself is an answer of the route like any other: the policies entered so far see its head
// before it goes out, and its bytes are counted.
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { type Exchange, slot } from '../exchange/exchange.ts';

const watched = slot<true>();

/** Once for each request, before the first middleware sees its response. The gateway's own answers pass untouched. */
export function watchAnswer(x: Exchange): void {
  if (watched.get(x) === true) return;
  watched.set(x, true);
  const answer = new MiddlewareAnswer(x);
  Object.assign(x.res, { writeHead: answer.writeHead, write: answer.write, end: answer.end });
}

class MiddlewareAnswer {
  readonly #x: Exchange;
  readonly #res: ServerResponse;
  readonly #writeHead: AnyMethod;
  readonly #write: AnyMethod;
  readonly #end: AnyMethod;
  #begun = false;
  #replaced = false;

  constructor(x: Exchange) {
    const { res } = x;
    this.#x = x;
    this.#res = res;
    this.#writeHead = res.writeHead.bind(res);
    this.#write = res.write.bind(res);
    this.#end = res.end.bind(res);
  }

  readonly writeHead = (...given: unknown[]): unknown => {
    if (this.#isOver()) return Reflect.apply(this.#writeHead, undefined, given);
    const [status, message, headers] = typeof given[1] === 'string' ? given : [given[0], undefined, given[1]];
    this.#res.statusCode = Number(status);
    addHeaders(this.#res, headers);
    this.#begin();
    if (this.#replaced) return this.#res;
    return Reflect.apply(this.#writeHead, undefined, message === undefined ? [status] : [status, message]);
  };

  readonly write = (...given: unknown[]): unknown => {
    this.#before(given);
    return this.#replaced ? true : Reflect.apply(this.#write, undefined, given);
  };

  readonly end = (...given: unknown[]): unknown => {
    this.#before(given);
    return this.#replaced ? this.#res : Reflect.apply(this.#end, undefined, given);
  };

  /** The head goes out with the first bytes; these are the body's. */
  #before([chunk, encoding]: readonly unknown[]): void {
    if (!this.#isOver()) this.#begin();
    if (this.#x.reply.started || this.#x.method === 'HEAD') return;
    if (typeof chunk === 'string')
      this.#x.bytesOut += Buffer.byteLength(chunk, isEncoding(encoding) ? encoding : 'utf8');
    else if (chunk instanceof Uint8Array) this.#x.bytesOut += chunk.byteLength;
  }

  /** Nothing is to be decided any more: the head is out, or the answer is the gateway's. */
  #isOver(): boolean {
    return this.#begun || this.#x.reply.started;
  }

  #begin(): void {
    const x = this.#x;
    this.#begun = true;
    x.status = this.#res.statusCode;
    x.source = 'gateway';
    x.responseHeaders = pairsOf(this.#res);
    x.unwinding?.onResponse(x);
    // A policy has failed on it: the answer is an incident, and what middleware still writes is not.
    this.#replaced = x.reply.started;
    if (this.#replaced) return;
    x.headAt = performance.now();
    this.#res.statusCode = x.status;
    setHeaders(this.#res, [...x.responseHeaders, 'X-Request-Id', x.requestId, ...(x.answerHeaders ?? [])]);
  }
}

type AnyMethod = (...given: never[]) => unknown;

/** What `writeHead` was given: an object, flat pairs, or a list of pairs. Each replaces what was set under its name. */
function addHeaders(res: ServerResponse, headers: unknown): void {
  if (Array.isArray(headers)) {
    const seen = new Set<string>();
    for (const [name, value] of pairsIn(headers)) {
      if (!seen.has(name)) res.removeHeader(name);
      seen.add(name);
      for (const each of [value].flat()) res.appendHeader(name, String(each));
    }
  } else if (isHeaders(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) res.setHeader(name, value);
  }
}

function* pairsIn(list: readonly unknown[]): Generator<readonly [name: string, value: unknown]> {
  const isNested = Array.isArray(list[0]);
  for (let i = 0; i < list.length; i += isNested ? 1 : 2) {
    const pair: unknown = isNested ? list[i] : [list[i], list[i + 1]];
    if (Array.isArray(pair)) yield [String(pair[0]).toLowerCase(), pair[1]];
  }
}

function isHeaders(value: unknown): value is OutgoingHttpHeaders {
  return typeof value === 'object' && value !== null;
}

function isEncoding(value: unknown): value is BufferEncoding {
  return typeof value === 'string' && Buffer.isEncoding(value);
}

function pairsOf(res: ServerResponse): string[] {
  return res.getHeaderNames().flatMap((name) => valuesOf(res, name).flatMap((value) => [name, value]));
}

function valuesOf(res: ServerResponse, name: string): readonly string[] {
  const value = res.getHeader(name);
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [String(value)];
}

/** Makes the head what the pairs say; what they leave as it is keeps the case it was written in. */
function setHeaders(res: ServerResponse, pairs: readonly string[]): void {
  const wanted = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const name = pairs[i] ?? '';
    const value = pairs[i + 1] ?? '';
    const known = wanted.get(name.toLowerCase());
    if (known === undefined) wanted.set(name.toLowerCase(), { name, values: [value] });
    else known.values.push(value);
  }
  for (const name of res.getHeaderNames()) if (!wanted.has(name)) res.removeHeader(name);
  for (const { name, values } of wanted.values()) {
    const [value = '', ...more] = values;
    if (!isDeepStrictEqual(valuesOf(res, name), values)) res.setHeader(name, more.length === 0 ? value : values);
  }
}
