// What the admin app refuses with.
import { defineProblem } from '../exchange/problem.ts';

export const unauthorized = defineProblem(
  'admin.unauthorized',
  401,
  'The admin token is missing or wrong',
  'http_request_denied',
);
export const foreignHost = defineProblem(
  'admin.foreign_host',
  403,
  'Without a token the admin app answers on loopback names only',
  'http_request_denied',
);
export const notFound = defineProblem('admin.not_found', 404, 'No such admin resource', 'destination_not_found');
export const methodNotAllowed = defineProblem(
  'admin.method_not_allowed',
  405,
  'This admin resource is read only',
  'http_request_error',
);
export const internalError = defineProblem('admin.internal', 500, 'Internal error', 'proxy_internal_error');
