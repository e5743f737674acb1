// What the edge itself refuses, before a route is known.
import { defineProblem } from '../exchange/problem.ts';

/** What the client has sent cannot be served, and what follows it on the connection is not to be trusted. */
const refusal = (code: string, status: number, title: string) =>
  defineProblem(`request.${code}`, status, title, 'http_request_error', { closes: true });

export const MALFORMED = refusal('malformed', 400, 'The request is not valid HTTP');
export const FRAMING = refusal('framing', 400, 'The length of the request body is ambiguous');
export const HOST = refusal('host', 400, 'The Host of the request is missing or ambiguous');
export const TARGET = refusal('target', 400, 'The request target is ambiguous');
export const HEADER_TIMEOUT = refusal('header_timeout', 408, 'The request came too slowly');
export const URL_TOO_LONG = refusal('url_too_long', 414, 'The request URL is too long');
export const EXPECTATION = refusal('expectation', 417, 'The expectation cannot be met');
export const HEADERS_TOO_LARGE = refusal('headers_too_large', 431, 'The request headers are too large');
export const TRANSFER_CODING = refusal('transfer_coding', 501, 'The transfer coding is not known');
export const METHOD_REFUSED = defineProblem('request.method', 405, 'The method is not served', 'http_request_error');
export const LOOP = defineProblem('request.loop', 502, 'The request came back to this gateway', 'proxy_loop_detected');
