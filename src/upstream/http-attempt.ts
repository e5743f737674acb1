// One HTTP attempt on the wire: undici's handler. It translates what happens on the socket; what to do about it is the call's part.
import type { Dispatcher } from 'undici';
import type { Exchange } from '../exchange/exchange.ts';
import type { Written } from '../exchange/reply.ts';
import type { RequestBody } from '../exchange/request-body.ts';
import type { Attempt } from '../resilience/call.ts';
import { classifyError, type Failure } from '../resilience/outcome.ts';
import { type Connection, SERVER_NAME, type Waiting } from './connections.ts';
import type { ParsedHeaders, RawHeaders } from './response-headers.ts';
import type { Target } from './target.ts';

/** What an attempt tells its call. */
export interface AttemptListener {
  /** False: another attempt follows, this response is of no use. */
  onHead(status: number, raw: RawHeaders, parsed: ParsedHeaders): boolean;
  onInformation(status: number, raw: RawHeaders): void;
  onData(chunk: Buffer): Written;
  onDrain(resume: () => void): void;
  onDone(trailers: RawHeaders): void;
  onFailed(failure: Failure, error: Error): void;
  /** After the head. */
  onBroken(error: Error): void;
}

const INFORMATIONAL_MAX = 20;
const DISCARD_BYTES = 65_536;
const DISCARD_MS = 1_000;

const CANCELLED = new Error('the attempt was cancelled');
const TOO_MANY_INFORMATIONAL = Object.assign(new Error('too many 1xx responses'), {
  code: 'HPE_TOO_MANY_INFORMATIONAL',
});

const UNKNOWN_CODING = Object.assign(new Error('its only transfer coding may be chunked'), {
  code: 'HPE_INVALID_TRANSFER_ENCODING',
});

/** What is sent. */
interface AttemptRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: string[];
  readonly servername: string;
  /** Opened when there is a connection for it. */
  body: ReturnType<RequestBody['open']>;
}

export class HttpAttempt implements Attempt, Dispatcher.DispatchHandler, Waiting {
  /** Links of the line for the target's connections. */
  ahead: Waiting | undefined = undefined;
  behind: Waiting | undefined = undefined;
  readonly #listener: AttemptListener;
  readonly #target: Target;
  readonly #request: AttemptRequest;
  readonly #body: RequestBody;
  #connection: Connection | undefined = undefined;
  #waits = false;
  #controller: Dispatcher.DispatchController | undefined = undefined;
  /** The request has a connection and is being written. */
  #sent = false;
  #headed = false;
  #silent = false;
  #discarding = false;
  #discarded = 0;
  #informational = 0;
  #timer: NodeJS.Timeout | undefined = undefined;

  /** @param headers flat pairs. */
  constructor(listener: AttemptListener, target: Target, path: string, headers: string[], { method, body }: Exchange) {
    this.#listener = listener;
    this.#target = target;
    this.#request = { method, path, headers, servername: SERVER_NAME, body: null };
    this.#body = body;
  }

  get target(): string {
    return this.#target.href;
  }

  /** Sends it, as soon as the target has a connection to spare. */
  send(): void {
    const connection = this.#target.connections.enter(this);
    if (connection === undefined) this.#waits = true;
    else this.go(connection);
  }

  get waits(): boolean {
    return this.#waits;
  }

  go(connection: Connection): void {
    this.#waits = false;
    this.#connection = connection;
    this.#request.body = this.#body.open(connection.passage);
    connection.dispatch(this.#request, this);
  }

  /** One that still waits for a connection is never sent. */
  cancel(): void {
    this.#silent = true;
    if (this.#waits) {
      this.#waits = false;
      this.#target.connections.leave(this);
    }
    this.#controller?.abort(CANCELLED);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#silent) controller.abort(CANCELLED);
    else this.#sent = true;
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, parsed: ParsedHeaders): void {
    const raw = rawPairs(controller.rawHeaders);
    if (status < 200) {
      // A stream of 1xx is how a broken or hostile upstream holds a call for ever.
      if (++this.#informational > INFORMATIONAL_MAX) controller.abort(TOO_MANY_INFORMATIONAL);
      else this.#listener.onInformation(status, raw);
      return;
    }
    // The field ends here: what is coded otherwise would reach the client with no word of it (RFC 9112 §6.1).
    const coding = parsed['transfer-encoding'];
    if (coding !== undefined && coding !== 'chunked' && String(coding).toLowerCase() !== 'chunked')
      return controller.abort(UNKNOWN_CODING);
    this.#headed = true;
    // Slices of all that was read with them, up to 64 KiB that must not be held until the last byte of the body is out.
    controller.rawHeaders = null;
    if (!this.#listener.onHead(status, raw, parsed)) this.#discard();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // The parser goes on after a pause with a piece of nothing.
    if (chunk.length === 0) return;
    if (this.#discarding) {
      this.#discarded += chunk.length;
      if (this.#discarded > DISCARD_BYTES) controller.abort(CANCELLED);
      return;
    }
    const written = this.#listener.onData(chunk);
    const passage = this.#connection?.passage;
    if (written === 'gone') return passage?.gone(chunk.length);
    if (written === 'kept') return;
    passage?.pause();
    controller.pause();
    this.#listener.onDrain(() => controller.resume());
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#over(false);
    if (!this.#silent) this.#listener.onDone(rawPairs(controller.rawTrailers));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#over(true);
    if (this.#silent) return;
    this.#silent = true;
    if (this.#headed) this.#listener.onBroken(error);
    else this.#listener.onFailed(classifyError(error, this.#sent), error);
  }

  #over(broken: boolean): void {
    clearTimeout(this.#timer);
    const connection = this.#connection;
    this.#connection = undefined;
    if (connection !== undefined) this.#target.connections.done(connection, broken);
  }

  /** Reads a short rest so that its connection can be used again; a long or slow one is not worth that. */
  #discard(): void {
    this.#silent = true;
    this.#discarding = true;
    this.#timer = setTimeout(() => this.#controller?.abort(CANCELLED), DISCARD_MS);
  }
}

/** HTTP/1 gives its header and trailer bytes as a flat array; anything else is of no use here. */
function rawPairs(raw: Dispatcher.DispatchController['rawHeaders']): RawHeaders {
  return Array.isArray(raw) ? raw : NONE;
}
const NONE: readonly string[] = [];
