// The reply of a call that is part of an answer: nothing goes to the client, the whole is collected, up to a bound.
import { ByteList } from '../../exchange/byte-list.ts';
import type { Exchange } from '../../exchange/exchange.ts';
import type { Problem } from '../../exchange/problem.ts';
import type { Reply, Written } from '../../exchange/reply.ts';
import { TOO_LARGE } from '../../upstream/problems.ts';
import { CALL_INCOMPLETE } from './problems.ts';

/** Who waits for it; told exactly one of these, once. */
export interface ReplyListener {
  /** A whole answer: its status and headers are the exchange's. */
  answered(body: Buffer): void;
  /** There was none, and this is what the route says then. */
  stoodIn(body: string | Buffer): void;
  failed(problem: Problem): void;
}

export class CollectedReply implements Reply {
  started = false;
  readonly #x: Exchange;
  readonly #maxBytes: number;
  readonly #listener: ReplyListener;
  readonly #body = new ByteList();
  #bytes = 0;
  #over = false;

  constructor(x: Exchange, maxBytes: number, listener: ReplyListener) {
    this.#x = x;
    this.#maxBytes = maxBytes;
    this.#listener = listener;
  }

  refuse(problem: Problem): void {
    if (this.#ends()) this.#listener.failed(problem);
  }

  complete(body: string | Buffer): void {
    if (this.#ends()) this.#listener.stoodIn(body);
  }

  begin(): void {
    this.started = true;
  }

  /** Never full: what comes is bounded. */
  write(chunk: Buffer): Written {
    if (this.#over) return 'gone';
    this.#bytes += chunk.length;
    if (this.#bytes <= this.#maxBytes) {
      this.#body.push(chunk);
      return 'kept';
    }
    const x = this.#x;
    this.refuse(x.refuse(TOO_LARGE, `the answer of ${x.upstream} is larger than ${this.#maxBytes} bytes`));
    return 'kept';
  }

  onDrain(resume: () => void): void {
    resume();
  }

  end(): void {
    if (this.#ends()) this.#listener.answered(this.#body.toBuffer());
  }

  earlyHints(): void {}

  abort(reason: string): void {
    const x = this.#x;
    this.refuse(x.refuse(CALL_INCOMPLETE, `the answer of ${x.upstream} is not whole (${reason})`));
  }

  #ends(): boolean {
    if (this.#over) return false;
    this.#over = true;
    return true;
  }
}
