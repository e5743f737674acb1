// One JSON line for each request, put together from parts prepared at load; only what a client controls is escaped anew.
import type { Exchange, FailedAttempt, FailedCall, RouteInfo } from '../exchange/exchange.ts';
import type { Tenant } from '../tenant/tenants.ts';
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
  readonly #tenants = new WeakMap<Tenant, string>();

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

  /** Writes the line of an exchange that has ended. `durationMs`: from its start to the last byte of its answer. */
  record(x: Exchange, durationMs: number): void {
    let line = `{"time":"${this.#clock.at(Date.now())}","request_id":"${escaped(x.requestId)}`;
    if (x.traceId !== '') line += `","trace_id":"${escaped(x.traceId)}`;
    line += '"';
    if (x.tenant !== undefined) line += this.#tenant(x.tenant);
    if (x.route !== undefined) line += this.#route(x.route);
    line += `,"method":"${escaped(x.method)}","path":"${escaped(x.path)}","status":${x.status},"source":"${x.source}`;
    line += `","bytes":${x.bytesOut},"duration_ms":${durationText(durationMs)}`;
    if (x.upstream !== '') line += `,"upstream":"${escaped(x.upstream)}"`;
    if (x.target !== '') line += `,"target":"${escaped(x.target)}"`;
    line += `,"client_ip":"${escaped(x.clientAddress)}"`;
    if (this.#userAgent) line += headerField(x, 'user-agent', ',"user_agent":');
    line += `,"attempts":${x.attempts}`;
    const reason = x.reason === '' ? x.problem?.code : x.reason;
    if (reason !== undefined) line += `,"reason":${quote(reason)}`;
    if (x.limit !== '') line += `,"limit":${quote(x.limit)}`;
    if (x.error !== '') line += `,"error":${quote(x.error)}`;
    if (x.failed !== undefined && tellsAttempts(x)) line += `,"failed":[${x.failed.map(failedText).join(',')}]`;
    if (x.partial !== undefined) line += `,"partial":{${x.partial.map(failedCallText).join(',')}}`;
    if (this.#headers.length > 0) line += this.#otherHeaders(x);
    this.#sink.write(`${line}}\n`);
  }

  #route(route: RouteInfo): string {
    let part = this.#routes.get(route);
    if (part === undefined) {
      part = `,"route":${quote(route.name)}`;
      this.#routes.set(route, part);
    }
    return part;
  }

  #tenant(tenant: Tenant): string {
    let part = this.#tenants.get(tenant);
    if (part === undefined) {
      part = `,"tenant":${quote(tenant.id)}`;
      this.#tenants.set(tenant, part);
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

/** With two decimals, by integers: writing a double costs as much as the rest of the line. */
function durationText(durationMs: number): string {
  const hundredths = Math.round(durationMs * 100);
  const fraction = hundredths % 100;
  return `${(hundredths - fraction) / 100}.${fraction < 10 ? '0' : ''}${fraction}`;
}

/** RFC 3339 times in UTC, to the millisecond; the date and second are formatted once a second. */
class LineClock {
  #second = -1;
  #prefix = '';

  at(epochMs: number): string {
    const second = Math.floor(epochMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#prefix = new Date(second * 1000).toISOString().slice(0, -4);
    }
    const milliseconds = epochMs - second * 1000;
    return `${this.#prefix}${milliseconds < 10 ? '00' : milliseconds < 100 ? '0' : ''}${milliseconds}Z`;
  }
}
