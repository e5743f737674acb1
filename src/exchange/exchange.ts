// One request's state, from the client's socket to the last byte of the answer. One class, every field set in the
// constructor, so that V8 sees one hidden class.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Tenant } from '../tenant/tenants.ts';
import type { Problem, Violation } from './problem.ts';
import { type Reply, UNATTACHED } from './reply.ts';
import type { RequestBody } from './request-body.ts';

/** Who made the answer: an upstream, or the gateway itself. */
export type Source = 'upstream' | 'gateway';

/** The part of a route that an exchange shows to policies and logs. */
export interface RouteInfo {
  readonly name: string;
  readonly params: readonly string[];
}

/** Where an ended exchange is counted. */
export interface Tally {
  finish(
    method: string,
    status: number,
    source: string,
    seconds: number,
    requestBytes: number,
    responseBytes: number,
  ): void;
  /** Its answer had begun and was cut off, for this reason. */
  cut(reason: string): void;
}

/** An attempt that brought no answer, or none that was passed on. */
export interface FailedAttempt {
  readonly target: string;
  /** As `sluice_upstream_attempts_total` counts it. */
  readonly result: string;
  /** Code and message; '' when there is nothing to say. */
  readonly error: string;
}

/** One of several calls that make up an answer, which failed and which the answer does without. */
export interface FailedCall {
  readonly call: string;
  /** Code of its problem. */
  readonly reason: string;
}

/** What unwinds when the head of an answer is known, and when the last byte is out: the policies that were entered. */
export interface Unwinding {
  onResponse(x: Exchange): void;
  /** The head that policies have made cannot be written: answers with an incident instead. Undefined once it was one. */
  onUnwritable?: ((x: Exchange, error: unknown) => void) | undefined;
  onEnd(x: Exchange): void;
}

/** What an exchange has under way. A call without an end of its own (a WebSocket) can be told to end. */
export interface ExchangeCall {
  /** The exchange is over. */
  finish(): void;
  /** The configuration no longer allows it. False: it has not opened yet, and ends as any other exchange. */
  revoke?(reason: string): boolean;
  /** The gateway shuts down. */
  goAway?(): void;
}

/**
 * Looks at an upstream's answer body before the client has it (`holds`), or beside it. At most `maxBytes` are collected;
 * a larger body is not inspected (`check` is not called) when it does not hold, and is a problem when it does.
 */
export interface BodyInspector {
  readonly holds: boolean;
  readonly maxBytes: number;
  check(x: Exchange, body: Buffer): Problem | undefined;
  tooLarge(x: Exchange): Problem | undefined;
}

