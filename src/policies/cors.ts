// Policy `cors`: which pages of other origins may call a route from a browser (WHATWG Fetch §3.3, the CORS protocol).
import type { Exchange } from '../exchange/exchange.ts';
import { defineProblem } from '../exchange/problem.ts';
import * as s from '../schema/schema.ts';
import { definePolicy, type Policy, type Verdict } from './policy.ts';

const REFUSED = defineProblem('cors.refused', 403, 'Cross-origin request not allowed', 'http_request_denied');

const ANY = '*';
const TOKEN = /[!#$%&'+.^_`|~0-9A-Za-z-]+/;

/** A page may read these on every answer, errors above all: without them it cannot tell when to come back. */
const EXPOSED = ['X-Request-Id', 'RateLimit', 'RateLimit-Policy', 'Retry-After'];
const EXPOSED_LEGACY = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'];

const originSchema = s.custom({
  doc: 'An origin: scheme, host and port as a browser sends it; "*" is any',
  expected: 'an origin such as https://app.example',
  parse: parseOrigin,
  json: { type: 'string', examples: ['https://app.example', ANY] },
});

const headerName = (doc: string) => s.string({ doc, pattern: TOKEN, expected: 'the name of a header' });

const settingsSchema = s.object(
  {
    origins: s.list(originSchema, { doc: 'Origins whose pages may call', min: 1, single: true }),
    methods: s.list(
      s.string({ doc: 'A method', pattern: /[A-Z]+(-[A-Z]+)*/, expected: 'a method in capitals such as POST' }),
      {
        doc: 'Methods that a preflight allows',
        min: 1,
        single: true,
        default: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      },
    ),
    headers: s.list(headerName('Name of a request header'), {
      doc: 'Request headers that a preflight allows',
      single: true,
      default: ['Authorization', 'Content-Type', 'X-Api-Key', 'X-Request-Id'],
    }),
    expose: s.list(headerName('Name of a response header'), {
      doc: 'Response headers that pages may read, beside X-Request-Id and those of rate limits',
      single: true,
      default: [],
    }),
    credentials: s.boolean({ doc: 'Whether pages may send cookies', default: false }),
    max_age: s.duration({ doc: 'How long a browser may remember a preflight', default: '10m' }),
  },
  { doc: 'Pages of other origins that may call from a browser', name: 'cors' },
);

type CorsSettings = s.Infer<typeof settingsSchema>;

/**
 * Answers preflights before authentication (a browser sends none there), and puts the CORS headers on every answer, errors
 * included. What the upstream says about CORS is replaced. A request that is no preflight is never refused: CORS protects
 * the user of a browser, not the upstream.
 *
 * @example
 * cors: { origins: ["https://app.example"], credentials: true }
 */
export const cors = definePolicy({
  name: 'cors',
  summary: 'Which pages of other origins may call from a browser',
  schema: s.optional(s.off(settingsSchema)),
  problems: [REFUSED],
  check(settings) {
    if (!settings?.credentials || !settings.origins.includes(ANY)) return [];
    return [
      {
        path: ['origins'],
        code: 'cors-credentials',
        message: 'with `credentials` any page on the web could act as the user',
        hint: 'name the origins, or leave `credentials` out',
      },
    ];
  },
  create(settings, env) {
    if (settings === undefined || settings === null) return undefined;
    return new Cors(settings, env.ratelimitHeaders.includes('legacy'));
  },
});

function parseOrigin(text: string): string | s.Refusal {
  if (text === ANY) return text;
  const error = `"${text}" is not an origin such as https://app.example`;
  if (text === 'null') return { error, hint: 'any sandboxed page has the origin null' };
  if (text.includes('*')) return { error, hint: 'name each origin, or write "*" for any' };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.host === '') return { error };
  const origin = `${url.protocol}//${url.host}`;
  return origin === text ? text : { error, hint: `did you mean "${origin}"?` };
}

