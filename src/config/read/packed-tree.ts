// A tree of nodes as a few numbers each, to be handed from one thread to another: what is not small is unpacked in turns, which
// a structured clone cannot be.
import type { MapEntry, Node, Place, ScalarNode } from '../../schema/node.ts';
import type { Turns } from '../load/turns.ts';

export interface PackedTree {
  /** Which everything in it stands in. */
  readonly file: string;
  /** The tree in the order of the file; see {@link Packer}. */
  readonly numbers: Uint32Array<ArrayBuffer>;
  /** Each text once. */
  readonly texts: readonly string[];
}

const KINDS = ['scalar', 'list', 'map'] as const;
/** Beside {@link KINDS}: a node that an alias repeats. */
const AGAIN = KINDS.length;
const TYPES: readonly ScalarNode['type'][] = ['string', 'number', 'boolean', 'null'];
/** In the place of a line: the place of the key before. */
const AT_KEY = 0;

export function packTree(root: Node): PackedTree {
  const packer = new Packer();
  packer.node(root, undefined);
  return { file: root.at.file, numbers: Uint32Array.from(packer.numbers), texts: [...packer.texts.keys()] };
}

/**
 * A node is its kind and its place, then a scalar's text, type and secrecy, or how many items or entries follow; an entry is its
 * key, the key's place and a node. One that was there before is {@link AGAIN} and its number.
 */
class Packer {
  readonly numbers: number[] = [];
  readonly texts = new Map<string, number>();
  readonly #seen = new Map<Node, number>();

  node(node: Node, keyAt: Place | undefined): void {
    const before = this.#seen.get(node);
    if (before !== undefined) {
      this.numbers.push(AGAIN, before);
      return;
    }
    this.#seen.set(node, this.#seen.size);
    this.numbers.push(KINDS.indexOf(node.kind));
    if (keyAt !== undefined && isSame(node.at, keyAt)) this.numbers.push(AT_KEY);
    else this.#place(node.at);
    if (node.kind === 'scalar') {
      this.numbers.push(this.#text(node.text), TYPES.indexOf(node.type), node.secret ? 1 : 0);
    } else if (node.kind === 'list') {
      this.numbers.push(node.items.length);
      for (const item of node.items) this.node(item, undefined);
    } else {
      this.numbers.push(node.entries.length);
      for (const { key, keyAt: at, value } of node.entries) {
        this.numbers.push(this.#text(key));
        this.#place(at);
        this.node(value, at);
      }
    }
  }

  #place({ line, column, length }: Place): void {
    this.numbers.push(line, column, length);
  }

  #text(text: string): number {
    let index = this.texts.get(text);
    if (index === undefined) {
      index = this.texts.size;
      this.texts.set(text, index);
    }
    return index;
  }
}

function isSame(a: Place, b: Place): boolean {
  return a.line === b.line && a.column === b.column && a.length === b.length;
}

/** The tree that was packed. */
export function unpackTree(packed: PackedTree, turns: Turns): Promise<Node> {
  return new Unpacker(packed).root(turns);
}

/** Levels of maps whose entries may be many: the file and its sections. */
const LARGE_LEVELS = 2;

class Unpacker {
  readonly #file: string;
  readonly #numbers: Uint32Array;
  readonly #texts: readonly string[];
  readonly #nodes: Node[] = [];
  #next = 0;

  constructor({ file, numbers, texts }: PackedTree) {
    this.#file = file;
    this.#numbers = numbers;
    this.#texts = texts;
  }

  root(turns: Turns): Promise<Node> {
    return this.#large(undefined, LARGE_LEVELS, turns);
  }

  async #large(keyAt: Place | undefined, levels: number, turns: Turns): Promise<Node> {
    if (levels === 0 || KINDS[this.#numbers[this.#next] ?? AGAIN] !== 'map') return this.#node(keyAt);
    this.#next++;
    const entries: MapEntry[] = [];
    const node: Node = { kind: 'map', entries, at: this.#placeOr(keyAt) };
    this.#nodes.push(node);
    for (let left = this.#number(); left > 0; left--) {
      const key = this.#text();
      const at = this.#place(this.#number());
      entries.push({ key, keyAt: at, value: levels > 1 ? await this.#large(at, levels - 1, turns) : this.#node(at) });
      if (turns.isOver) await turns.rest();
    }
    return node;
  }

  #node(keyAt: Place | undefined): Node {
    const kind = this.#number();
    if (kind === AGAIN) return this.#again();
    const at = this.#placeOr(keyAt);
    if (KINDS[kind] === 'scalar') return this.#scalar(at);
    return KINDS[kind] === 'list' ? this.#list(at) : this.#map(at);
  }

  #scalar(at: Place): Node {
    const text = this.#text();
    const node: Node = {
      kind: 'scalar',
      text,
      type: TYPES[this.#number()] ?? 'string',
      at,
      secret: this.#number() === 1,
    };
    this.#nodes.push(node);
    return node;
  }

  #list(at: Place): Node {
    const items: Node[] = [];
    const node: Node = { kind: 'list', items, at };
    this.#nodes.push(node);
    for (let left = this.#number(); left > 0; left--) items.push(this.#node(undefined));
    return node;
  }

  #map(at: Place): Node {
    const entries: MapEntry[] = [];
    const node: Node = { kind: 'map', entries, at };
    this.#nodes.push(node);
    for (let left = this.#number(); left > 0; left--) {
      const key = this.#text();
      const keyAt = this.#place(this.#number());
      entries.push({ key, keyAt, value: this.#node(keyAt) });
    }
    return node;
  }

  #again(): Node {
    const node = this.#nodes[this.#number()];
    if (node === undefined) throw new Error('a packed tree repeats what it has not said');
    return node;
  }

  #placeOr(keyAt: Place | undefined): Place {
    const line = this.#number();
    return line === AT_KEY && keyAt !== undefined ? keyAt : this.#place(line);
  }

  #place(line: number): Place {
    return { file: this.#file, line, column: this.#number(), length: this.#number() };
  }

  #text(): string {
    return this.#texts[this.#number()] ?? '';
  }

  #number(): number {
    return this.#numbers[this.#next++] ?? 0;
  }
}
