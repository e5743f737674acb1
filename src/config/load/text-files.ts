// The files that mappings and XML templates stand in, read once for each load, and where in them something is.
import { readNamedFile } from '../../named-file.ts';
import type { Place, Setting } from '../../schema/schema.ts';
import { unseenLeaves } from '../../schema/settings.ts';
import { type TextSource, textSourceOf } from '../../schema/text.ts';
import type { Findings } from '../check/finding.ts';
import type { RoutesConfig } from '../format/routes-config.ts';
import { Source } from '../read/source.ts';
import { whyUnreadable } from '../read/unreadable.ts';
import type { Turns } from './turns.ts';

const LARGEST_BYTES = 1_048_576;

/** What the text settings of one configuration say. */
export class TextFiles {
  readonly #routesFile: Source;
  /** By path; undefined for what could not be read. */
  readonly #files: ReadonlyMap<string, Source | undefined>;

  private constructor(routesFile: Source, files: ReadonlyMap<string, Source | undefined>) {
    this.#routesFile = routesFile;
    this.#files = files;
  }

  /**
   * Reads the files of all text settings; one that cannot be read is reported wherever it is named.
   *
   * @param config undefined: nothing is known of what it would name
   * @param text of the routes file
   */
  static async read(
    config: RoutesConfig | undefined,
    { file, text }: { readonly file: string; readonly text: string },
    findings: Findings,
    turns: Turns,
  ): Promise<TextFiles> {
    const files = new Map<string, Source | undefined>();
    const faults = new Map<string, string>();
    // A setting of `defaults` is that of many routes.
    for (const source of config === undefined ? [] : await sourcesOf(config, turns)) {
      if (source.kind === 'inline') continue;
      const { path, at } = source;
      if (!files.has(path)) {
        const content = await readText(path);
        if ('fault' in content) faults.set(path, content.fault);
        files.set(path, 'fault' in content ? undefined : new Source(path, content.text));
      }
      const fault = faults.get(path);
      if (fault !== undefined) findings.add(at, 'text-file', `${path} ${fault}`);
    }
    return new TextFiles(new Source(file, text), files);
  }

  /** Absolute paths of all of them, also of those that could not be read: what to watch. */
  get files(): Iterable<string> {
    return this.#files.keys();
  }

  /** The text itself; undefined when its file could not be read. */
  text(source: TextSource): string | undefined {
    return source.kind === 'inline' ? source.text : this.#files.get(source.path)?.text;
  }

  /** Where the character at `offset` of a text stands: of one in place the setting's own place, unless it is as it was written. */
  placeAt(source: TextSource, offset: number): Place {
    return this.#exactPlace(source, offset) ?? source.at;
  }

  /** What `placeAt` leaves open, to be put behind a message: ` (line 2, column 5 of it)`; '' when it leaves nothing open. */
  wordsFor(source: TextSource, offset: number): string {
    if (source.kind === 'file' || this.#exactPlace(source, offset) !== undefined) return '';
    const { line, column } = new Source('', source.text).place(offset);
    return ` (${line === 1 ? '' : `line ${line}, `}column ${column} of it)`;
  }

  #exactPlace(source: TextSource, offset: number): Place | undefined {
    if (source.kind === 'file') return this.#files.get(source.path)?.place(offset);
    return source.at.file === this.#routesFile.file
      ? placeAsWritten(source.text, source.at, offset, this.#routesFile)
      : undefined;
  }
}

/**
 * The place of a character of a scalar, when its line stands in the file as it is in the text: in one line without escapes, or in
 * a literal block.
 */
function placeAsWritten(text: string, at: Place, offset: number, written: Source): Place | undefined {
  const { line, column } = new Source('', text).place(offset);
  const lines = text.split('\n');
  const own = lines[line - 1] ?? '';
  const isOneLine = lines.length === 1;
  const writtenLine = written.line(isOneLine ? at.line : at.line + line);
  const from = isOneLine ? writtenLine.indexOf(own, at.column - 1) : writtenLine.length - own.length;
  const isThere = isOneLine ? from >= 0 && from <= at.column : from >= 0 && writtenLine.endsWith(own);
  if (!isThere) return undefined;
  return { file: at.file, line: isOneLine ? at.line : at.line + line, column: from + column, length: 1 };
}

async function sourcesOf(config: RoutesConfig, turns: Turns): Promise<ReadonlySet<TextSource>> {
  const sources = new Set<TextSource>();
  const seen = new Set<Setting>();
  for (const { tree } of config.routes.values()) {
    for (const leaf of unseenLeaves(tree, seen)) {
      const source = textSourceOf(leaf);
      if (source !== undefined) sources.add(source);
    }
    if (turns.isOver) await turns.rest();
  }
  return sources;
}

async function readText(path: string): Promise<{ readonly text: string } | { readonly fault: string }> {
  try {
    const text = (await readNamedFile(path, LARGEST_BYTES)).toString();
    return text.trim() === '' ? { fault: 'is empty' } : { text };
  } catch (error) {
    return { fault: `cannot be read: ${whyUnreadable(error)}` };
  }
}
