// The match table: from a request's host, path, method, headers and query to the one route that serves it.
import { type Candidates, type Conflict, type MatchEntry, serves } from './candidates.ts';
import { foldCase, foldReserved } from './escapes.ts';
import { HeldRequest, type MatchRequest } from './held-request.ts';
import { PathNode } from './path-node.ts';
import { matchMixed } from './segment.ts';

export type { Conflict, MatchEntry } from './candidates.ts';
export type { MatchRequest } from './held-request.ts';

export interface Found<T> {
  readonly value: T;
  /** In the order of the pattern's `params`, percent-encoded. */
  readonly params: readonly string[];
}

/** Routes have the path, and none of them the method: 405. */
export interface MethodNotAllowed {
  /** For the `Allow` header, sorted. */
  readonly allow: readonly string[];
}

/**
 * The path is another spelling of a more specific route's: in another case, with or without a trailing slash, or with an encoded
 * slash for a separator. RFC 3986 calls that another path, but a server that does not would serve it without that route's
 * policies: so nobody does (404).
 */
export interface OtherSpelling<T> {
  readonly spelledLike: T;
}

const NO_PARAMS: readonly string[] = [];
/** A path that could be another spelling of one in lower case without a trailing slash; `%2F` has a capital, too. */
const SPELLED = /[A-Z]|[^/]\/$/;
const ENCODED_SLASHES = /(?:\/|%2F)+/g;
const ANY_METHOD = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/**
 * The most specific route wins: host, then the path from left to right (literal, literal with a parameter, `{param}`,
 * `**`), then the number of header and query conditions. Searching backs up from a path whose method or conditions do not
 * fit. No step depends on the number of routes but through patterns that overlap: each place of the path tree that the
 * path meets is visited at most once.
 */
export class MatchTable<T> {
  readonly #anyHost = new PathNode<T>();
  readonly #hosts = new Map<string, PathNode<T>>();
  #depth = 0;
  /** Some pattern has capitals or a trailing slash, so that any path could be another spelling of it. */
  #spelled = false;

  // State of the look-up under way; a look-up never waits, so there is only one.
  readonly #request = new HeldRequest();
  /** Segments of the path as sent, and as they are compared; `#count` of them, no more than any pattern could tell apart. */
  readonly #segments: string[] = [];
  readonly #folded: string[] = [];
  #count = 0;
  readonly #captures: string[] = [];
  #captured = 0;
  /** Walking for other spellings: case and a trailing slash do not count. */
  #loose = false;
  #slash = false;
  /** Ends of patterns that met the path but had no route for the request. */
  readonly #reached: Candidates<T>[] = [];

  /** Builds the table. With conflicts it still works, but should not be used: the first route of a pair wins. */
  static build<T>(entries: Iterable<MatchEntry<T>>): {
    readonly table: MatchTable<T>;
    readonly conflicts: readonly Conflict[];
  } {
    const table = new MatchTable<T>();
    const conflicts: Conflict[] = [];
    for (const entry of entries) {
      const rival = table.add(entry);
      if (rival !== undefined) conflicts.push({ a: rival.name, b: entry.name });
    }
    for (const place of table.places()) conflicts.push(...place.conflicts());
    return { table, conflicts };
  }

  /** The places of the path tree: each tells of the conflicts there that {@link add} did not. */
  *places(): Generator<{ conflicts(): Iterable<Conflict> }> {
    for (const root of [this.#anyHost, ...this.#hosts.values()]) yield* root.places();
  }

  /** Adds a route while nothing is looked up yet; returns the one that would win exactly when it would. */
  add(entry: MatchEntry<T>): MatchEntry<T> | undefined {
    const { host, pattern } = entry.match;
    let root = host === undefined ? this.#anyHost : this.#hosts.get(host);
    if (root === undefined) {
      root = new PathNode<T>();
      this.#hosts.set(host ?? '', root);
    }
    this.#depth = Math.max(this.#depth, pattern.segments.length);
    this.#spelled ||= SPELLED.test(
      pattern.segments.map((each) => (each.kind === 'literal' ? each.text : '_')).join('/'),
    );
    return root.add(entry);
  }

  /** The route of a request; or the methods its path would allow; or undefined when no route has the path (404). */
  find(request: MatchRequest): Found<T> | MethodNotAllowed | OtherSpelling<T> | undefined {
    this.#begin(request);
    const host = this.#hosts.size === 0 ? undefined : this.#hosts.get(request.host);
    const entry = this.#search(host);
    const result = entry === undefined ? this.#refusal(request.method) : this.#found(entry);
    const meant = entry && this.#meant(entry, host, request.path);
    this.#request.release();
    return meant === entry || meant === undefined ? result : { spelledLike: meant.value };
  }

  #search(host: PathNode<T> | undefined): MatchEntry<T> | undefined {
    return (host && this.#walk(host, 0)) ?? this.#walk(this.#anyHost, 0);
  }

  /** The route that a server for which case, a trailing slash and encoding do not count would take the request for. */
  #meant(entry: MatchEntry<T>, host: PathNode<T> | undefined, path: string): MatchEntry<T> | undefined {
    if (!this.#spelled && !SPELLED.test(path)) return entry;
    if (entry.match.pattern.segments.every(({ kind }) => kind === 'literal')) return entry;
    const meant = this.#searchLoosely(host);
    if (meant !== entry || !path.includes('%2F')) return meant;
    // Read so, the path may be none of this route's: then it matters only whether it is another's.
    this.#split(path.replaceAll(ENCODED_SLASHES, '/'));
    return this.#searchLoosely(host);
  }

  #searchLoosely(host: PathNode<T> | undefined): MatchEntry<T> | undefined {
    this.#slash = this.#count > 1 && this.#segments[this.#count - 1] === '';
    if (this.#slash) this.#count--;
    this.#captured = 0;
    this.#loose = true;
    const meant = this.#search(host);
    this.#loose = false;
    return meant;
  }

  #begin(request: MatchRequest): void {
    this.#request.hold(request);
    this.#reached.length = 0;
    this.#captured = 0;
    this.#split(request.path);
  }

