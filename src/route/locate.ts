// From a request to its route, or to the reason why there is none.
import type { Exchange } from '../exchange/exchange.ts';
import { defineProblem, type Problem } from '../exchange/problem.ts';
import { isPreflight } from '../policies/cors.ts';
import type { Route } from './route.ts';
import type { Snapshot } from './snapshot.ts';
import type { Found, MethodNotAllowed, OtherSpelling } from './table.ts';

export const NOT_FOUND = defineProblem('route.not_found', 404, 'No route has this path', 'destination_not_found');
const METHOD_NOT_ALLOWED = defineProblem(
  'route.method_not_allowed',
  405,
  'The path does not take this method',
  'http_request_error',
);
const DISABLED = defineProblem('route.disabled', 503, 'The route is disabled', 'destination_unavailable');
const ENCODED_SLASH = defineProblem('route.encoded_slash', 400, 'The path has an encoded slash', 'http_request_error');

const DISABLED_RETRY_S = 60;

/** The route that serves this request, with the exchange claimed for it. */
export function locate(x: Exchange, snapshot: Snapshot): Route | Problem {
  const found = isPreflight(x) ? findPreflighted(x, snapshot) : snapshot.table.find(x);
  if (found === undefined) return x.refuse(NOT_FOUND, `no route matches ${x.host === '' ? '' : `${x.host} `}${x.path}`);
  if ('spelledLike' in found) {
    const { name } = found.spelledLike;
    if (x.encodedSlash) return x.refuse(ENCODED_SLASH, `${x.path} may be read as a path of ${name}`);
    return x.refuse(NOT_FOUND, `${x.path} differs from a path of ${name} in case or a trailing slash only`);
  }
  if ('allow' in found) {
    x.addAnswerHeaders(['Allow', found.allow.join(', ')]);
    return x.refuse(METHOD_NOT_ALLOWED, `${x.path} takes ${found.allow.join(', ')}`);
  }
  const route = found.value;
  route.claim(x, found.params);
  if (route.disabled) return x.refuse(DISABLED, `${route.name} is switched off in the configuration`, DISABLED_RETRY_S);
  if (x.encodedSlash && !route.encodedSlashes) {
    return x.refuse(
      ENCODED_SLASH,
      '%2f may be read as a separator by whoever comes next; the route has not allowed it',
    );
  }
  return route;
}

/** A preflight asks about another method: the route that serves that one answers it, if pages may call it at all. */
function findPreflighted(
  x: Exchange,
  { table }: Snapshot,
): Found<Route> | MethodNotAllowed | OtherSpelling<Route> | undefined {
  const { host, path, query } = x;
  const method = x.header('access-control-request-method') ?? '';
  const asked = table.find({ method, host, path, query, header: (name) => x.header(name) });
  return asked !== undefined && 'value' in asked && asked.value.cors ? asked : table.find(x);
}
