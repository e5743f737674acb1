// The one canonical path of a request. It is computed once, here; match, policies, logs and forwarding all use it, so no
// spelling of a path can reach a handler past the policy of another.
import { canonicalEscapes, type EscapeReason } from '../route/escapes.ts';

export interface CanonicalTarget {
  /** Begins with `/`; canonical escapes, no dot segments, no empty segments but a last one. */
  readonly path: string;
  /** As sent, with its `?`; or ''. */
  readonly query: string;
  /** The path holds `%2F`: refused by the caller unless the route allows it. */
  readonly encodedSlash: boolean;
}

/** Why a request target is refused: `reason` is stable and machine-readable, `detail` says it to the client. */
export interface CanonicalFault {
  readonly reason: EscapeReason | 'encoded_dot_segment' | 'fragment' | 'not_origin_form';
  readonly detail: string;
}

const NOT_ORIGIN_FORM: CanonicalFault = {
  reason: 'not_origin_form',
  detail: 'the request target does not begin with a slash',
};
const FRAGMENT: CanonicalFault = { reason: 'fragment', detail: 'the request target contains a fragment' };
const DOT_SEGMENT: CanonicalFault = {
  reason: 'encoded_dot_segment',
  detail: 'the path contains a dot segment next to an encoded slash',
};
const QUERY_CONTROL: CanonicalFault = {
  reason: 'control_character',
  detail: 'the query contains a space or control character',
};
const QUERY_NON_ASCII: CanonicalFault = {
  reason: 'non_ascii',
  detail: 'the query contains a character outside ASCII that is not percent-encoded',
};

/** A target that is canonical already: no escape, no dot segment, no empty segment but a last one. Linear: `/` separates. */
const CLEAN = /^(?:\/(?!\/|\.\.?(?:[/?]|$))[\w\-.~!$&'()*+,=:@]*)+(?:\?[!"$-~]*)?$/;
const CLEAN_QUERY = /^[!-"$-~]*$/;
const DOTS_BY_ENCODED_SLASH = /(?:\/|%2F)\.\.?(?=\/|%2F|$)/;

/**
 * Canonicalises a request target in origin form (RFC 9112 §3.2.1) by RFC 3986 §6.2.2: escapes as
 * {@link canonicalEscapes}, dot segments removed in every spelling, duplicate slashes merged. The query stays as it is.
 * What two servers could read differently is refused. Idempotent.
 */
export function canonicalTarget(url: string): CanonicalTarget | CanonicalFault {
  const mark = url.indexOf('?');
  const rawPath = mark < 0 ? url : url.slice(0, mark);
  const query = mark < 0 ? '' : url.slice(mark);
  if (CLEAN.test(url)) return { path: rawPath, query, encodedSlash: false };
  if (!url.startsWith('/')) return NOT_ORIGIN_FORM;
  if (url.includes('#')) return FRAGMENT;
  const spelled = canonicalEscapes(rawPath);
  if (typeof spelled !== 'string') return spelled;
  if (!CLEAN_QUERY.test(query)) return /[^\0-\x7f]/.test(query) ? QUERY_NON_ASCII : QUERY_CONTROL;
  const path = withoutDotSegments(spelled);
  // An upstream that decodes %2F would take the dots for a step up.
  if (DOTS_BY_ENCODED_SLASH.test(path)) return DOT_SEGMENT;
  return { path, query, encodedSlash: path.includes('%2F') };
}

/** RFC 3986 §5.2.4, after merging duplicate slashes. */
function withoutDotSegments(path: string): string {
  const segments = path.split('/');
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  if (kept.length === 0) return '/';
  const last = segments.at(-1);
  const slash = last === '' || last === '.' || last === '..' ? '/' : '';
  return `/${kept.join('/')}${slash}`;
}

export interface AbsoluteTarget {
  /** Lower-cased, without `://`. */
  readonly scheme: string;
  /** As sent: the caller compares it with `Host`. */
  readonly authority: string;
  /** Origin form, still to be canonicalised. */
  readonly target: string;
}

const ABSOLUTE = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)/;

/** Splits a target in absolute form (RFC 9112 §3.2.2), `http://host/path`; undefined when it is not one. */
export function splitAbsolute(url: string): AbsoluteTarget | undefined {
  const found = ABSOLUTE.exec(url);
  if (found === null) return undefined;
  const [start, scheme = '', authority = ''] = found;
  const rest = url.slice(start.length);
  return { scheme: scheme.toLowerCase(), authority, target: rest.startsWith('/') ? rest : `/${rest}` };
}

/** The host of an authority, as routes are matched by it. A name that ends in a dot is the same name (RFC 1034 §3.1). */
export function hostOf(authority: string): string {
  return authority.replace(/\.?(?::\d+)?$/, '').toLowerCase();
}
