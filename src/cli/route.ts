// `sluice route METHOD URL`: which route serves a request, why the others do not, and what would happen to it.
import { explainRequest, type RequestExplanation } from '../config/explain/explain-request.ts';
import { canonicalTarget, hostOf, splitAbsolute } from '../edge/canonical-path.ts';
import type { MatchRequest } from '../route/table.ts';
import { openRoutes, tenantOf } from './open.ts';
import { UsageError, type Verb } from './verb.ts';

export const route: Verb = {
  name: 'route',
  usage: 'METHOD URL [--tenant T] [-H k:v]',
  summary: 'which route, why the others not, which policies in order, what would happen',
  flags: ['tenant', 'header'],
  words: 2,
  async run([method = '', url = ''], flags, terminal) {
    const request = readRequest(method, url, flags.header);
    const config = await openRoutes(flags, terminal);
    if (config === undefined) return 1;
    const tenant = tenantOf(flags, config);
    const explanation = typeof request === 'string' ? refused(request) : explainRequest(config, request, tenant);
    if (flags.json) terminal.out(`${JSON.stringify(explanation, undefined, 2)}\n`);
    else terminal.out(requestText(`${method} ${url}`, explanation));
    return 0;
  },
};

/** What a route is looked for with, or why the gateway does not come to that. */
function readRequest(method: string, url: string, given: readonly string[]): MatchRequest | string {
  if (!/^[A-Z-]+$/.test(method)) throw new UsageError(`"${method}" is not a method`, 'such as GET');
  const headers = readHeaders(given);
  const absolute = splitAbsolute(url);
  const target = canonicalTarget(absolute?.target ?? url);
  if (method === 'TRACE' || method === 'CONNECT') return `405: ${method} is not served`;
  if (!('path' in target)) {
    if (target.reason === 'not_origin_form') throw new UsageError(`"${url}" is neither a path nor a URL`);
    return `400: ${target.detail}`;
  }
  return {
    method,
    host: hostOf(absolute?.authority ?? headers.get('host') ?? ''),
    path: target.path,
    query: target.query,
    header: (name) => headers.get(name),
  };
}

function refused(outcome: string): RequestExplanation {
  return { route: undefined, others: [], policies: [], outcome };
}

function readHeaders(given: readonly string[]): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const text of given) {
    const colon = text.indexOf(':');
    if (colon < 1) throw new UsageError(`"${text}" is not a header`, 'write -H name:value');
    headers.set(text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim());
  }
  return headers;
}

function requestText(request: string, explanation: RequestExplanation): string {
  const { others, policies, outcome } = explanation;
  const lines = [`${request} → ${explanation.route ?? 'no route'}`, `  ${outcome}`];
  if (policies.length > 0)
    lines.push('', 'policies, in order', ...policies.map(({ name, summary }) => `  ${name}: ${summary}`));
  if (others.length > 0) lines.push('', 'why not', ...others.map((other) => `  ${other.route}: ${other.detail}`));
  return `${lines.join('\n')}\n`;
}
