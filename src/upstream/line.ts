// The connections of one target, and the line before them. What waits here can leave: in undici's own queue a request that
// nobody waits for any more would stay, body and all, until its turn.

/** Somebody in line; the two links belong to the {@link Line}. */
export interface Waiting {
  ahead: Waiting | undefined;
  behind: Waiting | undefined;
  /** It is its turn: a connection is free. */
  go(): void;
}

export class Line {
  #free: number;
  #first: Waiting | undefined = undefined;
  #last: Waiting | undefined = undefined;

  /** @param connections how many may be at it at a time. */
  constructor(connections: number) {
    this.#free = connections;
  }

  /** True: go at once. False: it stands in line now. */
  enter(one: Waiting): boolean {
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    one.ahead = this.#last;
    if (this.#last === undefined) this.#first = one;
    else this.#last.behind = one;
    this.#last = one;
    return false;
  }

  /** Steps out of the line before its turn. */
  leave(one: Waiting): void {
    if (one.ahead === undefined) this.#first = one.behind;
    else one.ahead.behind = one.behind;
    if (one.behind === undefined) this.#last = one.ahead;
    else one.behind.ahead = one.ahead;
    one.ahead = undefined;
    one.behind = undefined;
  }

  /** One that had its turn is done: the next has it. */
  done(): void {
    const next = this.#first;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.leave(next);
    next.go();
  }
}
