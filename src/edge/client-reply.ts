// Writes the one answer of an exchange to the client's socket: an upstream's, streamed, or a problem of our own.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { ByteList } from '../exchange/byte-list.ts';
import type { BodyInspector, Exchange } from '../exchange/exchange.ts';
import { defineProblem, type Problem } from '../exchange/problem.ts';
import type { Reply, Written } from '../exchange/reply.ts';
import { RoundsEnd } from '../exchange/rounds-end.ts';
import { crash, type IncidentLog } from '../route/crash.ts';
import { lingerOnClose } from './linger.ts';
import { problemDocument, proxyStatus } from './problem-document.ts';
import { isWatched, isWrapped } from './watched.ts';

const INCOMPLETE = defineProblem(
  'response.incomplete',
  502,
  'The upstream broke its answer off',
  'connection_terminated',
);

/** What answers need from the process: fixed at start, `draining` excepted. */
export interface ReplySettings {
  readonly problemBase: string;
  readonly serverTiming: boolean;
  /** Draining: every answer says `Connection: close`. */
  draining: boolean;
  /** Where an answer that throws on its way out is logged. */
  readonly incidents: IncidentLog;
}

export class ClientReply implements Reply {
  readonly #x: Exchange;
  readonly #res: ServerResponse;
  readonly #settings: ReplySettings;
  started = false;
  #bodyless = false;
  /** Something of the answer is on its way to the socket. */
  #flushed = false;
  #ended = false;
  /** The first bytes of the body: most bodies are complete with them, and then go out in one write with the head. */
  #held: string | Buffer | undefined = undefined;
  /** The answer is complete, and waits for the end of the round. */
  #waits = false;
  /** Chunks an inspector wants to see; undefined when none does (any more). */
  #inspected: ByteList | undefined = undefined;
  #inspectedBytes = 0;
  /** Of whoever waits for `drain`; undefined until somebody has. */
  #resume: (() => void) | undefined = undefined;

  constructor(x: Exchange, settings: ReplySettings) {
    this.#x = x;
    this.#res = x.res;
    this.#settings = settings;
  }

