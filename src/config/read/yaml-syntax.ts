// A YAML syntax error in plain language: what is in the way, and what to write instead.
import { type Document, isCollection, isScalar, Scalar, visit, type YAMLError } from 'yaml';
import type { Report } from '../../schema/schema.ts';
import type { Source } from './source.ts';
import { quoteIt } from './yaml-tree.ts';

interface Explanation {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  readonly hint?: string;
}

/** Reports the first error of a document; those after it are mostly its echoes. */
export function reportSyntaxError(error: YAMLError, document: Document.Parsed, source: Source, report: Report): void {
  const { start, end, message, hint } = explain(error, document, source.text);
  report.add(source.place(start, end), 'yaml', message, hint);
}

type Explain = (error: YAMLError, document: Document.Parsed, text: string) => Explanation | undefined;

/** By the code of the library's error; undefined falls through to {@link BY_MESSAGE}. */
const BY_CODE: ReadonlyMap<string, Explain> = new Map<string, Explain>([
  [
    'BAD_ALIAS',
    ({ pos }) => ({ start: pos[0] - 1, end: pos[0], message: 'an unquoted * starts a YAML alias', hint: quoteIt('*') }),
  ],
  ['BAD_SCALAR_START', ({ pos }, _document, text) => reservedStart(pos[0], text)],
  [
    'TAB_AS_INDENT',
    ({ pos }) => ({ start: pos[0], end: pos[1], message: 'tabs cannot indent YAML', hint: 'use spaces' }),
  ],
  ['BLOCK_AS_IMPLICIT_KEY', ({ pos }, _document, text) => secondColon(pos[0], text)],
  ['MULTILINE_IMPLICIT_KEY', ({ pos }, _document, text) => secondColon(pos[0], text)],
  [
    'MULTIPLE_DOCS',
    ({ pos }) => ({
      start: pos[0],
      end: pos[0] + 3,
      message: 'a file holds one document',
      hint: 'remove what starts here',
    }),
  ],
  ['BAD_INDENT', (error, document, text) => unclosed(error, document) ?? misindented(error.pos[0], text)],
  ['MISSING_CHAR', (error, document, text) => unclosed(error, document) ?? misplaced(error.pos, text)],
  [
    'RESOURCE_EXHAUSTION',
    ({ pos }) => ({ start: pos[0], end: pos[0], message: 'this is nested too deeply to be read' }),
  ],
  ['UNEXPECTED_TOKEN', ({ pos }, _document, text) => misplaced(pos, text)],
]);

/** What the library says, what that means, and what to do. */
const BY_MESSAGE: readonly (readonly [RegExp, string, string?])[] = [
  [/Block collections are not allowed within flow/, 'a comma is missing before the next key', 'write { a: 1, b: 2 }'],
  [
    /block-seq-ind on same line with key/,
    'a list cannot start behind its key',
    'start it on the next line, or write [a, b]',
  ],
  [/flow-(map|seq)-end token in YAML stream/, 'this closes what was never opened'],
  [
    /need to be followed by map values/,
    'this is neither a key nor a list item',
    'a key ends with ": ", an item starts with "- "',
  ],
];

function explain(error: YAMLError, document: Document.Parsed, text: string): Explanation {
  const known = BY_CODE.get(error.code)?.(error, document, text);
  if (known !== undefined) return known;
  const [start, end] = error.pos;
  const [, meaning, hint] = BY_MESSAGE.find(([pattern]) => pattern.test(error.message)) ?? [];
  const message = meaning ?? error.message.charAt(0).toLowerCase() + error.message.slice(1);
  return { start, end, message, ...(hint !== undefined && { hint }) };
}

function reservedStart(start: number, text: string): Explanation {
  const value = /^[^\n\r,\]}]*?(?=\s+#|[\n\r,\]}]|$)/.exec(text.slice(start, start + LONGEST_QUOTED))?.[0] ?? '';
  const message = `a value cannot start with ${text.charAt(start)} unless it is quoted`;
  return { start, end: start + value.length, message, hint: quoteIt(value.trim()) };
}

