// One attempt at a WebSocket: from the request to an upstream's 101, its refusal, or its failure.
import { createHash } from 'node:crypto';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Attempt } from '../resilience/call.ts';
import { classifyError } from '../resilience/outcome.ts';
import type { AttemptListener } from './http-attempt.ts';
import { UNPARSED } from './response-headers.ts';
import type { Target } from './target.ts';
import type { Tunnel } from './tunnel.ts';
import { type HandshakeListener, WebSocketProxy } from './websocket-proxy.ts';

/** What a handshake tells its call: what any attempt does, and that the upstream has agreed. */
export interface WebSocketListener extends AttemptListener {
  onSwitched(raw: readonly string[], upstream: Socket, tunnel: Tunnel): void;
}

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

const NOT_SWITCHED = Object.assign(new Error('a 101 that does not accept the WebSocket that was asked for'), {
  code: 'HPE_INVALID_UPGRADE',
});

const INCOMPLETE = new Error('the connection was closed before the answer was complete');

export class Handshake implements Attempt, HandshakeListener {
  /** Each has a connection of its own, and may have it at once. */
  readonly waits = false;
  /** Stands for the client's socket toward the proxy; destroyed when nothing is to pass. */
  readonly tunnel: Tunnel;
  readonly #listener: WebSocketListener;
  readonly #target: Target;
  readonly #handshake: IncomingMessage;
  /** The client's `Sec-WebSocket-Key`. */
  readonly #key: string;
  #request: ClientRequest | undefined = undefined;
  /** The request has a connection. */
  #sent = false;
  #headed = false;
  #silent = false;

  constructor(listener: WebSocketListener, target: Target, handshake: IncomingMessage, tunnel: Tunnel, key: string) {
    this.#listener = listener;
    this.#target = target;
    this.#handshake = handshake;
    this.tunnel = tunnel;
    this.#key = key;
  }

  get target(): string {
    return this.#target.href;
  }

  send(): void {
    this.#target.webSockets(WebSocketProxy).upgrade(this.#handshake, this.tunnel, this);
  }

  cancel(): void {
    this.#silent = true;
    this.tunnel.destroy();
    this.#request?.destroy();
  }

  onRequest(request: ClientRequest): void {
    this.#request = request;
    if (this.#silent) {
      request.destroy();
      return;
    }
    request.on('socket', () => {
      this.#sent = true;
    });
    request.on('response', (response) => this.#guarded(() => this.#declined(response)));
    request.on('upgrade', (response, socket) => this.#guarded(() => this.#switched(response, socket)));
    request.on('error', (error) => this.onFailed(error));
  }

  onFailed(error: Error): void {
    if (this.#silent || this.#headed) return;
    this.cancel();
    this.#listener.onFailed(classifyError(error, this.#sent), error);
  }

  #switched(response: IncomingMessage, socket: Socket): void {
    const { upgrade, 'sec-websocket-accept': accept } = response.headers;
    if (upgrade?.toLowerCase() !== 'websocket' || accept !== acceptOf(this.#key)) {
      socket.destroy();
      return this.onFailed(NOT_SWITCHED);
    }
    this.#headed = true;
    this.#listener.onSwitched(response.rawHeaders, socket, this.tunnel);
  }

  /** Any other answer is the client's to read; a tunnel there is not. */
  #declined(response: IncomingMessage): void {
    // The proxy leaves an answer alone whose client is gone.
    this.tunnel.destroy();
    if (response.statusCode === 101) return this.onFailed(NOT_SWITCHED);
    this.#headed = true;
    if (!this.#listener.onHead(response.statusCode ?? 0, response.rawHeaders, UNPARSED)) return this.cancel();
    response.on('data', (chunk: Buffer) => {
      if (this.#silent || this.#listener.onData(chunk) !== 'full') return;
      response.pause();
      this.#listener.onDrain(() => response.resume());
    });
    // `close` follows, and tells whether it was complete.
    response.on('error', () => {});
    response.on('close', () => {
      if (this.#silent) return;
      if (response.complete) this.#listener.onDone(response.rawTrailers);
      else this.#listener.onBroken(INCOMPLETE);
    });
  }

  /** A policy that throws on the answer is no reason to take the process down. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.cancel();
      this.#listener.onBroken(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/** `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2). */
function acceptOf(key: string): string {
  return createHash('sha1')
    .update(key + ACCEPT_GUID)
    .digest('base64');
}