  refuse(problem: Problem): void {
    const x = this.#x;
    if (this.started || this.#res.headersSent) return this.abort(problem.code);
    // Nobody is there to read it: the exchange ends as one whose client has gone.
    if (this.#res.destroyed) return;
    // What may still come of a call is not the answer any more.
    x.call?.finish();
    x.problem = problem;
    x.source = 'gateway';
    x.status = problem.status;
    x.reason = problem.code;
    x.inspector = undefined;
    const document = problemDocument(x, problem, this.#settings.problemBase);
    const bytes = Buffer.byteLength(document);
    x.responseHeaders = [
      'Content-Type',
      'application/problem+json',
      'Content-Length',
      String(bytes),
      'Proxy-Status',
      proxyStatus(problem),
    ];
    if (x.retryAfter > 0) x.responseHeaders.push('Retry-After', String(x.retryAfter));
    if (problem.closes) this.#close();
    this.#finish(document, bytes);
  }

  complete(body: string | Buffer): void {
    this.#x.source = 'gateway';
    this.#finish(body, Buffer.byteLength(body));
  }

  begin(bodyless: boolean): void {
    const x = this.#x;
    this.#bodyless = bodyless;
    x.source = 'upstream';
    x.unwinding?.onResponse(x);
    // A policy has failed on it, and another answer is out.
    if (this.#ended) return;
    // Answered before the request was complete: what still comes of it must not be read as the next one.
    if (x.body.present && !x.body.complete) this.#close();
    if (x.inspector !== undefined && !bodyless) {
      this.#inspected = new ByteList();
      if (x.inspector.holds) return;
    }
    if (this.#writeHead() && !bodyless) unflushed.add(this);
  }

  write(chunk: Buffer): Written {
    if (this.#bodyless || this.#ended) return 'gone';
    const { inspector } = this.#x;
    if (inspector !== undefined && this.#inspected !== undefined && !this.#inspect(inspector, chunk, this.#inspected))
      return 'kept';
    if (!this.started) return 'kept';
    this.#x.bytesOut += chunk.length;
    if (!this.#flushed && this.#held === undefined && chunk.length <= HELD_BYTES && !isWrapped(this.#res)) {
      this.#held = chunk;
      return 'kept';
    }
    this.flush();
    return this.#send(chunk);
  }

  /**
   * One listener for all of the answer: middleware before the socket may give it to a stream of its own, as compression does, where
   * `once` would never be rid of it.
   */
  onDrain(resume: () => void): void {
    const first = this.#resume === undefined;
    this.#resume = resume;
    if (first) this.#res.on('drain', () => this.#drained());
  }

  #drained(): void {
    const resume = this.#resume;
    this.#resume = NOBODY_WAITS;
    resume?.();
  }

  end(trailers: readonly string[] | undefined): void {
    const x = this.#x;
    if (this.#ended) return;
    this.#ended = true;
    if (this.#inspected !== undefined) {
      const body = this.#inspected.toBuffer();
      const problem = x.inspector?.check(x, body);
      if (!this.started) {
        if (problem !== undefined) return this.refuse(problem);
        if (!this.#writeHead()) return;
        x.bytesOut += body.length;
        this.#held = body;
      }
    }
    if (trailers !== undefined && x.wantsTrailers && !this.#bodyless) this.#res.addTrailers(trailerPairs(trailers));
    if (this.#flushed) this.#res.end();
    else this.#endSoon();
  }

  earlyHints(headers: readonly string[]): void {
    if (this.started || this.#x.req.httpVersionMinor === 0) return;
    this.#res.writeInformation(103, [...headers]);
  }

  abort(reason: string): void {
    const x = this.#x;
    // Held back for its inspector, nothing of the answer is out: there is a better end than a cut.
    if (!this.started && !this.#ended && this.#inspected !== undefined)
      return this.refuse(x.refuse(INCOMPLETE, 'its body ended before it could be checked'));
    // Whole, it leaves nothing to cut once it is out.
    if (this.#waits) {
      this.#endNow();
      if (this.#res.writableLength === 0) return;
    }
    if (x.reason === '') x.reason = reason;
    x.cut = this.started;
    const socket = this.#res.socket;
    if (x.req.httpVersionMinor === 0 && socket !== null) reset(socket);
    else this.#res.destroy();
  }

  /** Sends what there is once a round has passed without the end: a stream's reader waits for it. */
  flush(): void {
    if (this.#flushed || this.#ended || this.#res.destroyed) return;
    this.#flushed = true;
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) this.#res.flushHeaders();
    else this.#res.write(held);
  }

  /**
   * A whole answer goes out at the end of the round: the first write wakes its reader, and those behind it find theirs awake. Not so a 101,
   * behind which others write to the socket, and what somebody else's code is told of: that throws to whoever made the answer, and runs on
   * behalf of its request.
   */
  #endSoon(): void {
    this.#waits = true;
    if (this.#x.upgrading || isWatched(this.#res)) this.#endNow();
    else whole.add(this);
  }

  /** Nobody above catches what is thrown at the end of a round, and others wait behind. */
  endOfRound(): void {
    try {
      this.#endNow();
    } catch (error) {
      crash(this.#x, error, this.#settings.incidents);
    }
  }

  #endNow(): void {
    if (!this.#waits) return;
    this.#waits = false;
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) this.#res.end();
    // As a string of one byte per character it shares the head's write.
    else if (typeof held === 'object' && held.length <= HELD_BYTES) this.#res.end(held.toString('latin1'), 'latin1');
    else this.#res.end(held);
  }

  /**
   * A chunk may be more than the socket is to hold and still be gone at once: when the kernel has taken all of it, there is nothing to
   * wait for. Middleware that has put itself before the socket, as compression does, has its own idea of when it can take more, and
   * of how long it holds what it was given. An inspector that lets the answer pass holds it to its end.
   */
  #send(chunk: Buffer): Written {
    const res = this.#res;
    const more = res.write(chunk);
    if (isWrapped(res)) return more ? 'kept' : 'full';
    if (more) return 'kept';
    // Node holds what is written back for the rest of the turn, lest there be more. It is the response that lets go, and not its
    // socket: what is left would then be counted piece by piece, found to be little, and no `drain` would ever follow.
    if (res.writableCorked > 0) res.uncork();
    if (res.writableLength > 0) return 'full';
    return this.#inspected === undefined ? 'gone' : 'kept';
  }

  /** False when the chunk is not to be written on: it is held, or the answer has been refused. */
  #inspect(inspector: BodyInspector, chunk: Buffer, inspected: ByteList): boolean {
    this.#inspectedBytes += chunk.length;
    if (this.#inspectedBytes <= inspector.maxBytes) {
      inspected.push(chunk);
      return !inspector.holds;
    }
    this.#inspected = undefined;
    const problem = inspector.tooLarge(this.#x);
    if (!inspector.holds) return true;
    if (problem !== undefined) {
      this.refuse(problem);
      return false;
    }
    if (!this.#writeHead()) return false;
    for (const held of inspected.pieces) this.write(held);
    return true;
  }

  #finish(body: string | Buffer, bytes: number): void {
    const x = this.#x;
    this.#ended = true;
    x.unwinding?.onResponse(x);
    if (this.started) return;
    if (unreadBody(x)) this.#close();
    if (!this.#writeHead()) return;
    // A server may be told to throw at a body where there is none.
    if (x.method !== 'HEAD') {
      x.bytesOut += bytes;
      this.#held = body;
    }
    this.#endSoon();
  }

  #close(): void {
    const headers = this.#x.responseHeaders;
    if (headers.includes('Connection')) return;
    headers.push('Connection', 'close');
    lingerOnClose(this.#x.req.socket);
  }

  /** False: it cannot be written, and another answer is out. */
  #writeHead(): boolean {
    const x = this.#x;
    const headers = x.responseHeaders;
    headers.push('X-Request-Id', x.requestId);
    if (x.answerHeaders !== undefined) for (const field of x.answerHeaders) headers.push(field);
    if (this.#settings.serverTiming) headers.push('Server-Timing', serverTiming(x));
    if (this.#settings.draining || isRefusedUpgrade(x)) this.#close();
    // Node lets a name in this list replace what middleware has set; cookies of both are wanted.
    if (this.#res.hasHeader('set-cookie'))
      for (const cookie of ownCookies(this.#res)) headers.push('Set-Cookie', cookie);
    this.started = true;
    try {
      this.#res.writeHead(x.status, headers);
    } catch (error) {
      // After a status that has no body, Node would write none of another's either.
      if (x.unwinding?.onUnwritable === undefined || isBodyless(x.status)) throw error;
      this.started = false;
      this.#forget(headers);
      x.unwinding.onUnwritable(x, error);
      return false;
    }
    x.headAt = performance.now();
    return true;
  }

  /** Of a head that could not be written, Node may have taken some. */
  #forget(headers: readonly string[]): void {
    this.#res.statusMessage = '';
    for (let i = 0; i < headers.length; i += 2) this.#res.removeHeader(String(headers[i]));
  }
}

/**
 * Node's parser drops what stands behind a request for an upgrade in the same packet, so the next request would begin in the
 * middle of one: there must be no next.
 */
function isRefusedUpgrade({ req, upgrading }: Exchange): boolean {
  return req.headers.upgrade !== undefined && !upgrading;
}

function isBodyless(status: number): boolean {
  return status < 200 || status === 204 || status === 304;
}

function ownCookies(res: ServerResponse): readonly string[] {
  const cookies = res.getHeader('set-cookie');
  return Array.isArray(cookies) ? cookies : [String(cookies)];
}

/**
 * A body that ends with the connection looks complete after an orderly FIN: only a reset says that it is not. Nothing but TCP can be
 * reset, and Node throws for the rest. There TLS says it by the alert that does not come.
 */
function reset(socket: Socket): void {
  try {
    socket.resetAndDestroy();
  } catch {
    socket.destroy();
  }
}

const HELD_BYTES = 16_384;

const NOBODY_WAITS = (): void => {};

/** Answers that have begun in this round, and those that are complete with it. */
const unflushed = new RoundsEnd<ClientReply>((reply) => reply.flush());
const whole = new RoundsEnd<ClientReply>((reply) => reply.endOfRound());

const UNREAD_BODY_BYTES = 65_536;

/**
 * Whether so much of the request body is still to come that the connection is better closed than drained. Also when the
 * client waits for a 100 that it never got: it may or may not send the body, and the next request could not be told from it.
 * What somebody has begun to read, Node leaves to them.
 */
function unreadBody(x: Exchange): boolean {
  const { body } = x;
  if (!body.present || body.complete) return false;
  if (x.req.headers.expect !== undefined || x.req.readableFlowing !== null) return true;
  return body.length === undefined || body.length > UNREAD_BODY_BYTES;
}

function trailerPairs(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i] ?? '', flat[i + 1] ?? '']);
  return pairs;
}

/** `Server-Timing` (W3C): our own share and the upstream's, in milliseconds. */
function serverTiming(x: Exchange): string {
  const own = performance.now() - x.startedAt - x.upstreamMs;
  const gateway = `gw;dur=${own.toFixed(1)}`;
  if (x.attempts === 0) return gateway;
  const tries = x.attempts === 1 ? '' : `;desc="${x.attempts} tries"`;
  return `${gateway}, up;dur=${x.upstreamMs.toFixed(1)}${tries}`;
}
