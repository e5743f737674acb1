// What is answered when the calls of a composition do not add up to an answer.
import { defineProblem } from '../../exchange/problem.ts';

export const CALL_FAILED = defineProblem(
  'calls.failed',
  502,
  'A call that the answer needs was answered with an error',
  'http_protocol_error',
);
export const CALL_INCOMPLETE = defineProblem(
  'calls.incomplete',
  502,
  'The answer of a call broke off',
  'connection_terminated',
);
/** One of the calls took the time of all. */
export const CALLS_TIMEOUT = defineProblem(
  'calls.timeout',
  504,
  'The calls did not answer in time',
  'http_response_timeout',
);
export const MISSING_RESULT = defineProblem(
  'calls.missing_value',
  502,
  'The answer of a call lacks what the next one needs',
  'http_protocol_error',
);
export const CALLS_DRIFTED = defineProblem(
  'calls.drifted',
  502,
  'The answers of the calls do not match their schema',
  'http_protocol_error',
);
export const CALLS_MAPPING = defineProblem(
  'calls.mapping',
  502,
  'The answers of the calls could not be mapped',
  'http_protocol_error',
);
