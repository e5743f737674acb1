// One request on its connection. axios asks it to send, and hears of it only what it knows to handle.
import {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
  request as send,
} from 'node:http';
import type { Socket } from 'node:net';

/** Larger response headers are a failure of the third party. */
const MAX_HEADER_BYTES = 16 * 1024;
const INFORMATIONAL_MAX = 20;

/**
 * A `transport` of axios, for one request. It sends target and headers as it was given them and not as axios would: that spells
 * quotes and dots of a path anew, loses a header called `constructor`, cuts odd characters out of values, and adds its own,
 * none of which a signature survives.
 */
export class Wire {
  /** What ended the request, in the words of whoever noticed first. */
  error: Error | undefined = undefined;
  readonly #target: string;
  readonly #headers: OutgoingHttpHeaders;
  #request: ClientRequest | undefined = undefined;
  #socket: Socket | undefined = undefined;
  /** What had been read when the connection was taken: it may have served others before. */
  #readBefore = 0;
  #informational = 0;
  #headed = false;

  /** @param target path and query (origin-form, RFC 9112 §3.2.1). */
  constructor(target: string, headers: OutgoingHttpHeaders) {
    this.#target = target;
    this.#headers = headers;
  }

  /** There was a connection: the third party may have seen the request. */
  get connected(): boolean {
    return this.#socket !== undefined;
  }

  /** A connection of an earlier request was closed by the other side as this one came: not a byte was answered. */
  get stale(): boolean {
    return this.#request?.reusedSocket === true && !this.#headed && this.#socket?.bytesRead === this.#readBefore;
  }

  /** The answer is whole. One that came before its request was sent would keep the connection for what nobody reads. */
  answered(): void {
    if (this.#request?.writableFinished === false) this.#request.destroy();
  }

  /** Called by axios. */
  request(options: RequestOptions, onResponse: (response: IncomingMessage) => void): ClientRequest {
    const request = send({
      ...options,
      path: this.#target,
      headers: this.#headers,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    this.#request = request;
    // Node's default drops the 2,001st header and says nothing; the bytes are bounded above.
    request.maxHeadersCount = 0;
    request.once('socket', (socket) => {
      this.#socket = socket;
      this.#readBefore = socket.bytesRead;
    });
    request.once('response', (response) => {
      this.#headed = true;
      onResponse(response);
    });
    request.on('information', () => {
      if (++this.#informational > INFORMATIONAL_MAX) request.destroy(protocolError('too many 1xx responses'));
    });
    request.on('error', (error) => {
      this.error ??= error;
    });
    // Without this listener Node closes the connection and says nothing, and axios would wait for ever.
    request.once('upgrade', (_response, socket) => {
      socket.destroy();
      request.emit('error', protocolError('an upgrade that nobody asked for'));
    });
    return request;
  }
}

/** An error as Node's parser has them, for what it lets pass. */
export function protocolError(message: string): Error {
  return Object.assign(new Error(message), { code: 'HPE_REFUSED' });
}
