// The connections of one target, and the line before them. undici's own pool looks through its connections at each request and at
// each end of one, and what waits in its queue cannot leave: it would stay there, body and all, until its turn.
import { Client } from 'undici';
import { RoundsEnd } from '../exchange/rounds-end.ts';
import type { Connector } from './connector.ts';
import { Passage } from './passage.ts';

/** Larger response headers are a failure of the target. */
const MAX_HEADER_BYTES = 16 * 1024;
/** Below the 5 s after which many servers close an idle connection; a server's own `Keep-Alive: timeout` is heeded. */
const KEEP_ALIVE_MS = 4_000;

/**
 * undici takes the TLS server name from each request's `Host`, and reconnects when it changes: with `host: preserve` that would be
 * a handshake for every request. The connector decides the name, so all requests say the same.
 */
export const SERVER_NAME = 'decided-by-the-connector';

/** An undici client: one socket, made when it is needed, and made anew when it has been lost. */
export class Connection extends Client {
  readonly passage: Passage;
  /** What it was used for last has failed: it is made anew for the next. */
  broken = false;

  constructor(origin: string, connect: Connector) {
    const passage = new Passage();
    // All timers of a call are the call's own (see `resilience/call.ts`); HTTP/1.1 without pipelining.
    super(origin, {
      connect: (to, callback) => connect(to, callback, passage),
      allowH2: false,
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: MAX_HEADER_BYTES,
      keepAliveTimeout: KEEP_ALIVE_MS,
    });
    this.passage = passage;
  }
}

/** Somebody in line; the two links belong to {@link Connections}. */
export interface Waiting {
  ahead: Waiting | undefined;
  behind: Waiting | undefined;
  /** It is its turn, on this connection. */
  go(connection: Connection): void;
}

export class Connections {
  readonly #origin: string;
  readonly #connect: Connector;
  /** How many more may be in use. */
  #free: number;
  /** The last one used comes first: those that are not needed fall idle, and close. */
  readonly #idle: Connection[] = [];
  /** In use or idle; those of before a renewal are not among them. */
  readonly #current = new Set<Connection>();
  /**
   * Done in this round of the event loop. undici looks at a connection before it is used again, and so reads what a target has sent
   * unasked; but not for a request that it is given before it is through with an answer, and one that it is given before the loop
   * has polled goes out unread, too. Of what has failed, it tells while it empties its queue, and it throws when it then finds
   * another request in there.
   */
  readonly #resting = new RoundsEnd<Connection>((connection) => this.#pass(connection));
  #closed = false;
  #first: Waiting | undefined = undefined;
  #last: Waiting | undefined = undefined;

  /** @param most how many may be in use at a time. */
  constructor(origin: string, most: number, connect: Connector) {
    this.#origin = origin;
    this.#free = most;
    this.#connect = connect;
  }

  /** The connection to use at once; undefined: it stands in line now. What was taken is given back by {@link done}. */
  enter(one: Waiting): Connection | undefined {
    if (this.#free > 0) {
      this.#free--;
      return this.#idle.pop() ?? this.#open();
    }
    one.ahead = this.#last;
    if (this.#last === undefined) this.#first = one;
    else this.#last.behind = one;
    this.#last = one;
    return undefined;
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

  /** One that had its turn is done: the next has it. `broken`: the connection has to be made anew, and is used last. */
  done(connection: Connection, broken: boolean): void {
    connection.passage.rest();
    connection.broken = broken;
    this.#resting.add(connection);
  }

  #pass(connection: Connection): void {
    const usable = this.#current.has(connection);
    const next = this.#first;
    if (next !== undefined) {
      this.leave(next);
      next.go(usable ? connection : this.#open());
      return;
    }
    this.#free++;
    // One of before a renewal is being closed already.
    if (!usable) return;
    if (this.#closed) {
      this.#current.delete(connection);
      void connection.close();
    } else if (connection.broken) this.#idle.unshift(connection);
    else this.#idle.push(connection);
  }

  /** New connections from here on; resolves when what is under way on the old ones has ended and these are closed. */
  async renew(): Promise<void> {
    const old = [...this.#current];
    this.#current.clear();
    this.#idle.length = 0;
    await Promise.all(old.map((connection) => connection.close()));
  }

  /** As {@link renew}, and what is opened afterwards is closed after its use. */
  close(): Promise<void> {
    this.#closed = true;
    return this.renew();
  }

  #open(): Connection {
    const connection = new Connection(this.#origin, this.#connect);
    this.#current.add(connection);
    return connection;
  }
}
