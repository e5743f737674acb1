// XML with placeholders, as routes.yaml has it: checked at load, filled in as any other template.
import { XMLValidator } from 'fast-xml-parser';

/** A placeholder, or a brace that is meant. */
const PLACEHOLDER = /\{\{|\}\}|\{[^{}<>]*\}/g;
const COMMENT = /<!--[\s\S]*?-->/g;
const TAG = /<\/?[^<>"']*(?:"[^"]*"[^<>"']*|'[^']*'[^<>"']*)*>/g;
const QUOTED = /"[^"]*"|'[^']*'/g;

/** What is wrong with a template, to be read behind "the XML"; undefined when nothing is. */
export function templateFault(text: string): string | undefined {
  const bare = text.replace(COMMENT, '');
  if (/<!(?:DOCTYPE|ENTITY)/i.test(bare)) return 'declares a document type';
  for (const [tag] of bare.matchAll(TAG)) {
    if (tag.replace(QUOTED, '').includes('{')) return 'has a placeholder in a tag, where none can be escaped';
  }
  if (/<!\[CDATA\[(?:(?!\]\]>)[\s\S])*\{/.test(bare)) return 'has a placeholder in CDATA, where none can be escaped';
  const filled = bare.replace(PLACEHOLDER, 'x');
  const validity = XMLValidator.validate(filled);
  if (validity === true) return undefined;
  const { msg, line, col } = validity.err;
  return `is not well-formed: ${msg} (line ${line}, column ${col})`;
}