export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Monotonic milliseconds (`performance.now()`). */
  readonly startedAt: number;
  method: string;
  /** The one canonical path: matched, logged and forwarded. Still percent-encoded. */
  path = '';
  /** The query with its `?`, or ''. As sent by the client. */
  query = '';
  /** Lower-cased, without port. */
  host = '';
  /** As the client sent it, port included: `X-Forwarded-Host`. */
  authority = '';
  requestId = '';
  /** 32 hex digits. */
  traceId = '';
  /** The `traceparent` sent upstream. */
  traceparent = '';
  clientAddress = '';
  /** `http` or `https`, as the client (or a trusted proxy) sees it. */
  scheme: 'http' | 'https' = 'http';
  route: RouteInfo | undefined = undefined;
  /** Counters of the route; undefined when none matched. */
  tally: Tally | undefined = undefined;
  /** Path parameters in the order of `route.params`, percent-encoded as in `path`. */
  params: readonly string[] = NONE;
  tenant: Tenant | undefined = undefined;
  keyId = '';
  readonly body: RequestBody;
  reply: Reply = UNATTACHED;
  unwinding: Unwinding | undefined = undefined;
  /** The call to the upstream, once there is one: it must be ended with the exchange. */
  call: ExchangeCall | undefined = undefined;
  /** The client asks for a WebSocket, on a route that has them: a 101 takes the socket over. */
  upgrading = false;
  /** Monotonic milliseconds when the head of the answer went out; 0 before. */
  headAt = 0;
  /** The client's headers that may be forwarded, flat pairs: hop-by-hop, spoofed and gateway-owned ones are gone. */
  forwardable: string[] = [];
  /** What the client (or trusted proxies) said in `Via` and `X-Forwarded-For`, to be appended to; '' for none. */
  via = '';
  forwardedFor = '';
  /** `Forwarded` of trusted proxies; '' for none. */
  forwardedBefore = '';
  /** `X-Forwarded-Host` to send. */
  forwardedHost = '';
  /** Address of the socket's other end, which may be a proxy. */
  peer = '';
  /** The client said `TE: trailers`. */
  wantsTrailers = false;
  /** A `%2f` in the path: the route must have opted in. */
  encodedSlash = false;
  /** Path and query sent to the upstream; `rewrite` changes it. */
  upstreamPath = '';
  /** Headers policies set on or remove from the request to the upstream; flat pairs, value undefined removes. */
  requestHeaderEdits: (string | undefined)[] | undefined = undefined;
  /** Status of the answer, 0 before there is one. */
  status = 0;
  source: Source = 'gateway';
  /** Head of the answer, flat name/value pairs in order; policies add in `onResponse`. */
  responseHeaders: string[] = [];
  inspector: BodyInspector | undefined = undefined;
  problem: Problem | undefined = undefined;
  /** What a problem says beyond its title; set by who refuses. */
  detail = '';
  violations: readonly Violation[] | undefined = undefined;
  /** Extra members of the problem document. */
  extensions: Readonly<Record<string, unknown>> | undefined = undefined;
  /** Seconds; on every 429 and 503. 0: none. */
  retryAfter = 0;
  /** Headers for the answer that gates decided early (`RateLimit`, `WWW-Authenticate`, `Allow`); flat pairs. */
  answerHeaders: string[] | undefined = undefined;
  upstream = '';
  target = '';
  attempts = 0;
  /** Monotonic milliseconds spent waiting for upstreams, until the head of the answer. */
  upstreamMs = 0;
  /** Of the request's body. */
  bytesIn = 0;
  /** Of the answer's body, as it was given to the response: before middleware packs it. */
  bytesOut = 0;
  /** Why the exchange ended other than well; machine-readable, for the access log. */
  reason = '';
  /** What the last failed attempt, or a cut answer, died of: code and message, bounded; '' when nothing failed. */
  error = '';
  /** Attempts that failed, oldest first, bounded; undefined when none did. */
  failed: FailedAttempt[] | undefined = undefined;
  /** Calls that the answer does without; undefined when it has all. */
  partial: readonly FailedCall[] | undefined = undefined;
  /** Its answer had begun and was cut off, which the status does not show. */
  cut = false;
  /** The limit that refused it, named as its decisions are counted: `plan 100/min`, `concurrency`; '' when none did. */
  limit = '';
  /** The client went before its answer was complete. */
  aborted = false;
  /** Where it stands among the live ones; see `live.ts`. */
  place = 0;
  /** Everything about it is over: logged, counted, given back. */
  ended = false;
  /** How many policies were entered, for unwinding. */
  entered = 0;
  /** Per-policy state, by `slot()` index. */
  readonly slots: unknown[] = [];

  constructor(req: IncomingMessage, res: ServerResponse, body: RequestBody, startedAt = performance.now()) {
    this.req = req;
    this.res = res;
    this.body = body;
    this.startedAt = startedAt;
    this.method = req.method ?? 'GET';
  }

  /** A path parameter, percent-encoded as in the path; undefined when the route has none of that name. */
  param(name: string): string | undefined {
    const index = this.route?.params.indexOf(name) ?? -1;
    return index < 0 ? undefined : this.params[index];
  }

  /** First value of a client's header; the name in lower case. */
  header(name: string): string | undefined {
    const value = this.req.headers[name];
    return typeof value === 'object' ? value[0] : value;
  }

  /** Sets a header of the request to the upstream; replaces every one of that name. */
  setRequestHeader(name: string, value: string): void {
    this.#editRequest(name, value);
  }

  removeRequestHeader(name: string): void {
    this.#editRequest(name, undefined);
  }

  // The first one makes the list: an empty list that grows takes room for seventeen.
  #editRequest(name: string, value: string | undefined): void {
    if (this.requestHeaderEdits === undefined) this.requestHeaderEdits = [name, value];
    else this.requestHeaderEdits.push(name, value);
  }

  /** Adds headers to the answer, whoever makes it; flat pairs, which are the exchange's from here on. */
  addAnswerHeaders(fields: string[]): void {
    if (this.answerHeaders === undefined) this.answerHeaders = fields;
    else this.answerHeaders.push(...fields);
  }

  /** Says why a problem is answered; returns the problem, so that a gate can `return x.refuse(…)`. */
  refuse(problem: Problem, detail: string, retryAfterSeconds = 0): Problem {
    this.detail = detail;
    this.retryAfter = retryAfterSeconds;
    return problem;
  }
}

const NONE: readonly string[] = [];

let slots = 0;

/** A typed place in every exchange for one policy's per-request state; declare at module or create time, never per request. */
export interface Slot<T> {
  get(x: Exchange): T | undefined;
  set(x: Exchange, value: T): void;
}

/** Reserves a {@link Slot}. Reserve at module level: each call takes an index for the life of the process. */
export function slot<T>(): Slot<T> {
  const index = slots++;
  return {
    // The only writer of this index is `set` below, so what is read is a T.
    get: (x) => x.slots[index] as T | undefined,
    set: (x, value) => {
      x.slots[index] = value;
    },
  };
}
