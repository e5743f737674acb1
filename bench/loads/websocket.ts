// WebSocket messages to and fro: as many as an echo behind the proxy gives back.
import type { Load } from '../scenario.ts';
import { script } from './script.ts';

export interface WebSocketTerms {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  /** Of a message. */
  readonly bytes: number;
}

export function webSocketLoad(terms: WebSocketTerms): Load {
  return script('websocket-client.ts', () => terms);
}
