// One JSON line for each request, put together from parts prepared at load; only what a client controls is escaped anew.
import type { Exchange, FailedAttempt, FailedCall, RouteInfo } from '../exchange/exchange.ts';
import { escaped, quote } from './json-text.ts';
import type { LogSink } from './log-sink.ts';
import { isSecretName } from './secrets.ts';

/** A client's header is logged up to here, so that it cannot make the log grow at will. */
const MAX_HEADER_CHARS = 512;

export interface AccessLogSettings {
  /** Names of request headers to log, in lower case (`log.headers`). `user-agent` becomes the field `user_agent`. */
  readonly headers: readonly string[];
}

/** A header to log, and the text before its value. */
interface LoggedHeader {
  readonly name: string;
  readonly prefix: string;
}

/**
 * The access log. Fields that do not apply (a tenant where there is no auth, an upstream never asked) are left out.
 *
 * @example
 * const accessLog = new AccessLog(sink, { headers: ['user-agent'] });
 * accessLog.record(x, performance.now() - x.startedAt);
 */
export class AccessLog {
  readonly #sink: LogSink;
  readonly #userAgent: boolean;
  readonly #headers: readonly LoggedHeader[];
  readonly #clock = new LineClock();
  readonly #routes = new WeakMap<RouteInfo, string>();

  /** Throws when a header that may hold a secret is asked for; the configuration refuses it before, with its line. */
  constructor(sink: LogSink, { headers }: AccessLogSettings) {
    const secret = headers.find(isSecretName);
    if (secret !== undefined) throw new TypeError(`the header ${secret} may hold a secret and is never logged`);
    this.#sink = sink;
    this.#userAgent = headers.includes('user-agent');
    this.#headers = headers
      .filter((name) => name !== 'user-agent')
      .map((name) => ({ name, prefix: `${quote(name)}:` }));
  }

  /**
   * Writes the line of an exchange that has ended. `durationMs`: from its start to the last byte of its answer. A line costs
   * what its pieces cost: text that never changes is one of them up to the next value.
   */
  record(x: Exchange, durationMs: number): void {
    let line = `${this.#clock.opening(Date.now())}${escaped(x.requestId)}`;
    if (x.traceId !== '') line += `","trace_id":"${escaped(x.traceId)}`;
    if (x.tenant !== undefined) line += `","tenant":"${escaped(x.tenant.id)}`;
    line += `${x.route === undefined ? UNMATCHED : this.#route(x.route)}${escaped(x.method)}","path":"${escaped(x.path)}`;
    line += `","status":${x.status}${x.source === 'upstream' ? FROM_UPSTREAM : FROM_GATEWAY}${x.bytesOut}`;
    line += `,"duration_ms":${durationText(durationMs)}`;
    if (x.upstream !== '') line += `,"upstream":"${escaped(x.upstream)}"`;
    if (x.target !== '') line += `,"target":"${escaped(x.target)}"`;
    line += `,"client_ip":"${escaped(x.clientAddress)}`;
    line += `${this.#userAgent ? userAgentField(x) : '"'},"attempts":${x.attempts}`;
    const reason = x.reason === '' ? x.problem?.code : x.reason;
    if (reason !== undefined) line += `,"reason":"${escaped(reason)}"`;
    if (x.limit !== '') line += `,"limit":"${escaped(x.limit)}"`;
    if (x.error !== '') line += `,"error":${quote(x.error)}`;
    if (x.failed !== undefined && tellsAttempts(x)) line += `,"failed":[${x.failed.map(failedText).join(',')}]`;
    if (x.partial !== undefined) line += `,"partial":{${x.partial.map(failedCallText).join(',')}}`;
    if (this.#headers.length > 0) line += this.#otherHeaders(x);
    this.#sink.write(`${line}}\n`);
  }

  #route(route: RouteInfo): string {
    let part = this.#routes.get(route);
    if (part === undefined) {
      part = `","route":${quote(route.name)},"method":"`;
      this.#routes.set(route, part);
    }
    return part;
  }

  #otherHeaders(x: Exchange): string {
    let fields = '';
    for (const { name, prefix } of this.#headers) {
      const field = headerField(x, name, prefix);
      if (field !== '') fields += fields === '' ? field : `,${field}`;
    }
    return fields === '' ? '' : `,"headers":{${fields}}`;
  }
}

const UNMATCHED = '","method":"';
const FROM_UPSTREAM = ',"source":"upstream","bytes":';
const FROM_GATEWAY = ',"source":"gateway","bytes":';

/** Ends the text before it. */
function userAgentField(x: Exchange): string {
  return `"${headerField(x, 'user-agent', ',"user_agent":')}`;
}

/** One attempt that is the whole story has been told by `target` and `error`. */
function tellsAttempts({ attempts, source, status }: Exchange): boolean {
  return attempts > 1 || (source === 'gateway' && status >= 500);
}

function failedText({ target, result, error }: FailedAttempt): string {
  const cause = error === '' ? '' : `,"error":${quote(error)}`;
  return `{"target":${quote(target)},"result":"${result}"${cause}}`;
}

function failedCallText({ call, reason }: FailedCall): string {
  return `${quote(call)}:${quote(reason)}`;
}

function headerField(x: Exchange, name: string, prefix: string): string {
  const value = x.header(name);
  return value === undefined ? '' : prefix + quote(value.slice(0, MAX_HEADER_CHARS));
}

/** `.00` to `.99`. */
const FRACTIONS = Array.from({ length: 100 }, (_, hundredths) => `.${String(hundredths).padStart(2, '0')}`);

/** With two decimals, by integers: writing a double costs as much as the rest of the line. */
function durationText(durationMs: number): string {
  const hundredths = Math.round(durationMs * 100);
  const fraction = hundredths % 100;
  return `${(hundredths - fraction) / 100}${FRACTIONS[fraction] ?? ''}`;
}

/** RFC 3339 times in UTC, to the millisecond; the date and second are formatted once a second. */
class LineClock {
  #millisecond = -1;
  #opening = '';
  #second = -1;
  #prefix = '';

  /** What a line begins with, up to its request ID. */
  opening(epochMs: number): string {
    if (epochMs !== this.#millisecond) {
      this.#millisecond = epochMs;
      this.#opening = `{"time":"${this.#at(epochMs)}","request_id":"`;
    }
    return this.#opening;
  }

  #at(epochMs: number): string {
    const second = Math.floor(epochMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#prefix = new Date(second * 1000).toISOString().slice(0, -4);
    }
    const milliseconds = epochMs - second * 1000;
    return `${this.#prefix}${milliseconds < 10 ? '00' : milliseconds < 100 ? '0' : ''}${milliseconds}Z`;
  }
}
