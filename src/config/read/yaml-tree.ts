// From the YAML library's tree to ours: source text instead of guessed values, aliases and merge keys resolved, and a finding
// for everything that is not what it looks like.

import type { Alias, Pair, YAMLMap, YAMLSeq } from 'yaml';
import { isAlias, isCollection, isMap, isPair, isScalar, Scalar } from 'yaml';
import type { MapEntry, MapNode, Node, Place, Report, ScalarNode } from '../../schema/schema.ts';
import type { Source } from './source.ts';

const DEEPEST = 100;
/** Nodes that aliases may add to those written; far above any real file, far below what would exhaust memory. */
const ALIASED_NODES = 2_000_000;

const MERGE_KEY = '<<';

type YamlNode = Scalar | YAMLMap | YAMLSeq | Alias;

interface Anchor {
  /** Undefined while the anchored node is still being read: an alias to it would be a circle. */
  readonly node: Node | undefined;
  /** How many nodes it stands for, aliases inside it included. */
  readonly size: number;
  /** How many levels of maps and lists it has, aliases inside it included. */
  readonly height: number;
}

/** Reads one document. */
export class TreeReader {
  readonly #source: Source;
  readonly #report: Report;
  readonly #anchors = new Map<string, Anchor>();
  #nodes = 0;
  #aliased = 0;
  #depth = 0;
  /** The greatest depth so far inside the innermost anchor that is being read. */
  #reached = 0;

  constructor(source: Source, report: Report) {
    this.#source = source;
    this.#report = report;
  }

  /** @returns undefined when there is nothing at all, or after reporting what cannot be understood. */
  read(contents: unknown): Node | undefined {
    return isYamlNode(contents) ? this.#node(contents, undefined) : undefined;
  }