class Cors implements Policy {
  readonly #origins: ReadonlySet<string> | undefined;
  readonly #methods: ReadonlySet<string>;
  readonly #headers: ReadonlySet<string>;
  readonly #preflightHeaders: readonly string[];
  readonly #answerHeaders: readonly string[];

  constructor(settings: CorsSettings, hasLegacyLimits: boolean) {
    this.#origins = settings.origins.includes(ANY) ? undefined : new Set(settings.origins);
    this.#methods = new Set(settings.methods);
    this.#headers = new Set(settings.headers.map((name) => name.toLowerCase()));
    const credentials = settings.credentials ? ['Access-Control-Allow-Credentials', 'true'] : [];
    this.#preflightHeaders = [
      ...credentials,
      'Access-Control-Allow-Methods',
      settings.methods.join(', '),
      ...(settings.headers.length > 0 ? ['Access-Control-Allow-Headers', settings.headers.join(', ')] : []),
      'Access-Control-Max-Age',
      String(Math.floor(settings.max_age / 1000)),
      'Vary',
      'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    ];
    const exposed = new Set([...EXPOSED, ...(hasLegacyLimits ? EXPOSED_LEGACY : []), ...settings.expose]);
    this.#answerHeaders = [...credentials, 'Access-Control-Expose-Headers', [...exposed].join(', ')];
  }

  onRequest(x: Exchange): Verdict {
    if (!isPreflight(x)) return undefined;
    const origin = x.header('origin') ?? '';
    const allowed = this.#allowed(origin);
    if (allowed === undefined) return x.refuse(REFUSED, `pages of ${origin} may not call this route`);
    const method = x.header('access-control-request-method') ?? '';
    if (!this.#methods.has(method)) return x.refuse(REFUSED, `pages may not call this route with ${method}`);
    const header = this.#foreignHeader(x.header('access-control-request-headers'));
    if (header !== undefined) return x.refuse(REFUSED, `pages may not send ${header} to this route`);
    x.status = 204;
    x.responseHeaders.push('Access-Control-Allow-Origin', allowed, ...this.#preflightHeaders);
    return 'answered';
  }

  onResponse(x: Exchange): void {
    if (isPreflight(x)) return;
    dropCors(x.responseHeaders);
    // A cache must not give one origin's answer to another, also when this request had none.
    if (this.#origins !== undefined) x.responseHeaders.push('Vary', 'Origin');
    const origin = x.header('origin');
    const allowed = origin === undefined ? undefined : this.#allowed(origin);
    if (allowed !== undefined) {
      x.responseHeaders.push('Access-Control-Allow-Origin', allowed, ...this.#answerHeaders);
    }
  }

  /** What to answer as the allowed origin; undefined refuses. */
  #allowed(origin: string): string | undefined {
    if (this.#origins === undefined) return ANY;
    return this.#origins.has(origin) ? origin : undefined;
  }

  #foreignHeader(requested: string | undefined): string | undefined {
    if (requested === undefined || requested.trim() === '') return undefined;
    return requested
      .split(',')
      .find((name) => !this.#headers.has(name.trim().toLowerCase()))
      ?.trim();
  }
}

/** Whether a browser asks if a page may send another request (WHATWG Fetch §3.3.2). */
export function isPreflight(x: Exchange): boolean {
  return (
    x.method === 'OPTIONS' &&
    x.req.headers.origin !== undefined &&
    x.req.headers['access-control-request-method'] !== undefined
  );
}

const PREFIX = 'access-control-';

function dropCors(headers: string[]): void {
  let kept = 0;
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const name = headers[i] ?? '';
    if (name.length > PREFIX.length && name.slice(0, PREFIX.length).toLowerCase() === PREFIX) continue;
    headers[kept] = name;
    headers[kept + 1] = headers[i + 1] ?? '';
    kept += 2;
  }
  headers.length = kept;
}
