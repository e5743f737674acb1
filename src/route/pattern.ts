// Path patterns as they are written in `match`: literals, `{param}`, both in one segment, and `**` for the rest.
import { canonicalEscapes, foldReserved } from './escapes.ts';
import { meets, type Segment, segmentsOverlap } from './segment.ts';

export interface PathPattern {
  /** As written. */
  readonly text: string;
  /** Literals are canonical and folded (`foldReserved`). `/` is one empty literal, and so is a trailing slash. */
  readonly segments: readonly Segment[];
  /** Names of the parameters, in order. */
  readonly params: readonly string[];
}

/** Why a text is not a pattern, and which characters of it are to blame. */
export interface PatternFault {
  readonly error: string;
  readonly hint?: string;
  readonly offset: number;
  readonly length: number;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
/** What `{name}` already means in templates. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['tenant', 'body', 'query', 'params', 'headers']);

/** Parses a path pattern such as `/v1/orders/{id}`. Literals are canonicalised like the paths of requests are. */
export function parsePattern(text: string): PathPattern | PatternFault {
  if (!text.startsWith('/')) {
    return { error: 'a path begins with a slash', hint: `/${text}`, offset: 0, length: text.length };
  }
  const segments: Segment[] = [];
  const params: string[] = [];
  const written = text.slice(1).split('/');
  let offset = 1;
  for (const [index, part] of written.entries()) {
    const last = index === written.length - 1;
    const parsed = parseSegment(part, offset, last, params);
    if ('error' in parsed) return parsed;
    segments.push(parsed);
    offset += part.length + 1;
  }
  // Copies have the size they need: there may be thousands of routes.
  return { text, segments: segments.slice(), params: params.slice() };
}

function parseSegment(part: string, offset: number, last: boolean, params: string[]): Segment | PatternFault {
  const blame = (error: string, hint: string): PatternFault => ({ error, hint, offset, length: part.length || 1 });
  if (part === '**') return last ? REST : blame('** can only be the last segment', 'write {name} for one');
  if (part === '' && !last) return blame('two slashes in a row match nothing', 'requests have them merged into one');
  if (part.startsWith(':')) return blame('a parameter is written in braces', `{${part.slice(1)}}, or %3A for a colon`);
  return parseParts(part, offset, params);
}

/** Reads literal text and parameters in turn, until the segment ends. */
function parseParts(part: string, offset: number, params: string[]): Segment | PatternFault {
  const literals: string[] = [];
  let at = 0;
  for (;;) {
    const brace = part.indexOf('{', at);
    const end = brace < 0 ? part.length : brace;
    if (brace === at && literals.length > 0) {
      return {
        error: 'two parameters with nothing between them',
        hint: 'where would the first end?',
        offset,
        length: part.length,
      };
    }
    const literal = parseLiteral(part.slice(at, end), offset + at);
    if (typeof literal !== 'string') return literal;
    literals.push(literal);
    if (brace < 0) break;
    const close = part.indexOf('}', brace);
    const name = close < 0 ? '' : part.slice(brace + 1, close);
    const refused = close < 0 ? UNCLOSED : refuseName(name, params);
    if (refused !== undefined) {
      return { ...refused, offset: offset + brace, length: (close < 0 ? part.length : close + 1) - brace };
    }
    params.push(name);
    at = close + 1;
  }
  const [first = ''] = literals;
  if (literals.length === 1) {
    const dots = first === '.' || first === '..';
    return dots ? { ...DOTS, offset, length: part.length } : { kind: 'literal', text: first };
  }
  return literals.length === 2 && part.startsWith('{') && part.endsWith('}') ? PARAM : { kind: 'mixed', literals };
}

const PARAM: Segment = { kind: 'param' };
const REST: Segment = { kind: 'rest' };
const DOTS = { error: 'dot segments match nothing', hint: 'requests have them resolved before they are matched' };
const UNCLOSED = { error: 'this brace is never closed', hint: 'write %7B for a literal brace' };

function refuseName(name: string, params: readonly string[]): { error: string; hint: string } | undefined {
  if (name === '') return { error: 'this parameter has no name', hint: 'write {name}' };
  if (!NAME.test(name))
    return { error: `"${name}" cannot name a parameter`, hint: 'letters, digits, _ and -, no digit first' };
  if (RESERVED_NAMES.has(name)) {
    return {
      error: `"${name}" cannot name a parameter: {${name}} has another meaning in templates`,
      hint: `{${name}_id}`,
    };
  }
  return params.includes(name)
    ? { error: `two parameters are named "${name}"`, hint: 'give each its own name' }
    : undefined;
}

const STRAY = /[}*?#]/;
const STRAY_HINTS: ReadonlyMap<string, string> = new Map([
  ['}', 'write %7D for a literal brace'],
  ['*', 'write {name} for one segment, ** as the last one for the rest, %2A for a literal star'],
  ['?', 'conditions on the query go into `query:`; write %3F for a literal question mark'],
  ['#', 'a fragment never reaches a server; write %23 for a literal #'],
]);

function parseLiteral(written: string, offset: number): string | PatternFault {
  const stray = written.search(STRAY);
  if (stray >= 0) {
    const character = written.charAt(stray);
    const hint = STRAY_HINTS.get(character) ?? '';
    return { error: `"${character}" has no meaning here`, hint, offset: offset + stray, length: 1 };
  }
  const ascii = written.toWellFormed().replace(/[^\0-\x7f]+/g, encodeURIComponent);
  const spelled = canonicalEscapes(ascii);
  if (typeof spelled === 'string') return foldReserved(spelled);
  return { error: `no request has this path: ${spelled.detail}`, offset, length: written.length };
}

/** Whether `path` (canonical) meets the pattern; else the number of its first segment that does not, from 0. */
export function firstMismatch(pattern: PathPattern, path: string): number | undefined {
  const given = path.slice(1).split('/').map(foldReserved);
  for (const [index, segment] of pattern.segments.entries()) {
    if (segment.kind === 'rest') return undefined;
    const text = given[index];
    if (text === undefined || !meets(segment, text)) return index;
  }
  return given.length > pattern.segments.length ? pattern.segments.length : undefined;
}

/** Whether some path meets both patterns. */
export function patternsOverlap(a: PathPattern, b: PathPattern): boolean {
  const longest = Math.max(a.segments.length, b.segments.length);
  for (let i = 0; i < longest; i++) {
    const [ours, theirs] = [a.segments[i], b.segments[i]];
    if (ours?.kind === 'rest' || theirs?.kind === 'rest') return true;
    if (ours === undefined || theirs === undefined || !segmentsOverlap(ours, theirs)) return false;
  }
  return true;
}
