// The comments of a YAML text, as the parser itself sees them: a `#` in quotes or in a block of text begins none.
import { CST, Lexer } from 'yaml';

/** Tokens of the lexer that stand for nothing in the text. */
const MARKS: ReadonlySet<string> = new Set([CST.DOCUMENT, CST.FLOW_END, CST.SCALAR]);

/** The same text with spaces in the place of its comments. One with characters that YAML does not have stays as it is. */
export function withoutComments(text: string): string {
  for (const mark of MARKS) if (text.includes(mark)) return text;
  const parts: string[] = [];
  let before = '';
  for (const token of new Lexer().lex(text)) {
    if (!MARKS.has(token)) {
      const isComment = before !== CST.SCALAR && token.startsWith('#');
      parts.push(isComment ? ' '.repeat(token.length) : token);
    }
    before = token;
  }
  return parts.join('');
}
