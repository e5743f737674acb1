// Texts that stand somewhere in a request: what they may be there, told without repeating them.
import * as s from '../../schema/schema.ts';

/** RFC 6750 §2.1. */
const TOKEN68 = /^[A-Za-z0-9._~+/-]+=*$/;
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** RFC 9110 §5.5: no line breaks or other control characters, and no blanks around it. */
const HEADER_VALUE = /^[!-~\u0080-\u00ff](?:[\t -~\u0080-\u00ff]*[!-~\u0080-\u00ff])?$/;
/** They frame or route the request, or belong to the connection. */
const NOT_OURS =
  /^(?:connection|content-(?:encoding|length|type)|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/;

/** `parse` answers with what is wrong with a text, or with nothing. */
function text(doc: string, expected: string, wrongWith: (text: string) => s.Refusal | undefined): s.Schema<string> {
  return s.custom({ doc, expected, parse: (written) => wrongWith(written) ?? written, json: { type: 'string' } });
}

export const bearerToken = text('A token, sent as Authorization: Bearer', 'a bearer token', (token) => {
  if (token === '') return empty('the token');
  if (/^bearer\s/i.test(token)) return { error: 'a token begins after the word "Bearer"', hint: 'leave the word out' };
  if (TOKEN68.test(token)) return undefined;
  return {
    error: 'a bearer token has letters, digits and "-._~+/" only, and "=" at its end',
    hint: 'is there a blank or a line break in it? Another kind of token goes into header: { name: …, value: … }',
  };
});

export const basicUser = text('Who we are', 'the name of a user', (user) => {
  if (user.includes(':'))
    return { error: 'the user has a ":" in it, which ends the user', hint: 'the rest is `password`' };
  return controlIn(user, 'the user');
});

export const basicPassword = text('Our password', 'a password', (password) => controlIn(password, 'the password'));

export const headerName: s.Schema<string> = s.custom({
  doc: 'Its name, such as x-api-key',
  expected: 'the name of a header',
  parse(written) {
    const name = written.toLowerCase();
    if (!TOKEN.test(name)) return { error: 'this is not the name of a header', hint: 'such as x-api-key, without ":"' };
    if (!NOT_OURS.test(name)) return name;
    return { error: `${name} frames or describes the request: it cannot prove who we are` };
  },
  json: { type: 'string', examples: ['x-api-key'] },
});

export const headerValue = text('Its value', 'the value of a header', (value) => {
  if (value === '') return empty('the value');
  if (HEADER_VALUE.test(value)) return undefined;
  return {
    error: 'the value has a line break, a control character, blanks around it or letters that no header can have',
    hint: 'look at both ends of it',
  };
});

export function queryText(doc: string): s.Schema<string> {
  return text(doc, 'text', (value) => {
    if (value === '') return empty('it');
    if (!value.isWellFormed()) return { error: 'it has half of a character in it', hint: 'write it anew' };
    return controlIn(value, 'it');
  });
}

/** For ids and secrets of protocols that take any visible text (RFC 6749 appendix A.1 and A.2). */
export function visibleText(doc: string, expected: string): s.Schema<string> {
  return text(doc, expected, (value) => {
    if (value === '') return empty('it');
    if (/^[ -~]+$/.test(value) && value.trim() === value) return undefined;
    return {
      error: `${expected} has visible ASCII characters only, and no blanks around it`,
      hint: 'look at both ends of it',
    };
  });
}

export function empty(what: string): s.Refusal {
  return { error: `${what} is empty`, hint: 'is the variable or the file behind it?' };
}

function controlIn(value: string, what: string): s.Refusal | undefined {
  if (!/\p{Cc}/u.test(value)) return undefined;
  return { error: `${what} has a line break or another control character in it`, hint: 'look at both ends of it' };
}
