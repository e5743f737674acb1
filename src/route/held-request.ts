// The request that conditions are held against, one at a time.
import type { ConditionSource } from './candidates.ts';

/** The part of a request that decides its route; an `Exchange` is one. */
export interface MatchRequest {
  readonly method: string;
  /** Lower-cased, without port. */
  readonly host: string;
  /** Canonical: see `canonicalTarget`. */
  readonly path: string;
  /** With its `?`, or ''. */
  readonly query: string;
  /** First value of a header; the name in lower case. */
  header(name: string): string | undefined;
}

/** Parses the query when the first condition asks for it, and never twice. */
export class HeldRequest implements ConditionSource {
  #request = NOTHING;
  #query: URLSearchParams | undefined = undefined;

  hold(request: MatchRequest): void {
    this.#request = request;
    this.#query = undefined;
  }

  /** Does not keep the request alive until the next one. */
  release(): void {
    this.#request = NOTHING;
  }

  get method(): string {
    return this.#request.method;
  }

  header(name: string): string | undefined {
    return this.#request.header(name);
  }

  queryValue(name: string): string | undefined {
    this.#query ??= new URLSearchParams(this.#request.query);
    const [value, ...others] = this.#query.getAll(name);
    return others.every((other) => other === value) ? value : undefined;
  }
}

const NOTHING: MatchRequest = { method: '', host: '', path: '/', query: '', header: () => undefined };