const LONGEST_QUOTED = 200;

function secondColon(start: number, text: string): Explanation {
  const line = restOfLine(text, start);
  if (/:(\s|$)/.test(line)) {
    const message = 'a second ": " on one line';
    return { start, end: start + line.length, message, hint: quoteIt(line.replace(/\s+#.*$/, '')) };
  }
  const message = 'this text runs on into the next line, which is a key';
  return { start, end: start + line.length, message, hint: 'indent the next line like the key of this one' };
}

/** Where a quote, brace or bracket was opened that never closes; YAML itself only notices at the end. */
function unclosed(error: YAMLError, document: Document.Parsed): Explanation | undefined {
  const [, closing] = /(?:end with an? |Missing closing )([}\]'"])/.exec(error.message) ?? [];
  if (closing === undefined) return undefined;
  const [errorAt] = error.pos;
  let opened = errorAt;
  visit(document, {
    Node(_key, node) {
      if (!isOpenedBy(node, closing) || !node.range) return;
      if (node.range[0] <= errorAt && node.range[1] >= errorAt) opened = node.range[0];
    },
  });
  return {
    start: opened,
    end: opened + 1,
    message: 'what opens here is never closed',
    hint: `add the closing ${closing}`,
  };
}

function isOpenedBy(node: unknown, closing: string): node is { range?: [number, number, number] | null } {
  if (closing === '}' || closing === ']') return isCollection(node) && node.flow === true;
  return isScalar(node) && node.type === (closing === '"' ? Scalar.QUOTE_DOUBLE : Scalar.QUOTE_SINGLE);
}

function misindented(start: number, text: string): Explanation {
  const message = 'this line is not indented like its neighbours';
  return {
    start,
    end: start + restOfLine(text, start).length,
    message,
    hint: 'keys of one map start at the same column',
  };
}

function misplaced([start, end]: readonly [number, number], text: string): Explanation | undefined {
  const character = text.charAt(start);
  if ((character === '{' || character === '[') && /\S/.test(text.charAt(start - 1))) return braceInText(start, text);
  const quote = /(['"])\s*$/.exec(text.slice(Math.max(0, start - LONGEST_QUOTED), start))?.[1];
  if (quote === undefined) return undefined;
  const hint = quote === "'" ? "inside '…' write '' for a quote, or use \"…\"" : 'inside "…" write \\" for a quote';
  return { start, end, message: 'text after the closing quote', hint };
}

/** `{ match: GET /v1/users/{id} }`: inside braces or brackets, a brace in a text ends it. */
function braceInText(brace: number, text: string): Explanation {
  const start = startOfText(brace, text);
  const end = start + text.slice(start, endOfText(brace, text)).trimEnd().length;
  const message = `unquoted, the ${text.charAt(brace)} in this text starts another value`;
  return { start, end, message, hint: quoteIt(text.slice(start, end)) };
}

function startOfText(offset: number, text: string): number {
  const line = text.slice(text.lastIndexOf('\n', offset) + 1, offset);
  const before = /^.*(?:[[{]|, |: )\s*/.exec(line)?.[0] ?? '';
  return offset - line.length + before.length;
}

function endOfText(offset: number, text: string): number {
  let depth = 0;
  for (let at = offset; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '\n' || (character === '#' && /\s/.test(text.charAt(at - 1)))) return at;
    if (depth === 0 && (character === '}' || character === ']' || character === ',')) return at;
    if (character === '{' || character === '[') depth++;
    if (character === '}' || character === ']') depth--;
  }
  return text.length;
}

function restOfLine(text: string, start: number): string {
  return /^[^\r\n]*/.exec(text.slice(start, start + LONGEST_QUOTED))?.[0] ?? '';
}