  /** @param keyAt the key this is the value of: a block map or list is where its key is, not where its first item is. */
  #node(yaml: YamlNode, keyAt: Place | undefined): Node | undefined {
    if (isAlias(yaml)) return this.#alias(yaml);
    if (yaml.tag !== undefined) {
      const hint = 'remove it; quotes make a value text';
      const [start] = yaml.range ?? [0];
      this.#report.add(this.#source.place(this.#startOfTag(start), start), 'tag', 'tags have no meaning here', hint);
    }
    if (yaml.anchor === undefined) return this.#plainNode(yaml, keyAt);
    return this.#anchored(yaml, yaml.anchor, keyAt);
  }

  #anchored(yaml: Scalar | YAMLMap | YAMLSeq, name: string, keyAt: Place | undefined): Node | undefined {
    const nodes = this.#nodes;
    const reached = this.#reached;
    this.#reached = this.#depth;
    this.#anchors.set(name, { node: undefined, size: 0, height: 0 });
    const node = this.#plainNode(yaml, keyAt);
    if (node !== undefined) {
      this.#anchors.set(name, { node, size: this.#nodes - nodes, height: this.#reached - this.#depth });
    }
    this.#reached = Math.max(this.#reached, reached);
    return node;
  }

  #plainNode(yaml: Scalar | YAMLMap | YAMLSeq, keyAt: Place | undefined): Node | undefined {
    this.#nodes++;
    if (isScalar(yaml)) return this.#scalar(yaml, keyAt);
    if (this.#isTooDeep(1, yaml)) return undefined;
    this.#depth++;
    const node = isMap(yaml) ? this.#mapOrText(yaml, keyAt) : this.#list(yaml, keyAt);
    this.#depth--;
    return node;
  }

  #isTooDeep(height: number, yaml: YamlNode): boolean {
    this.#reached = Math.max(this.#reached, this.#depth + height);
    if (this.#depth + height <= DEEPEST) return false;
    this.#report.add(this.#placeOf(yaml), 'too-deep', `this is nested more than ${DEEPEST} deep`);
    return true;
  }

  /** The library tells where the tagged value starts: before it stands `!tag`, `!!tag` or `!<tag>`. */
  #startOfTag(valueStart: number): number {
    const last = this.#source.text.lastIndexOf('!', valueStart);
    return this.#source.text.charAt(last - 1) === '!' ? last - 1 : last;
  }

  #scalar(yaml: Scalar, keyAt: Place | undefined): ScalarNode {
    const text = yaml.source ?? '';
    const at = text === '' && yaml.value === null && keyAt ? keyAt : this.#placeOf(yaml);
    return { kind: 'scalar', text, type: typeOf(yaml.value), at, secret: false };
  }

  #alias(yaml: Alias): Node | undefined {
    const at = this.#placeOf(yaml);
    const anchor = this.#anchors.get(yaml.source);
    if (anchor === undefined) {
      const text = `*${yaml.source}`;
      this.#report.add(
        at,
        'unknown-alias',
        `unquoted, ${text} is a YAML alias, and nothing is named &${yaml.source}`,
        quoteIt(text),
      );
      return textNode(text, at);
    }
    if (anchor.node === undefined) {
      this.#report.add(at, 'circular-alias', `*${yaml.source} is inside what it stands for`);
      return undefined;
    }
    if (this.#isTooDeep(anchor.height, yaml)) return undefined;
    this.#nodes += anchor.size;
    this.#aliased += anchor.size;
    if (this.#aliased <= ALIASED_NODES) return anchor.node;
    // Told once: from here on every alias is over the budget.
    if (this.#aliased - anchor.size <= ALIASED_NODES) {
      this.#report.add(at, 'too-many-aliases', `aliases make this file stand for more than ${ALIASED_NODES} values`);
    }
    return undefined;
  }

  #list(yaml: YAMLSeq, keyAt: Place | undefined): Node {
    const items: Node[] = [];
    for (const item of yaml.items) {
      const node = isYamlNode(item) ? this.#node(item, undefined) : undefined;
      if (node !== undefined) items.push(node);
    }
    return { kind: 'list', items, at: this.#collectionPlace(yaml, keyAt) };
  }

  /** `{tenant}` and, in a list, `sha256: 9f` are maps to YAML; neither was meant. */
  #mapOrText(yaml: YAMLMap, keyAt: Place | undefined): Node {
    const at = this.#collectionPlace(yaml, keyAt);
    if (yaml.flow !== true) return this.#map(yaml, at);
    const text = this.#textOf(yaml);
    const [first] = yaml.items;
    if (!text.startsWith('{')) {
      const asMap = /:\s+\S/.test(text) ? `, or write { ${text} }` : '';
      this.#report.add(at, 'needs-quotes', 'unquoted, the ":" makes this item a map', quoteIt(text) + asMap);
    } else if (yaml.items.length === 1 && first?.value === null) {
      const key = keyText(first);
      this.#report.add(
        at,
        'needs-quotes',
        `unquoted, ${text} is a map with the key "${key}"`,
        spaceColon(key) ?? quoteIt(text),
      );
    } else {
      return this.#map(yaml, at);
    }
    // Going on with the text that was meant spares the reader a second finding for the same mistake.
    return textNode(text, at);
  }

  #map(yaml: YAMLMap, at: Place): MapNode {
    const entries: MapEntry[] = [];
    const seen = new Map<string, Place>();
    const merges: Node[] = [];
    let previous: Pair | undefined;
    for (const pair of yaml.items) {
      const entry = this.#entry(pair, previous, seen);
      previous = pair;
      if (entry === undefined) continue;
      if (entry.key === MERGE_KEY && isPlain(pair.key)) merges.push(entry.value);
      else entries.push(entry);
    }
    for (const merged of merges) this.#merge(merged, entries, seen);
    return { kind: 'map', entries, at };
  }

  #entry(pair: Pair, previous: Pair | undefined, seen: Map<string, Place>): MapEntry | undefined {
    if (!isScalar(pair.key) || (pair.key.source ?? '') === '') {
      this.#report.add(
        this.#keyPlace(pair),
        'bad-key',
        'a key is a single word or text',
        'quote it if it is meant as text',
      );
      return undefined;
    }
    const key = keyText(pair);
    const keyAt = this.#placeOf(pair.key);
    if (pair.value === null) {
      this.#reportLoneKey(key, keyAt, previous);
      return undefined;
    }
    const first = seen.get(key);
    if (first !== undefined) {
      const hint = key === MERGE_KEY ? 'merge several with <<: [*a, *b]' : undefined;
      this.#report.add(
        keyAt,
        'duplicate-key',
        `"${key}" is already on line ${first.line}, column ${first.column}`,
        hint,
      );
      return undefined;
    }
    seen.set(key, keyAt);
    const value = isYamlNode(pair.value) ? this.#node(pair.value, keyAt) : emptyNode(keyAt);
    return value && { key, keyAt, value };
  }

  /** `{ match: GET,POST /x }`: the comma of a text started a second key. */
  #reportLoneKey(key: string, keyAt: Place, previous: Pair | undefined): void {
    const before = previous?.value;
    const hint = isScalar(before)
      ? quoteIt(`${before.source ?? ''},${key}`)
      : 'quote the text, or give the key a value';
    this.#report.add(keyAt, 'needs-quotes', `unquoted, "${key}" is a key without a value`, spaceColon(key) ?? hint);
  }

  /** The map's own keys win, then those merged first (yaml.org/type/merge). */
  #merge(merged: Node, entries: MapEntry[], seen: Map<string, Place>): void {
    if (merged.kind === 'list') {
      for (const item of merged.items) this.#merge(item, entries, seen);
    } else if (merged.kind === 'map') {
      for (const entry of merged.entries) {
        if (seen.has(entry.key)) continue;
        seen.set(entry.key, entry.keyAt);
        entries.push(entry);
      }
    } else {
      this.#report.add(merged.at, 'bad-merge', '<< merges maps', 'name an anchor: <<: *anchor');
    }
  }

  #keyPlace(pair: Pair): Place {
    if (isYamlNode(pair.key)) return this.#placeOf(pair.key);
    return isYamlNode(pair.value) ? this.#placeOf(pair.value) : this.#source.place(0);
  }

  #placeOf(yaml: YamlNode): Place {
    const [start, end] = yaml.range ?? [0, 0];
    return this.#source.place(start, end);
  }

  #collectionPlace(yaml: YAMLMap | YAMLSeq, keyAt: Place | undefined): Place {
    if (yaml.flow === true) return this.#placeOf(yaml);
    if (keyAt !== undefined) return keyAt;
    const [first] = yaml.items;
    const start = isPair(first) ? first.key : first;
    return isYamlNode(start) && !isCollection(start) ? this.#placeOf(start) : this.#placeOf(yaml);
  }

  #textOf(yaml: YamlNode): string {
    const [start, end] = yaml.range ?? [0, 0];
    return this.#source.text.slice(start, end).replaceAll(/\s+/g, ' ').trim();
  }
}

/** The hint for a text that YAML reads as something else. */
export function quoteIt(text: string): string {
  return text.includes('"') ? 'quote it' : `quote it: "${text}"`;
}

/** `404:502` was to be a key and its value. */
function spaceColon(key: string): string | undefined {
  const [, name, value] = /^([^:\s]+):([^:\s]+)$/.exec(key) ?? [];
  return name === undefined ? undefined : `put a space after the colon: ${name}: ${value}`;
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? (pair.key.source ?? '') : '';
}

function isYamlNode(value: unknown): value is YamlNode {
  return isScalar(value) || isCollection(value) || isAlias(value);
}

function isPlain(key: unknown): boolean {
  return isScalar(key) && key.type === Scalar.PLAIN;
}

function typeOf(value: unknown): ScalarNode['type'] {
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'number' || typeof value === 'boolean') return typeof value === 'number' ? 'number' : 'boolean';
  return 'string';
}

function textNode(text: string, at: Place): ScalarNode {
  return { kind: 'scalar', text, type: 'string', at, secret: false };
}

function emptyNode(at: Place): ScalarNode {
  return { kind: 'scalar', text: '', type: 'null', at, secret: false };
}
