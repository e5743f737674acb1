// Calls of own services as routes make them. Nothing in one is the route's own, so routes that say the same share it.
import type { Exchange } from '../../exchange/exchange.ts';
import type { BodyLimits } from '../../exchange/request-body.ts';
import type { Breaker } from '../../resilience/breaker.ts';
import { forward } from '../../upstream/forward.ts';
import type { UpstreamTerms } from '../../upstream/terms.ts';
import type { TunnelLife } from '../../upstream/tunnel.ts';
import type { Upstream } from '../../upstream/upstream.ts';
import type * as webSocketsModule from '../../upstream/websocket.ts';
import type { RouteConfig, RoutesConfig } from '../format/routes-config.ts';
import { upstreamTerms } from './call-terms.ts';
import type { Host } from './host.ts';

/** What follows the last policy of a route, and what it allows a request body. */
export interface RouteCall {
  readonly run: (x: Exchange) => void;
  readonly body: BodyLimits;
}

type WebSockets = typeof webSocketsModule;

/** The calls of one configuration. */
export class UpstreamCalls {
  readonly #host: Host;
  readonly #webSockets: WebSockets | undefined;
  /** By upstream, those of the route before. */
  readonly #last = new Map<Upstream, UpstreamCall>();

  /** @param webSockets what opens them; needed when a route does. */
  private constructor(host: Host, webSockets: WebSockets | undefined) {
    this.#host = host;
    this.#webSockets = webSockets;
  }

  /** What serves WebSockets is loaded with the first route that has them: it is a twentieth of a start. */
  static async for(config: RoutesConfig, host: Host): Promise<UpstreamCalls> {
    const opens = [...config.routes.values()].some(({ core }) => core.websocket);
    return new UpstreamCalls(host, opens ? await import('../../upstream/websocket.ts') : undefined);
  }

  /**
   * @param breaker the one that guards this route's calls; undefined for none
   * @param life of the WebSockets on it; undefined for none
   */
  of(entry: RouteConfig, upstream: Upstream, breaker: Breaker | undefined, life: TunnelLife | undefined): RouteCall {
    const call = this.#plain(entry, upstream, breaker);
    if (life === undefined || this.#webSockets === undefined) return call;
    const { openWebSocket } = this.#webSockets;
    const { terms, body } = call;
    return { body, run: (x) => (x.upgrading ? openWebSocket(x, terms, life) : forward(x, terms)) };
  }

  #plain(entry: RouteConfig, upstream: Upstream, breaker: Breaker | undefined): UpstreamCall {
    const last = this.#last.get(upstream);
    if (last !== undefined && last.terms.breaker === breaker && saySame(last.core, entry.core)) return last;
    const call = new UpstreamCall(entry.core, upstreamTerms(entry, upstream, breaker, this.#host));
    this.#last.set(upstream, call);
    return call;
  }
}

class UpstreamCall implements RouteCall {
  readonly core: RouteConfig['core'];
  readonly terms: UpstreamTerms;
  readonly run: (x: Exchange) => void;

  constructor(core: RouteConfig['core'], terms: UpstreamTerms) {
    this.core = core;
    this.terms = terms;
    this.run = (x) => forward(x, terms);
  }

  get body(): BodyLimits {
    return this.terms.body;
  }
}

/** What `upstreamTerms` reads of a route. Settings that were inherited are the very same objects. */
function saySame(a: RouteConfig['core'], b: RouteConfig['core']): boolean {
  return a.timeout === b.timeout && a.retry === b.retry && a.fallback === b.fallback && a.body_max === b.body_max;
}
