// The syntax of references inside a text: `${env:NAME}`, `${env:NAME:-default}`, `${file:path}`, and `$${` for a plain `${`.
import { didYouMean } from '../../schema/suggest.ts';

export type Reference =
  | { readonly kind: 'env'; readonly name: string; readonly fallback: string | undefined }
  | { readonly kind: 'file'; readonly name: string }
  | { readonly kind: 'bad'; readonly error: string; readonly hint: string };

const TOKEN = /\$\$\{|\$\{([^}]*)(\}?)/g;

/** Splits a text into plain parts and references, in order. */
export function parseReferences(text: string): readonly (string | Reference)[] {
  const parts: (string | Reference)[] = [];
  let plainFrom = 0;
  for (const match of text.matchAll(TOKEN)) {
    parts.push(text.slice(plainFrom, match.index));
    const [whole, body, close] = match;
    parts.push(body === undefined ? '${' : parseBody(body, close === '}'));
    plainFrom = match.index + whole.length;
  }
  parts.push(text.slice(plainFrom));
  return parts;
}

const FORMS = `references are \${env:NAME} and \${file:path}; $\${ is the text \${`;

function parseBody(body: string, closed: boolean): Reference {
  if (!closed) return { kind: 'bad', error: 'this reference is not closed', hint: 'add the closing }' };
  const [, scheme = '', rest = ''] = /^([^:]*):?(.*)$/s.exec(body) ?? [];
  if (scheme === 'file' && rest !== '') return { kind: 'file', name: rest };
  if (scheme !== 'env') {
    const suggestion = didYouMean(scheme, ['env', 'file']);
    return { kind: 'bad', error: `"${scheme}" is not a kind of reference`, hint: suggestion ?? FORMS };
  }
  const [, name, , fallback] = /^([A-Za-z_]\w*)(:-(.*))?$/s.exec(rest) ?? [];
  if (name === undefined) return { kind: 'bad', error: 'this reference does not name a variable', hint: FORMS };
  return { kind: 'env', name, fallback };
}
