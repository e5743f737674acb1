// Where a configuration file holds secrets, by its text alone: it is asked of files that do not parse, too. In doubt it is one.
import { PER_TENANT, PLAIN_SETTINGS, SECRET_SETTINGS } from '../../integration/credentials/settings.ts';
import { nearestWord } from '../../schema/suggest.ts';
import { isSecretName } from '../../telemetry/secrets.ts';
import { withoutComments } from '../read/comments.ts';
import { startsOfLines } from '../read/source.ts';
import type { Finding } from './finding.ts';
import { type Span, secretLiterals } from './secret-literals.ts';

export type { Span };

/** A key of a map, as far as a text that may be broken has one. */
const KEY = /(?<![\w.-])(["']?)([\w.-]+)\1\s*:(?=\s|["'[{&!|>*]|$)/g;
const PRIVATE_KEY = /-----BEGIN[^-\n]*PRIVATE KEY-----(?:(?!-----END)[\s\S])*/g;
/** Sections of entries whose names people choose: a route may be called `sessions`. */
const NAMING = new Set(['integrations', 'plans', 'routes', 'tenants', 'upstreams']);
/** Section → the setting of its entries that holds accounts with third parties. */
const ACCOUNTS: ReadonlyMap<string, string> = new Map([
  ['integrations', 'auth'],
  ['tenants', 'credentials'],
]);
/** Words that stand for an account, and are none. */
const NO_ACCOUNT = new RegExp(`^\\s*(["']?)(?:${PER_TENANT}|none)\\1(?=[\\s,}#]|$)`);
const LONGEST_NO_ACCOUNT = 64;
const MAP_FOLLOWS = /[ \t]*(?:\{|(?:#[^\n]*)?\r?\n\s*["']?[\w.-]+["']?\s*:)/y;

/**
 * The values below `keys` and below names that tell of a secret, misspelt ones included, private keys, and what is written into
 * mappings and XML; in order.
 */
export function secretSpans(text: string): readonly Span[] {
  const spans = Array.from(text.matchAll(PRIVATE_KEY), ({ 0: pem, index }) => ({
    start: index,
    end: index + pem.length,
  }));
  spans.push(...secretLiterals(text));
  const known = new Map<string, boolean>();
  const line = new LineOf(text);
  let section = '';
  let entryColumn = 0;
  let end = 0;
  let accountEnd = 0;
  for (const match of text.matchAll(KEY)) {
    const { index } = match;
    if (index < end) continue;
    const name = match[2] ?? '';
    const lineStart = line.startBefore(index);
    const column = index - lineStart;
    const starts = /^[\s?-]*$/.test(text.slice(lineStart, index));
    if (starts && column === 0) {
      section = name;
      entryColumn = 0;
    } else if (starts && entryColumn === 0) {
      entryColumn = column;
    }
    let isSecret = known.get(name);
    if (isSecret === undefined) {
      isSecret = holdsSecret(name);
      known.set(name, isSecret);
    }
    const from = index + match[0].length;
    const endOfValue = (): number =>
      starts
        ? Math.max(endOfBlock(text, from, column), endOfFlow(text, from, false))
        : endOfFlow(text, from, line.isInFlowAt(index));
    if (index < accountEnd) {
      // In an account everything is one but for what is known not to be.
      if (PLAIN_SETTINGS.has(name) || isMap(text, from)) continue;
    } else if (ACCOUNTS.get(section) === name) {
      if (NO_ACCOUNT.test(text.slice(from, from + LONGEST_NO_ACCOUNT))) continue;
      if (isMap(text, from)) {
        accountEnd = endOfValue();
        continue;
      }
    } else {
      if (!isSecret && !(name === 'key' && isBlockScalar(text, from))) continue;
      const isEntry = starts && column === entryColumn && NAMING.has(section);
      // What people describe in a schema may be called `value`.
      if ((name === 'value' || (isEntry && isSecretName(name))) && isMap(text, from)) continue;
    }
    end = endOfValue();
    spans.push({ start: from, end });
  }
  followAliases(text, spans);
  return merged(spans.toSorted((a, b) => a.start - b.start));
}

/** The line of one offset after another: of a file that is one long line, too, each character is looked at once. */
class LineOf {
  readonly #text: string;
  #start = 0;
  #end: number;
  /** Braces and brackets opened and not closed between the start and there. */
  #depth = 0;
  #countedTo = 0;

  constructor(text: string) {
    this.#text = text;
    this.#end = endOfLine(text, 0);
  }

  /** @param offset not before the one asked for last */
  startBefore(offset: number): number {
    while (this.#end < offset) {
      this.#start = this.#end + 1;
      this.#end = endOfLine(this.#text, this.#start);
      this.#depth = 0;
      this.#countedTo = this.#start;
    }
    return this.#start;
  }

  /** @param offset on that line, and not before the one asked for last */
  isInFlowAt(offset: number): boolean {
    for (; this.#countedTo < offset; this.#countedTo++) {
      const character = this.#text.charAt(this.#countedTo);
      if (character === '{' || character === '[') this.#depth++;
      else if (character === '}' || character === ']') this.#depth--;
    }
    return this.#depth > 0;
  }
}

const ALIAS = /(?<![^\s[{,:])\*([^\s[\]{},]+)/g;
const ANCHOR = /&([^\s[\]{},]+)/g;

/** Adds what the aliases in `spans` stand for: `roles: &k [a-key]`, then `keys: *k`. */
function followAliases(text: string, spans: Span[]): void {
  const followed = new Set<string>();
  let anchors: ReadonlyMap<string, readonly Span[]> | undefined;
  // What an alias stands for may hold aliases, too: it is appended, and then looked at.
  for (const { start, end } of spans) {
    for (const [, name = ''] of text.slice(start, end).matchAll(ALIAS)) {
      if (followed.has(name)) continue;
      followed.add(name);
      anchors ??= anchorSpans(text);
      spans.push(...(anchors.get(name) ?? []));
    }
  }
}

function anchorSpans(text: string): ReadonlyMap<string, readonly Span[]> {
  const anchors = new Map<string, Span[]>();
  for (const { 0: anchor, 1: name = '', index } of text.matchAll(ANCHOR)) {
    const before = text.slice(text.lastIndexOf('\n', index - 1) + 1, index);
    const start = index + anchor.length;
    const column = before.search(/[^\s?-]|$/);
    const end = isInFlow(before)
      ? endOfFlow(text, start, true)
      : Math.max(endOfBlock(text, start, column), endOfFlow(text, start, false));
    const others = anchors.get(name);
    if (others === undefined) anchors.set(name, [{ start, end }]);
    else others.push({ start, end });
  }
  return anchors;
}

function merged(spans: readonly Span[]): readonly Span[] {
  const apart: Span[] = [];
  for (const span of spans) {
    const last = apart.at(-1);
    if (last === undefined || last.end < span.start) apart.push(span);
    else apart[apart.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
  }
  return apart;
}

/** Settings whose names are near to those of secrets. */
const NOT_MISSPELT = new Set(['auth', 'key']);

function holdsSecret(name: string): boolean {
  if (NOT_MISSPELT.has(name)) return false;
  return (
    SECRET_SETTINGS.has(name) ||
    isSecretName(name) ||
    nearestWord(name, ['keys', 'authorization', 'password']) !== undefined
  );
}

/** `key: |`: a private key, or what is left of one. */
function isBlockScalar(text: string, from: number): boolean {
  return /^[ \t]*[|>]/.test(text.slice(from, from + 16));
}

function isMap(text: string, from: number): boolean {
  MAP_FOLLOWS.lastIndex = from;
  return MAP_FOLLOWS.test(text);
}

function isInFlow(before: string): boolean {
  const opened = before.match(/[{[]/g)?.length ?? 0;
  return opened > (before.match(/[}\]]/g)?.length ?? 0);
}

/** The end of the lines that belong to a key in that column: those deeper than it, and list items below it. */
function endOfBlock(text: string, from: number, column: number): number {
  let end = endOfLine(text, from);
  for (let next = end; next < text.length; next = endOfLine(text, next + 1)) {
    const indent = /^[ \t]*/.exec(text.slice(next + 1, next + 2 + column))?.[0].length ?? 0;
    const first = text.charAt(next + 1 + indent);
    const isBlank = first === '' || first === '\n' || first === '\r';
    if (!isBlank && indent <= column && !(indent === column && first === '-')) break;
    if (!isBlank) end = endOfLine(text, next + 1);
  }
  return end;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end;
}

const ANOTHER_KEY = /\s*(?:(["'])[^"'\n]*\1|[^\s"',[\]{}:]+)\s*:(?=\s|["'[{]|$)/y;

/** The end of a value inside braces: what closes them, or a comma before another key. What is never closed has no end. */
function endOfFlow(text: string, from: number, isInside: boolean): number {
  let depth = 0;
  /** A quote or a bracket here opens something; later it is a part of plain text. */
  let isFresh = true;
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (isFresh && (character === '"' || character === "'")) {
      at = closingQuote(text, at);
      isFresh = false;
    } else if (isFresh && (character === '[' || character === '{')) {
      depth++;
    } else if (character === ']' || character === '}') {
      if (depth === 0) return at;
      depth--;
      isFresh = false;
    } else if (character === ',') {
      ANOTHER_KEY.lastIndex = at + 1;
      if (depth === 0 && ANOTHER_KEY.test(text)) return at;
      isFresh = true;
    } else if (character === '\n') {
      if (depth === 0 && !isInside) return at;
    } else if (character === ':') {
      isFresh = true;
    } else if (character !== ' ' && character !== '\t') {
      isFresh = false;
    }
  }
  return text.length;
}

function closingQuote(text: string, opening: number): number {
  const quote = text.charAt(opening);
  for (let at = opening + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === quote) return at;
    if (character === '\\' && quote === '"') at++;
  }
  return text.length;
}

/** A reference is none of the secret's text. */
const REFERENCE_OR_CHARACTER = /\$\{[^}]*\}|^\s*-\s|[^\s[\]{},:"']/g;

/** The same text with a dot for each character of a secret; what separates values stays, and so do references. */
export function covered(text: string): string {
  return text.replaceAll(REFERENCE_OR_CHARACTER, (part) => (part.length > 1 ? part : '•'));
}

/** None of the words of a secret: a reference, and the dash of a list item. */
const REFERENCE_OR_DASH = /\$\{[^}]*\}|^[ \t]*-(?=\s)/gm;
const WORD = /[^\s[\]{}(),:;"'*&!?|>`•…\\]+/g;
/** Shorter ones may stand in any message by chance. */
const TELLING = 8;
/** A message quotes no more than so much of a long line: the last word may be cut. */
const CUT = 16;

/** A file that may hold secrets, in its own text and behind its references. */
export interface SecretHolder {
  readonly file: string;
  readonly text: string;
  /** What its references stand for, line by line. */
  readonly secrets: ReadonlySet<string>;
}

/** The same findings, none of which quotes a secret of that file. */
export function withoutSecrets(
  findings: readonly Finding[],
  { file, text, secrets }: SecretHolder,
): readonly Finding[] {
  if (findings.length === 0) return findings;
  const spans = secretSpans(text);
  // A finding quotes what is set, never a comment; the words of one are those of our own messages, too.
  const isCommented = spans.some(({ start, end }) => text.slice(start, end).includes('#'));
  const bare = isCommented ? withoutComments(text) : text;
  const everywhere = new Set(spans.flatMap((span) => wordsOf(bare, span)).filter((word) => word.length >= TELLING));
  const referenced = [...secrets].filter((secret) => secret.length >= TELLING);
  const lines = startsOfLines(text);
  return findings.map((finding) => {
    const start = finding.at.file === file ? lines[finding.at.line - 1] : undefined;
    const near = start === undefined ? [] : touching(spans, start, endOfLine(text, start));
    const here = near.flatMap((span) => wordsOf(bare, span));
    const isSecret = (word: string): boolean =>
      everywhere.has(word) || here.some((secret) => secret === word || (word.length >= CUT && secret.startsWith(word)));
    const hide = (said: string): string =>
      referenced
        .reduce((shown, secret) => shown.replaceAll(secret, HIDDEN), said)
        .replaceAll(WORD, (word) => (isSecret(word) ? HIDDEN : word));
    const { message, hint } = finding;
    return { ...finding, message: hide(message), ...(hint !== undefined && { hint: hide(hint) }) };
  });
}

const HIDDEN = '•••';

function wordsOf(text: string, { start, end }: Span): readonly string[] {
  return text.slice(start, end).replaceAll(REFERENCE_OR_DASH, ' ').match(WORD) ?? [];
}

/** The spans that have a part between two offsets, from among those of {@link secretSpans}. */
export function touching(spans: readonly Span[], start: number, end: number): readonly Span[] {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle]?.end ?? 0) > start) high = middle;
    else low = middle + 1;
  }
  const found: Span[] = [];
  for (let span = spans[low]; span !== undefined && span.start < end; span = spans[++low]) found.push(span);
  return found;
}
