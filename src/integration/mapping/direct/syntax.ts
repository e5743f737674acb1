// The syntax tree of a JSONata expression, read with care: what is not known is not direct.
import { isList, isRecord } from './value.ts';

/** The expression has something that is left to jsonata. */
export class NotDirect extends Error {}

export class SyntaxNode {
  readonly #members: Record<string, unknown>;

  /** @param members what is there in `jsonata(text).ast()` */
  constructor(members: unknown) {
    if (!isRecord(members)) throw new NotDirect('no node');
    this.#members = members;
  }

  get type(): string {
    return this.text('type');
  }

  /** Has this member, and it says something. */
  has(name: string): boolean {
    return this.#members[name] !== undefined && this.#members[name] !== false;
  }

  get value(): unknown {
    return this.#members['value'];
  }

  text(name: string): string {
    const value = this.#members[name];
    if (typeof value !== 'string') throw new NotDirect(`no text: ${name}`);
    return value;
  }

  node(name: string): SyntaxNode {
    return new SyntaxNode(this.#members[name]);
  }

  nodes(name: string): SyntaxNode[] {
    const list = this.#members[name];
    if (list === undefined) return [];
    if (!isList(list)) throw new NotDirect(`no list: ${name}`);
    return list.map((each) => new SyntaxNode(each));
  }

  /** The pairs of an object. */
  pairs(): [key: SyntaxNode, value: SyntaxNode][] {
    const list = this.#members['lhs'];
    if (!isList(list)) throw new NotDirect('no pairs');
    return list.map((pair) => {
      if (!isList(pair)) throw new NotDirect('no pair');
      return [new SyntaxNode(pair[0]), new SyntaxNode(pair[1])];
    });
  }

  /** It has no member beside these, its type and its place. */
  hasOnly(...names: readonly string[]): boolean {
    const known = new Set(['type', 'position', ...names]);
    return Object.keys(this.#members).every((name) => known.has(name) || !this.has(name));
  }

  /** Refuses any other member, which may change what the node means. */
  only(...names: readonly string[]): void {
    if (!this.hasOnly(...names)) throw new NotDirect(`more than ${names.join(', ')}`);
  }
}
