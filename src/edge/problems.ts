// What the edge itself refuses, before a route is known.
import { defineProblem } from '../exchange/problem.ts';

const bad = (code: string, title: string) =>
  defineProblem(`request.${code}`, 400, title, 'http_request_error', { closes: true });

export const MALFORMED = bad('malformed', 'The request is not valid HTTP');
export const FRAMING = bad('framing', 'The length of the request body is ambiguous');
export const HOST = bad('host', 'The Host of the request is missing or ambiguous');
export const TARGET = bad('target', 'The request target is ambiguous');
export const HEADER_TIMEOUT = defineProblem(
  'request.header_timeout',
  408,
  'The request came too slowly',
  'http_request_error',
  {
    closes: true,
  },
);
export const URL_TOO_LONG = defineProblem(
  'request.url_too_long',
  414,
  'The request URL is too long',
  'http_request_error',
  {
    closes: true,
  },
);
export const EXPECTATION = defineProblem(
  'request.expectation',
  417,
  'The expectation cannot be met',
  'http_request_error',
  {
    closes: true,
  },
);
export const HEADERS_TOO_LARGE = defineProblem(
  'request.headers_too_large',
  431,
  'The request headers are too large',
  'http_request_error',
  {
    closes: true,
  },
);
export const TRANSFER_CODING = defineProblem(
  'request.transfer_coding',
  501,
  'The transfer coding is not known',
  'http_request_error',
  {
    closes: true,
  },
);
export const METHOD_REFUSED = defineProblem('request.method', 405, 'The method is not served', 'http_request_error');
export const LOOP = defineProblem('request.loop', 502, 'The request came back to this gateway', 'proxy_loop_detected');
