// Which headers a configuration may name, and why not the others.
import { validateHeaderName, validateHeaderValue } from 'node:http';

const FRAMING = 'it frames the message or belongs to one connection: the gateway sees to it';
const OWNED = 'the gateway sets it itself';

const REFUSED: ReadonlyMap<string, string> = new Map([
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authenticate',
    'proxy-authorization',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'content-length',
    'content-encoding',
    'expect',
  ].map((name) => [name, FRAMING] as const),
  ...[
    'x-request-id',
    'traceparent',
    'via',
    'forwarded',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
  ].map((name) => [name, OWNED] as const),
  ['host', 'it is set by `host` of the upstream'],
]);

/** Why a header cannot be set or removed; undefined when it can. Names are tokens (RFC 9110 §5.6.2). */
export function headerNameFault(name: string): string | undefined {
  const fault = thrownBy(() => {
    validateHeaderName(name);
  });
  if (fault !== undefined) return 'it is not a header name';
  return REFUSED.get(name.toLowerCase());
}

/** Whether a text can be a header value: no CR, LF or other control character, nothing beyond Latin-1 (RFC 9110 §5.5). */
export function isHeaderValue(value: string): boolean {
  return (
    thrownBy(() => {
      validateHeaderValue('x', value);
    }) === undefined
  );
}

function thrownBy(check: () => void): unknown {
  try {
    check();
    return undefined;
  } catch (error) {
    return error;
  }
}
