// How an answer gets to the client. The edge implements it; policies and upstreams only know this.
import type { Problem } from './problem.ts';

/**
 * What became of a piece of body: `gone`, the client's kernel has it, or nobody wants it, and its memory may be used again; `kept`,
 * somebody holds it; `full`, somebody holds it, and the client reads more slowly than bytes come: wait for `onDrain`.
 */
export type Written = 'gone' | 'kept' | 'full';

export interface Reply {
  /** The answer is decided: nothing about its head can change any more. It may still wait for the end of the round. */
  readonly started: boolean;
  /** Answers with a problem (RFC 9457), or destroys the client's socket when an answer has already begun. */
  refuse(problem: Problem): void;
  /** Answers with `x.status`, `x.responseHeaders` and this body. */
  complete(body: string | Buffer): void;
  /**
   * Begins an answer whose body follows by `write`: `x.status` and `x.responseHeaders` are the upstream's, without
   * hop-by-hop fields. `bodyless`: no body follows (HEAD, 204, 304).
   */
  begin(bodyless: boolean): void;
  write(chunk: Buffer): Written;
  onDrain(resume: () => void): void;
  /** Ends the body; trailers are flat name/value pairs. */
  end(trailers: readonly string[] | undefined): void;
  /** A 103 (RFC 8297), flat name/value pairs. */
  earlyHints(headers: readonly string[]): void;
  /** Destroys the client's socket: it must see that the body is truncated. Of an answer that is held back it learns by a problem. */
  abort(reason: string): void;
}

const unattached = (): never => {
  throw new Error('an exchange was answered before the edge attached its reply');
};

/** What an exchange has until the edge gives it a way to answer. */
export const UNATTACHED: Reply = {
  started: false,
  refuse: unattached,
  complete: unattached,
  begin: unattached,
  write: unattached,
  onDrain: unattached,
  end: unattached,
  earlyHints: unattached,
  abort: unattached,
};
