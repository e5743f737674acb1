// What is answered when a third party, or our way to it, gives no answer that can be passed on.
import { defineProblem } from '../exchange/problem.ts';

export const VENDOR_ERROR = defineProblem(
  'integration.error',
  502,
  'The third party answered with an error',
  'http_protocol_error',
);
export const REDIRECT = defineProblem(
  'integration.redirect',
  502,
  'The third party answered with a redirect',
  'http_protocol_error',
);
export const NOT_JSON = defineProblem(
  'integration.not_json',
  502,
  'The answer of the third party is not acceptable JSON',
  'http_protocol_error',
);
export const NOT_XML = defineProblem(
  'integration.not_xml',
  502,
  'The answer of the third party is not acceptable XML',
  'http_protocol_error',
);
export const DRIFTED = defineProblem(
  'integration.drifted',
  502,
  'The answer of the third party does not match its schema',
  'http_protocol_error',
);
export const SOAP_FAULT = defineProblem(
  'integration.soap_fault',
  502,
  'The third party answered with a SOAP fault',
  'http_protocol_error',
);
export const MAPPING_FAILED = defineProblem(
  'integration.mapping',
  502,
  'The answer of the third party could not be mapped',
  'http_protocol_error',
);
export const REQUEST_MAPPING_FAILED = defineProblem(
  'integration.request_mapping',
  400,
  'The request could not be mapped to one of the third party',
  'http_request_error',
);
export const BODY_NOT_JSON = defineProblem(
  'integration.body_not_json',
  400,
  'The request body is not acceptable JSON',
  'http_request_error',
);
export const MISSING_VALUE = defineProblem(
  'integration.missing_value',
  400,
  'The request lacks a value that the third party needs',
  'http_request_error',
);
export const CREDENTIALS = defineProblem(
  'integration.credentials',
  502,
  'The gateway could not prove to the third party who it is',
  'http_request_denied',
);
export const NO_CREDENTIALS = defineProblem(
  'integration.no_credentials',
  403,
  'The tenant has no account with the third party',
  'http_request_denied',
);
export const QUEUE_FULL = defineProblem(
  'integration.queue_full',
  503,
  'Too many calls wait for the third party',
  'destination_unavailable',
);
export const WAIT_TOO_LONG = defineProblem(
  'integration.wait',
  503,
  'The third party grants no call in time',
  'destination_unavailable',
);
export const MAPPINGS_BUSY = defineProblem(
  'integration.mappings_busy',
  503,
  'The mapping needs more than the gateway has to give',
  'destination_unavailable',
);
