// One configuration file as a tree: read, parsed, `${…}` expanded, with everything that must be watched.
import { readNamedFile } from '../../named-file.ts';
import type { Node } from '../../schema/node.ts';
import type { Finding } from '../check/finding.ts';
import { expand } from './expand.ts';
import { whyUnreadable } from './unreadable.ts';
import { readYaml } from './yaml.ts';

/** What processes are given: names to values. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** All bytes of a file. @throws an Error that says why they cannot be had. */
export type ReadFile = (file: string) => Promise<Buffer>;

export interface Source {
  /** Missing when the file cannot be read or is not YAML. */
  readonly root: Node | undefined;
  readonly findings: readonly Finding[];
  /** The file itself and every `${file:}` in it, also those that are missing. */
  readonly files: readonly string[];
  /** As it was read. */
  readonly text: string;
  /** What its references stand for, line by line. */
  readonly secrets: ReadonlySet<string>;
}

/**
 * Reads `file`. A file that cannot be read is a finding at its beginning.
 *
 * @param read how: what is read once may be a pipe, too
 */
export async function readSource(file: string, env: Environment, read: ReadFile = readNamedFile): Promise<Source> {
  let text: string;
  try {
    text = (await read(file)).toString();
  } catch (error) {
    return { root: undefined, findings: [unreadable(file, error)], files: [file], text: '', secrets: NONE };
  }
  const parsed = readYaml(text, file);
  if (parsed.root === undefined)
    return { root: undefined, findings: parsed.findings, files: [file], text, secrets: NONE };
  const expanded = await expand(parsed.root, env);
  const findings = [...parsed.findings, ...expanded.findings];
  return { root: expanded.root, findings, files: [file, ...expanded.files], text, secrets: expanded.secrets };
}

const NONE: ReadonlySet<string> = new Set();

function unreadable(file: string, error: unknown): Finding {
  return {
    at: { file, line: 1, column: 1, length: 0 },
    code: 'no-file',
    severity: 'error',
    message: `${file}: ${whyUnreadable(error)}`,
  };
}
