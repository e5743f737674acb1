// From the text of a YAML file to a tree of nodes that know their place. Whatever YAML would silently read as something else
// than it looks like is refused.
import { type Document, parseDocument } from 'yaml';
import type { Node } from '../../schema/schema.ts';
import { type Finding, Findings } from '../check/finding.ts';
import { Source } from './source.ts';
import { reportSyntaxError } from './yaml-syntax.ts';
import { TreeReader } from './yaml-tree.ts';

/** More than a hundred thousand tenants need; beyond it, a wrong file was named. */
const LARGEST_CHARACTERS = 64 * 1024 ** 2;

export interface YamlReading {
  /** Undefined when the text is not YAML at all, or has no map at its root. */
  readonly root?: Node;
  readonly findings: readonly Finding[];
}

/** Reads YAML 1.2 (one document, a map at its root). Never throws; only the first syntax error is told, since they cascade. */
export function readYaml(text: string, file: string): YamlReading {
  const source = new Source(file, text);
  const findings = new Findings();
  const root = isText(source, findings) ? readRoot(source, findings) : undefined;
  return { ...(root && { root }), findings: findings.all };
}

function readRoot(source: Source, findings: Findings): Node | undefined {
  // Duplicate keys are found by TreeReader: the library's own check is quadratic. `logLevel: silent` would hide a second document.
  const options = { version: '1.2', uniqueKeys: false, prettyErrors: false, logLevel: 'error' } as const;
  const document = parseDocument(source.text, options);
  const [error] = document.errors;
  if (error !== undefined) {
    reportSyntaxError(error, document, source, findings);
    return undefined;
  }
  if (!hasPlainDirectives(document, source, findings)) return undefined;
  const root = new TreeReader(source, findings).read(document.contents);
  if (root?.kind === 'map') return root;
  if (root === undefined || (root.kind === 'scalar' && root.type === 'null')) {
    findings.add(source.place(0), 'empty-file', 'this file holds no settings');
  } else {
    findings.add(
      root.at,
      'wrong-type',
      `a file of settings is a map, not ${root.kind === 'list' ? 'a list' : 'text'}`,
      'a key ends with ": "',
    );
  }
  return undefined;
}

/** A line break, a tab, or anything printable; U+FFFD is what is left of bytes that were not UTF-8. */
const NOT_TEXT = /(?![\t\n\r\u0085])\p{Cc}|\uFFFD/u;

function isText(source: Source, findings: Findings): boolean {
  if (source.text.length > LARGEST_CHARACTERS) {
    findings.add(source.place(0), 'too-large', 'this file is larger than 64 MiB');
    return false;
  }
  const offset = source.text.search(NOT_TEXT);
  if (offset < 0) return true;
  findings.add(
    source.place(offset),
    'not-text',
    'this is not text',
    'save the file as UTF-8, without control characters',
  );
  return false;
}

function hasPlainDirectives(document: Document.Parsed, source: Source, findings: Findings): boolean {
  const { yaml } = document.directives;
  const unknown = document.warnings.find((warning) => warning.code === 'BAD_DIRECTIVE');
  if (unknown === undefined && (yaml.explicit !== true || yaml.version === '1.2')) return true;
  const offset = unknown?.pos[0] ?? Math.max(0, source.text.search(/^%YAML/m));
  const hint = 'remove this line: the file is read as YAML 1.2';
  findings.add(
    source.place(offset, source.endOfLine(offset)),
    'directive',
    'this directive would change what the file means',
    hint,
  );
  return false;
}