  #split(path: string): void {
    const escaped = path.includes('%');
    let count = 0;
    let from = 1;
    // Arrays are overwritten rather than emptied: they would have to grow again.
    while (from > 0 && count <= this.#depth) {
      const slash = path.indexOf('/', from);
      const segment = slash < 0 ? path.slice(from) : path.slice(from, slash);
      this.#segments[count] = segment;
      this.#folded[count] = escaped ? foldReserved(segment) : segment;
      count++;
      from = slash + 1;
    }
    this.#count = count;
  }

  #walk(node: PathNode<T>, depth: number): MatchEntry<T> | undefined {
    const segment = this.#folded[depth];
    if (depth === this.#count || segment === undefined) return this.#chooseEnd(node) ?? this.#choose(node.rest);
    const literal = node.literals?.get(segment);
    const found =
      (literal && this.#walk(literal, depth + 1)) ?? (this.#loose ? this.#walkFolded(node, depth, segment) : undefined);
    if (found !== undefined) return found;
    return this.#walkMixed(node, depth, segment) ?? this.#walkParam(node, depth) ?? this.#choose(node.rest);
  }

  /** The literals and mixed segments that are this one in another case. */
  #walkFolded(node: PathNode<T>, depth: number, segment: string): MatchEntry<T> | undefined {
    const lower = foldCase(segment);
    for (const literal of [node.literals?.get(lower), node.capitals?.get(lower)]) {
      const found = literal && this.#walk(literal, depth + 1);
      if (found !== undefined) return found;
    }
    return lower === segment ? undefined : this.#walkMixed(node, depth, lower);
  }

  #walkMixed(node: PathNode<T>, depth: number, segment: string): MatchEntry<T> | undefined {
    if (node.mixed === undefined) return undefined;
    const before = this.#captured;
    for (const bucket of node.mixed.buckets) {
      for (const branch of bucket.find(segment) ?? []) {
        const values: string[] = [];
        if (!matchMixed(branch.literals, segment, values)) continue;
        for (const value of values) this.#captures[this.#captured++] = value;
        const found = this.#walk(branch.node, depth + 1);
        if (found !== undefined) return found;
        this.#captured = before;
      }
    }
    return undefined;
  }

  #walkParam(node: PathNode<T>, depth: number): MatchEntry<T> | undefined {
    const segment = this.#segments[depth];
    if (node.param === undefined || segment === undefined || segment === '') return undefined;
    this.#captures[this.#captured++] = segment;
    const found = this.#walk(node.param, depth + 1);
    if (found === undefined) this.#captured--;
    return found;
  }

  #chooseEnd(node: PathNode<T>): MatchEntry<T> | undefined {
    if (!this.#loose) return this.#choose(node.end);
    const slashed = node.literals?.get('')?.end;
    return this.#slash
      ? (this.#choose(slashed) ?? this.#choose(node.end))
      : (this.#choose(node.end) ?? this.#choose(slashed));
  }

  #choose(candidates: Candidates<T> | undefined): MatchEntry<T> | undefined {
    if (candidates === undefined) return undefined;
    const entry = candidates.choose(this.#request);
    if (entry === undefined) this.#reached.push(candidates);
    return entry;
  }

  #found(entry: MatchEntry<T>): Found<T> {
    return { value: entry.value, params: this.#captured === 0 ? NO_PARAMS : this.#captures.slice(0, this.#captured) };
  }

  #refusal(method: string): MethodNotAllowed | undefined {
    const allow = new Set<string>();
    for (const candidates of this.#reached) {
      for (const { match } of candidates.entries()) {
        // It has the method, so it was a condition that did not hold: for this request there is nothing here.
        if (serves(match.methods, method)) return undefined;
        for (const each of match.methods ?? ANY_METHOD) allow.add(each);
      }
    }
    if (allow.has('GET')) allow.add('HEAD');
    return allow.size === 0 ? undefined : { allow: [...allow].toSorted() };
  }
}
