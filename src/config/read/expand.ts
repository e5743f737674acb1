// `${env:NAME}`, `${env:NAME:-default}` and `${file:path}`, replaced after parsing so that what they hold can never change the
// shape of a configuration. What came out of one is a secret: it is never shown.
import { dirname, resolve } from 'node:path';
import { readNamedFile } from '../../named-file.ts';
import type { MapEntry, Node, Report, ScalarNode } from '../../schema/schema.ts';
import { type Finding, Findings } from '../check/finding.ts';
import { parseReferences, type Reference } from './reference.ts';
import { whyUnreadable } from './unreadable.ts';

export interface Expansion {
  readonly root: Node;
  readonly findings: readonly Finding[];
  /** Absolute paths of every file that was named, missing ones too: to be watched. */
  readonly files: readonly string[];
  /** What the references stand for, line by line. */
  readonly secrets: ReadonlySet<string>;
}

/** Far above any secret or certificate chain. */
const LARGEST_BYTES = 1024 ** 2;

const OPENING = '${';

/** The text of a referenced file, or why it cannot be had. */
type FileText = { readonly text: string } | { readonly error: string };

/**
 * Replaces every reference in a tree. A file's path is relative to the file that names it, and its text is trimmed; an empty
 * variable counts as missing when there is a default. `$${` is the text `${`.
 */
export async function expand(root: Node, env: Readonly<Record<string, string | undefined>>): Promise<Expansion> {
  const survey = new Survey(root);
  const files = new Map(
    await Promise.all(Array.from(survey.paths, async (path) => [path, await readText(path)] as const)),
  );
  const findings = new Findings();
  const expander = new Expander(env, files, survey.holding, findings);
  const expanded = expander.node(root);
  return { root: expanded, findings: findings.all, files: [...survey.paths], secrets: expander.secrets };
}

/** Where the references are, so that the rest of a large tree is left alone. */
class Survey {
  /** Absolute paths of the files that are named. */
  readonly paths = new Set<string>();
  /** Every node that is or holds a reference. */
  readonly holding = new Set<Node>();

  constructor(root: Node) {
    this.#visit(root);
  }

  #visit(node: Node): boolean {
    let holds = false;
    if (node.kind === 'scalar') {
      holds = node.text.includes(OPENING);
      if (holds) this.#collectPaths(node);
    } else if (node.kind === 'list') {
      for (const item of node.items) holds = this.#visit(item) || holds;
    } else {
      for (const { key, value } of node.entries) holds = this.#visit(value) || holds || key.includes(OPENING);
    }
    if (holds) this.holding.add(node);
    return holds;
  }

  #collectPaths(node: ScalarNode): void {
    for (const part of parseReferences(node.text)) {
      if (typeof part === 'object' && part.kind === 'file') this.paths.add(pathOf(part.name, node));
    }
  }
}

function pathOf(name: string, node: ScalarNode): string {
  return resolve(dirname(node.at.file), name);
}

async function readText(path: string): Promise<FileText> {
  try {
    const text = (await readNamedFile(path, LARGEST_BYTES)).toString();
    return { text: text.replace(/^\uFEFF/, '').trim() };
  } catch (error) {
    return { error: whyUnreadable(error) };
  }
}

class Expander {
  readonly secrets = new Set<string>();
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #files: ReadonlyMap<string, FileText>;
  readonly #holding: ReadonlySet<Node>;
  readonly #report: Report;
  readonly #expanded = new Map<Node, Node>();

  constructor(
    env: Readonly<Record<string, string | undefined>>,
    files: ReadonlyMap<string, FileText>,
    holding: ReadonlySet<Node>,
    report: Report,
  ) {
    this.#env = env;
    this.#files = files;
    this.#holding = holding;
    this.#report = report;
  }

  /** Nodes shared by aliases stay shared, and their findings are told once. */
  node(node: Node): Node {
    if (!this.#holding.has(node)) return node;
    let made = this.#expanded.get(node);
    if (made === undefined) {
      made = this.#make(node);
      this.#expanded.set(node, made);
    }
    return made;
  }

  #make(node: Node): Node {
    if (node.kind === 'scalar') return this.#scalar(node);
    if (node.kind === 'list') return { ...node, items: node.items.map((item) => this.node(item)) };
    return { ...node, entries: node.entries.map((entry) => this.#entry(entry)) };
  }

  #entry(entry: MapEntry): MapEntry {
    if (entry.key.includes(OPENING)) {
      this.#report.add(entry.keyAt, 'reference-in-key', 'a key cannot hold a reference', 'write the key itself');
    }
    return { ...entry, value: this.node(entry.value) };
  }

  #scalar(node: ScalarNode): ScalarNode {
    const parts = parseReferences(node.text);
    const text = parts.map((part) => (typeof part === 'string' ? part : this.#value(part, node))).join('');
    const secret = parts.some((part) => typeof part !== 'string');
    // Text from outside is never null: an empty variable is an empty text.
    return { ...node, text, type: 'string', secret };
  }

  #value(reference: Reference, node: ScalarNode): string {
    if (reference.kind === 'bad') {
      this.#report.add(node.at, 'bad-reference', reference.error, reference.hint);
      return '';
    }
    return reference.kind === 'env'
      ? this.#variable(reference.name, reference.fallback, node)
      : this.#file(reference.name, node);
  }

  #variable(name: string, fallback: string | undefined, node: ScalarNode): string {
    const value = this.#env[name];
    if (value !== undefined && (value !== '' || fallback === undefined)) return this.#secret(value);
    if (fallback !== undefined) return fallback;
    const hint = `set it, or give a default: \${env:${name}:-…}`;
    this.#report.add(node.at, 'missing-variable', `the environment variable ${name} is not set`, hint);
    return '';
  }

  #file(name: string, node: ScalarNode): string {
    const path = pathOf(name, node);
    const file = this.#files.get(path) ?? { error: 'it was not read' };
    if ('text' in file) return this.#secret(file.text);
    this.#report.add(node.at, 'missing-file', `cannot read ${path}: ${file.error}`);
    return '';
  }

  #secret(value: string): string {
    for (const line of value.split('\n')) this.secrets.add(line.trim());
    return value;
  }
}
