// What a client is told when its request body cannot be had.
import { defineProblem, type Problem } from './problem.ts';
import type { BodyFailure } from './request-body.ts';

const BODY_TOO_LARGE = defineProblem(
  'request.body_too_large',
  413,
  'The request body is too large',
  'http_request_error',
  { closes: true },
);
const BODY_STALLED = defineProblem(
  'request.body_stalled',
  408,
  'The request body did not come in time',
  'http_request_error',
  { closes: true },
);
/** Logged and counted only, by the name that every client that leaves has there: nobody is there to read it. */
const CLIENT_GONE = defineProblem('client_gone', 499, 'The client went away', 'http_request_error', {
  closes: true,
});
const BODY_TAKEN = defineProblem(
  'request.body_taken',
  500,
  'Something else has read the request body',
  'proxy_internal_error',
);
const FRAMING_TRAILER = defineProblem(
  'request.trailers',
  400,
  'The request trailers change its framing',
  'http_request_error',
  { closes: true },
);

const PROBLEMS: Readonly<Record<BodyFailure, Problem>> = {
  too_large: BODY_TOO_LARGE,
  stalled: BODY_STALLED,
  aborted: CLIENT_GONE,
  already_read: BODY_TAKEN,
  framing_trailer: FRAMING_TRAILER,
};

/** The problem that answers a failed body. */
export function bodyProblem(failure: BodyFailure): Problem {
  return PROBLEMS[failure];
}
