// What is answered when an upstream gives no answer.
import { defineProblem } from '../exchange/problem.ts';

export const BREAKER_OPEN = defineProblem(
  'upstream.breaker_open',
  503,
  'The upstream is failing and is not called',
  'destination_unavailable',
);
export const NO_TARGET = defineProblem(
  'upstream.no_target',
  503,
  'No target of the upstream can be used',
  'destination_unavailable',
);
export const BUSY = defineProblem(
  'upstream.busy',
  503,
  'The upstream has all the calls it can take',
  'destination_unavailable',
);
export const REFUSED = defineProblem(
  'upstream.connect',
  502,
  'The upstream could not be reached',
  'connection_refused',
);
export const RESET = defineProblem(
  'upstream.reset',
  502,
  'The upstream closed the connection before it answered',
  'connection_terminated',
);
export const PROTOCOL = defineProblem(
  'upstream.protocol',
  502,
  'The upstream did not answer in valid HTTP',
  'http_protocol_error',
);
export const TLS = defineProblem(
  'upstream.tls',
  502,
  'The upstream could not prove who it is',
  'tls_certificate_error',
);
export const TLS_PROTOCOL = defineProblem(
  'upstream.tls_protocol',
  502,
  'The upstream did not speak TLS as it should',
  'tls_protocol_error',
);
export const DNS = defineProblem('upstream.dns', 502, 'The name of the upstream has no address', 'dns_error');
export const CONNECT_TIMEOUT = defineProblem(
  'upstream.connect_timeout',
  504,
  'The upstream did not accept the connection in time',
  'connection_timeout',
);
export const TIMEOUT = defineProblem(
  'upstream.timeout',
  504,
  'The upstream did not answer in time',
  'http_response_timeout',
);
export const EXHAUSTED = defineProblem(
  'gateway.descriptors',
  503,
  'The gateway can open no more connections',
  'destination_unavailable',
);
export const TOO_LARGE = defineProblem(
  'integration.too_large',
  502,
  'The answer of the third party is too large',
  'http_response_body_size',
);
export const CODING = defineProblem(
  'integration.coding',
  502,
  'The answer of the third party cannot be decoded',
  'http_response_content_coding',
);
export const EGRESS = defineProblem(
  'integration.egress',
  502,
  'The address of the third party may not be connected to',
  'destination_ip_prohibited',
);
