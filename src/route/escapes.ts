// Percent-escapes of a path: one spelling for each character, and nothing that two readers could read differently.

/** Why the text of a path is refused. Machine-readable and stable. */
export type EscapeReason =
  | 'backslash'
  | 'control_character'
  | 'double_encoding'
  | 'invalid_utf8'
  | 'malformed_escape'
  | 'non_ascii'
  | 'semicolon';

/** A refusal: `reason` for machines, `detail` for the person who sent it. */
export interface EscapeFault {
  readonly reason: EscapeReason;
  readonly detail: string;
}

const BACKSLASH: EscapeFault = { reason: 'backslash', detail: 'the path contains a backslash' };
const CONTROL: EscapeFault = {
  reason: 'control_character',
  detail: 'the path contains a space or control character, raw or percent-encoded',
};
const DOUBLE: EscapeFault = {
  reason: 'double_encoding',
  detail: 'the path percent-encodes a dot, slash, backslash or NUL twice',
};
const UTF8: EscapeFault = { reason: 'invalid_utf8', detail: 'the percent-encoded bytes of the path are not UTF-8' };
const MALFORMED: EscapeFault = {
  reason: 'malformed_escape',
  detail: 'the path contains a % without two hexadecimal digits',
};
const NON_ASCII: EscapeFault = {
  reason: 'non_ascii',
  detail: 'the path contains a character outside ASCII that is not percent-encoded',
};
const SEMICOLON: EscapeFault = {
  reason: 'semicolon',
  detail: 'the path contains a semicolon; percent-encode it if it is part of a name',
};

/** RFC 3986 §2.3: an escape of one of these means the character itself. */
const UNRESERVED = /[A-Za-z0-9\-._~]/;
/** RFC 3986 §3.3 `pchar` without `;` (servers disagree on path parameters), and the separator. */
const PLAIN = /[A-Za-z0-9\-._~!$&'()*+,=:@/]/;
const AFFECTED = /[^A-Za-z0-9\-._~!$&'()*+,=:@/]/;
/** Escaping a percent sign any number of times before a character that could move the path. */
const TWICE = /%25(?:25)*(?:00|2[ef]|5c)/i;
const BEYOND_ASCII = /%[89A-F]/;
const HEX_PAIR = /^[0-9A-Fa-f]{2}$/;

/**
 * Gives the escapes of a path their one canonical spelling (RFC 3986 §6.2.2): unreserved characters decoded, hexadecimal
 * digits upper-case, characters that a path cannot hold (`"#<>?[]^{|}` and the backtick) encoded. What is left decodes with
 * `decodeURIComponent` without an error. Idempotent.
 */
export function canonicalEscapes(text: string): string | EscapeFault {
  if (!AFFECTED.test(text)) return text;
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const character = text.charAt(i);
    if (PLAIN.test(character)) {
      out += character;
      continue;
    }
    const spelled = character === '%' ? respell(text.slice(i + 1, i + 3)) : encode(character);
    if (typeof spelled !== 'string') return spelled;
    out += spelled;
    if (character === '%') i += 2;
  }
  if (TWICE.test(out)) return DOUBLE;
  return BEYOND_ASCII.test(out) && !decodes(out) ? UTF8 : out;
}

function respell(digits: string): string | EscapeFault {
  if (!HEX_PAIR.test(digits)) return MALFORMED;
  const code = Number.parseInt(digits, 16);
  if (code < 0x20 || code === 0x7f) return CONTROL;
  if (code === 0x5c) return BACKSLASH;
  const character = String.fromCharCode(code);
  return UNRESERVED.test(character) ? character : `%${digits.toUpperCase()}`;
}

function encode(character: string): string | EscapeFault {
  if (character === '\\') return BACKSLASH;
  if (character === ';') return SEMICOLON;
  if (character <= ' ' || character === '\x7f') return CONTROL;
  if (character > '\x7f') return NON_ASCII;
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function decodes(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

const RESERVED_ESCAPE = /%(?:2[146789ABC]|3[AD]|40)/g;

/**
 * Decodes the reserved characters that a path segment may hold raw (`!$&'()*+,=:@`). Only for comparing: RFC 3986 keeps
 * `%3A` and `:` apart and so does what is forwarded, but many servers do not, and a route for `/jobs/{id}:cancel` must
 * not be walked around with `%3Acancel`. Takes and returns canonical escapes.
 */
export function foldReserved(segment: string): string {
  return segment.includes('%') ? segment.replace(RESERVED_ESCAPE, decodeURIComponent) : segment;
}

const ESCAPE = /%[0-9a-f]{2}/g;

/** In lower case, escapes excepted. Only for comparing: RFC 3986 keeps `/A` and `/a` apart, and many servers do not. */
export function foldCase(segment: string): string {
  const lower = segment.toLowerCase();
  return lower.includes('%') ? lower.replace(ESCAPE, (digits) => digits.toUpperCase()) : lower;
}
