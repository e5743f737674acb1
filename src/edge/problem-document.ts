// A problem as the client reads it: application/problem+json (RFC 9457) and the Proxy-Status field (RFC 9209).
import type { Exchange } from '../exchange/exchange.ts';
import type { Problem } from '../exchange/problem.ts';
import { escaped } from '../telemetry/json-text.ts';

/** What no extension member may be called; without a value, it is left out of the document. */
const STANDARD = {
  type: undefined,
  title: undefined,
  status: undefined,
  detail: undefined,
  code: undefined,
  request_id: undefined,
  route: undefined,
  retry_after: undefined,
  errors: undefined,
};

/** The document's text, put together from parts; extension members come last and never override the standard ones. */
export function problemDocument(x: Exchange, problem: Problem, base: string): string {
  const { afterBase, beforeId } = textOf(problem);
  let json = `{"type":"${escaped(base)}${afterBase}`;
  if (x.detail !== '') json += `,"detail":"${escaped(x.detail)}"`;
  json += `${beforeId}${escaped(x.requestId)}`;
  json += x.route === undefined ? '"' : `","route":"${escaped(x.route.name)}"`;
  if (x.retryAfter > 0) json += `,"retry_after":${x.retryAfter}`;
  if (x.violations !== undefined) json += `,"errors":${JSON.stringify(x.violations)}`;
  const extensions = x.extensions === undefined ? '{}' : JSON.stringify({ ...x.extensions, ...STANDARD });
  return extensions === '{}' ? `${json}}` : `${json},${extensions.slice(1)}`;
}

/** `sluice; error=…` */
export function proxyStatus(problem: Problem): string {
  return textOf(problem).proxyStatus;
}

/** What is the same in all answers with one problem. */
interface ProblemText {
  readonly proxyStatus: string;
  /** What follows the base of `type`: `rate_limit.exceeded","title":"Too many requests","status":429`. */
  readonly afterBase: string;
  /** What stands before the request ID: `,"code":"rate_limit.exceeded","request_id":"`. */
  readonly beforeId: string;
}

/** Made at the first answer; weak, as a policy of one's own may make a problem for each request. */
const texts = new WeakMap<Problem, ProblemText>();

function textOf(problem: Problem): ProblemText {
  let text = texts.get(problem);
  if (text === undefined) {
    const { code, title, status, proxyError } = problem;
    text = {
      proxyStatus: `sluice; error=${proxyError}`,
      afterBase: `${JSON.stringify(code).slice(1)},"title":${JSON.stringify(title)},"status":${status}`,
      beforeId: `,"code":${JSON.stringify(code)},"request_id":"`,
    };
    texts.set(problem, text);
  }
  return text;
}
