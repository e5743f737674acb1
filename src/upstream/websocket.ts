// A WebSocket on its way to an upstream: the handshake is a call like any other, and what follows a 101 is a tunnel.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Exchange } from '../exchange/exchange.ts';
import type { Attempt } from '../resilience/call.ts';
import { responseHeaders, UNPARSED, withoutLength } from './response-headers.ts';
import type { Target } from './target.ts';
import { TargetCall } from './target-call.ts';
import type { UpstreamTerms } from './terms.ts';
import { type Goodbye, Tunnel, type TunnelLife } from './tunnel.ts';
import { Handshake, type WebSocketListener } from './websocket-handshake.ts';

const POLICY_VIOLATION = 1008;
const GOING_AWAY: Goodbye = { code: 1001, text: 'the gateway is going away', reason: 'websocket.drained' };

/** Sends the handshake to the route's upstream. Everything after this happens in events. */
export function openWebSocket(x: Exchange, terms: UpstreamTerms, life: TunnelLife): void {
  const call = new WebSocketCall(x, terms, life);
  x.call = call;
  leaveWithClient(x);
  call.start();
}

class WebSocketCall extends TargetCall implements WebSocketListener {
  readonly #life: TunnelLife;
  #tunnel: Tunnel | undefined = undefined;
  #goingAway = false;

  constructor(x: Exchange, terms: UpstreamTerms, life: TunnelLife) {
    super(x, terms);
    this.#life = life;
  }

  override finish(): void {
    super.finish();
    this.#tunnel?.destroy();
  }

  revoke(reason: string): boolean {
    if (this.#tunnel === undefined) return false;
    this.#tunnel.close({ code: POLICY_VIOLATION, text: 'no longer allowed', reason });
    return true;
  }

  goAway(): void {
    this.#goingAway = true;
    this.#tunnel?.close(GOING_AWAY);
  }

  onSwitched(raw: readonly string[], upstream: Socket, tunnel: Tunnel): void {
    const { x } = this;
    const headers = withoutLength(responseHeaders(raw, UNPARSED, x.answerHeaders !== undefined));
    this.answered(101, [...headers, 'Connection', 'Upgrade', 'Upgrade', 'websocket']);
    // The times of a call end here; a tunnel has its own.
    this.end();
    this.#tunnel = tunnel;
    x.reply.begin(true);
    x.reply.end(undefined);
    // It would keep the bytes from flowing.
    x.req.socket.off('readable', peek);
    tunnel.open(upstream);
    if (this.#goingAway) tunnel.close(GOING_AWAY);
  }

  protected override attemptAt(target: Target, path: string, headers: string[]): Attempt {
    const { x } = this;
    const request = handshakeRequest(x.req, path, headers);
    return new Handshake(this, target, request, new Tunnel(x, this.#life), x.header('sec-websocket-key') ?? '');
  }
}

/**
 * Ends the exchange when the client leaves before it has an answer. Nobody reads its socket until then, and an end is only seen
 * by who reads: what it sends early, though it should wait (RFC 6455 §4.1), stays where it is.
 */
function leaveWithClient({ req: { socket }, reply }: Exchange): void {
  socket.on('readable', peek);
  socket.on('end', () => {
    if (!reply.started) socket.destroy();
  });
}

function peek(this: Socket): void {
  if (this.readableLength === 0) this.read();
}

/**
 * The client's request as the upstream is to get it; the client's own stays as it came, for policies and logs.
 *
 * @param headers flat pairs; repeated names become lists.
 */
function handshakeRequest(req: IncomingMessage, url: string, headers: readonly string[]): IncomingMessage {
  const fields: Record<string, string | string[]> = Object.create(null);
  const names = new Map<string, string>();
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const spelled = headers[i] ?? '';
    const value = headers[i + 1] ?? '';
    const name = names.get(spelled.toLowerCase()) ?? spelled;
    names.set(spelled.toLowerCase(), name);
    const before = fields[name];
    fields[name] = before === undefined ? value : [before, value].flat();
  }
  fields['connection'] = 'Upgrade';
  fields['upgrade'] = 'websocket';
  return Object.create(req, { headers: { value: fields }, url: { value: url } });
}
