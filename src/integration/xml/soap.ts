// SOAP 1.1 and 1.2 as far as a facade needs them: an envelope around a body, the headers that go with it, and faults.

export type SoapVersion = '1.1' | '1.2';

const NAMESPACE: Readonly<Record<SoapVersion, string>> = {
  '1.1': 'http://schemas.xmlsoap.org/soap/envelope/',
  '1.2': 'http://www.w3.org/2003/05/soap-envelope',
};

/** What a vendor says went wrong. */
export interface SoapFault {
  readonly code: string;
  readonly text: string;
  /** The request was at fault, not the vendor: `Client` (SOAP 1.1 §4.4.1), `Sender` (SOAP 1.2 §5.4.6). */
  readonly sender: boolean;
}

/** Texts of a fault are shown to callers: no longer than this. */
const MAX_TEXT = 500;

/** An envelope around the template of a body; a template that is an envelope already stays as it is. */
export function envelope(template: string, version: SoapVersion): string {
  if (/<(?:[\w.-]+:)?Envelope[\s>]/.test(template)) return template;
  const body = template.replace(/^\s*<\?xml[^>]*\?>/, '').trim();
  return (
    '<?xml version="1.0" encoding="utf-8"?>' +
    `<soap:Envelope xmlns:soap="${NAMESPACE[version]}"><soap:Body>${body}</soap:Body></soap:Envelope>`
  );
}

/** SOAP 1.1 §6.1.1 has the action in a header of its own, 1.2 (part 2 §7.1.4) in the media type. Names in lower case. */
export function soapHeaders(action: string, version: SoapVersion): ReadonlyMap<string, string> {
  return version === '1.1'
    ? new Map([
        ['content-type', 'text/xml; charset=utf-8'],
        ['soapaction', `"${action}"`],
      ])
    : new Map([['content-type', `application/soap+xml; charset=utf-8; action="${action}"`]]);
}

/** What is in the body of an envelope; undefined when it is none. */
export function soapBody(document: unknown): unknown {
  return member(member(document, 'Envelope'), 'Body');
}

/** The fault in the body of an envelope; undefined when there is none. */
export function soapFault(body: unknown): SoapFault | undefined {
  const fault = member(body, 'Fault');
  if (fault === undefined) return undefined;
  const code = textOf(member(fault, 'faultcode')) ?? textOf(member(member(fault, 'Code'), 'Value')) ?? '';
  const said = textOf(member(fault, 'faultstring')) ?? textOf(member(member(fault, 'Reason'), 'Text')) ?? '';
  const local = code.slice(code.indexOf(':') + 1);
  return {
    code: local.slice(0, MAX_TEXT),
    text: said.slice(0, MAX_TEXT),
    sender: local === 'Sender' || local === 'Client' || local.startsWith('Client.'),
  };
}

/** The code of a fault; the value of a `Code` only: a detail may hold any other. */
const SENDER =
  /<(?:[\w.-]+:)?(?:faultcode|Code[^<>]*>\s*<(?:[\w.-]+:)?Value)[^<>]*>\s*(?:[\w.-]+:)?(?:Client|Sender)\b/;
const FAULT_BEGINS_WITHIN = 65_536;

/** Whether the text of an answer reports a fault of the sender's. A quick look, before anything is parsed. */
export function holdsSenderFault(body: Buffer): boolean {
  return SENDER.test(body.toString('latin1', 0, FAULT_BEGINS_WITHIN));
}

function member(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return member(value[0], name);
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

/** Text of an element, with or without attributes; of the first where there are several languages. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return textOf(value[0]);
  const text = member(value, '#text');
  return typeof text === 'string' ? text : undefined;
}
