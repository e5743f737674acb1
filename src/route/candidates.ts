// The routes of one path, ordered by how many conditions they make, and chosen by hash whatever their number.
import type { Match } from './match.ts';

/** One route's match, and what it leads to. Names are unique. */
export interface MatchEntry<T> {
  readonly name: string;
  readonly match: Match;
  readonly value: T;
}

/** Two routes of which neither is more specific, though both could match one request. */
export interface Conflict {
  readonly a: string;
  readonly b: string;
}

/** What conditions are held against. */
export interface ConditionSource {
  readonly method: string;
  /** First value of a header; the name in lower case. */
  header(name: string): string | undefined;
  /** The value of a query parameter; undefined also when it is there twice with different values. */
  queryValue(name: string): string | undefined;
}

/** Whether a route with these methods serves `method` (undefined: any but TRACE and CONNECT; GET serves HEAD). */
export function serves(methods: readonly string[] | undefined, method: string): boolean {
  if (methods === undefined) return method !== 'TRACE' && method !== 'CONNECT';
  return methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));
}

/** Whether one request could meet methods, header and query conditions of both. */
export function conditionsMeet(a: Match, b: Match): boolean {
  if (!methodsMeet(a.methods, b.methods)) return false;
  return !differs(a.headers, b.headers) && !differs(a.query, b.query);
}

function methodsMeet(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  if (a === undefined || b === undefined) return true;
  return a.some((method) => serves(b, method)) || b.some((method) => serves(a, method));
}

function differs(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  for (const [name, value] of a) {
    const other = b.get(name);
    if (other !== undefined && other !== value) return true;
  }
  return false;
}

/** All routes that end at one place of the path tree. */
export class Candidates<T> {
  /** Most conditions first. A new list each time has the size it needs: there is one for every path. */
  #groups: readonly Group<T>[] = [];

  /** Returns the route that would win exactly when `entry` would, if there is one; `entry` is then left out. */
  add(entry: MatchEntry<T>): MatchEntry<T> | undefined {
    const headers = namesOf(entry.match.headers);
    const query = namesOf(entry.match.query);
    let group = this.#groups.find((each) => each.asksFor(headers, query));
    if (group === undefined) {
      group = new Group(headers, query);
      this.#groups = this.#groups.concat(group).toSorted((a, b) => b.size - a.size);
    }
    return group.add(entry);
  }

  /** The route with the most conditions, all of which hold. */
  choose(source: ConditionSource): MatchEntry<T> | undefined {
    for (const group of this.#groups) {
      const entry = group.choose(source);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  *entries(): Generator<MatchEntry<T>> {
    for (const group of this.#groups) yield* group.entries();
  }

  /** Routes that ask for as many conditions, but for others: at most one pair for two kinds of conditions. */
  *conflicts(): Generator<Conflict> {
    for (const [index, group] of this.#groups.entries()) {
      for (const other of this.#groups.slice(index + 1)) {
        const conflict = group.size === other.size ? group.conflictWith(other) : undefined;
        if (conflict !== undefined) yield conflict;
      }
    }
  }
}

const NO_NAMES: readonly string[] = [];

function namesOf(conditions: ReadonlyMap<string, string>): readonly string[] {
  return conditions.size === 0 ? NO_NAMES : [...conditions.keys()].toSorted();
}

/** Routes with conditions on the same headers and query parameters. */
class Group<T> {
  readonly size: number;
  readonly #headers: readonly string[];
  readonly #query: readonly string[];
  /** By the values asked for; none as long as nothing is asked for. */
  #byValues: Map<string, ByMethod<T>> | undefined = undefined;
  /** Those that ask for nothing. */
  readonly #plain = new ByMethod<T>();

  constructor(headers: readonly string[], query: readonly string[]) {
    this.size = headers.length + query.length;
    this.#headers = headers;
    this.#query = query;
  }

  asksFor(headers: readonly string[], query: readonly string[]): boolean {
    return sameList(this.#headers, headers) && sameList(this.#query, query);
  }

  add(entry: MatchEntry<T>): MatchEntry<T> | undefined {
    if (this.size === 0) return this.#plain.add(entry);
    const key = keyOf(entry.match, this.#headers, this.#query);
    this.#byValues ??= new Map();
    let routes = this.#byValues.get(key);
    if (routes === undefined) {
      routes = new ByMethod();
      this.#byValues.set(key, routes);
    }
    return routes.add(entry);
  }

  choose(source: ConditionSource): MatchEntry<T> | undefined {
    if (this.size === 0) return this.#plain.choose(source.method);
    let key = '';
    for (const name of this.#headers) {
      const value = source.header(name);
      if (value === undefined) return undefined;
      key += keyPart(value);
    }
    for (const name of this.#query) {
      const value = source.queryValue(name);
      if (value === undefined) return undefined;
      key += keyPart(value);
    }
    return this.#byValues?.get(key)?.choose(source.method);
  }

  *entries(): Generator<MatchEntry<T>> {
    yield* this.#plain.entries();
    for (const routes of this.#byValues?.values() ?? []) yield* routes.entries();
  }

  /** Only routes that agree on the names both groups ask for can meet. */
  conflictWith(other: Group<T>): Conflict | undefined {
    const headers = this.#headers.filter((name) => other.#headers.includes(name));
    const query = this.#query.filter((name) => other.#query.includes(name));
    const bySharedValues = Map.groupBy(this.entries(), (entry) => keyOf(entry.match, headers, query));
    for (const theirs of other.entries()) {
      const near = bySharedValues.get(keyOf(theirs.match, headers, query));
      const ours = near?.find((entry) => conditionsMeet(entry.match, theirs.match));
      if (ours !== undefined) return { a: ours.name, b: theirs.name };
    }
    return undefined;
  }
}

/** Routes that differ in nothing but their methods. */
class ByMethod<T> {
  /** A handful at most: methods are few, and each is served once. */
  #named: readonly MatchEntry<T>[] = [];
  #any: MatchEntry<T> | undefined = undefined;

  add(entry: MatchEntry<T>): MatchEntry<T> | undefined {
    const { methods } = entry.match;
    if (this.#any !== undefined) return this.#any;
    if (methods === undefined) {
      const [first] = this.#named;
      if (first === undefined) this.#any = entry;
      return first;
    }
    for (const method of methods) {
      const there = this.#withMethod(method);
      if (there !== undefined) return there;
    }
    this.#named = this.#named.concat(entry);
    return undefined;
  }

  /** A route that names HEAD comes before one that serves it by GET. */
  choose(method: string): MatchEntry<T> | undefined {
    const entry = this.#withMethod(method) ?? (method === 'HEAD' ? this.#withMethod('GET') : undefined);
    if (entry !== undefined || this.#any === undefined) return entry;
    return serves(undefined, method) ? this.#any : undefined;
  }

  *entries(): Generator<MatchEntry<T>> {
    if (this.#any !== undefined) yield this.#any;
    else yield* this.#named;
  }

  #withMethod(method: string): MatchEntry<T> | undefined {
    for (const entry of this.#named) if (entry.match.methods?.includes(method)) return entry;
    return undefined;
  }
}

/** Values of the named conditions; each with its length before it, so that they cannot run together. */
function keyOf(match: Match, headers: readonly string[], query: readonly string[]): string {
  let key = '';
  for (const name of headers) key += keyPart(match.headers.get(name) ?? '');
  for (const name of query) key += keyPart(match.query.get(name) ?? '');
  return key;
}

function keyPart(value: string): string {
  return `${value.length}:${value}`;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
