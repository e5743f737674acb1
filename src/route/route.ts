// A route, compiled: its policies, and the call that follows them.
import type { Exchange, RouteInfo, Tally } from '../exchange/exchange.ts';
import type { Pipeline } from './pipeline.ts';

export interface RouteParts extends RouteInfo {
  readonly pipeline: Pipeline;
  readonly tally: Tally & { start(): void };
  readonly disabled: boolean;
  /** `%2f` may stand in the path. */
  readonly encodedSlashes: boolean;
  /** Pages of other origins may call it: it answers their preflights. */
  readonly cors: boolean;
  /** WebSockets may be opened on it; otherwise upgrades are served as plain requests. */
  readonly websocket: boolean;
}

export class Route implements RouteInfo {
  readonly name: string;
  readonly params: readonly string[];
  readonly disabled: boolean;
  readonly encodedSlashes: boolean;
  readonly cors: boolean;
  readonly websocket: boolean;
  readonly #pipeline: Pipeline;
  readonly #tally: Tally & { start(): void };

  constructor(parts: RouteParts) {
    this.name = parts.name;
    this.params = parts.params;
    this.disabled = parts.disabled;
    this.encodedSlashes = parts.encodedSlashes;
    this.cors = parts.cors;
    this.websocket = parts.websocket;
    this.#pipeline = parts.pipeline;
    this.#tally = parts.tally;
  }

  /** The exchange is this route's from here on, also when it is refused. */
  claim(x: Exchange, params: readonly string[]): void {
    x.route = this;
    x.params = params;
    x.tally = this.#tally;
    this.#tally.start();
  }

  /** Through the policies, then to the upstream. */
  enter(x: Exchange): void {
    this.#pipeline.enter(x);
  }

  /** Whether there is anything to close; on most routes there is not. */
  get closes(): boolean {
    return this.#pipeline.closes;
  }

  close(): Promise<void> {
    return this.#pipeline.close();
  }
}
