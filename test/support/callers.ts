// Those who call a gateway at the same time: each on a connection of its own, with its own key, free to leave.
import { Agent, request } from 'node:http';
import type { CleanUp } from './clean-up.ts';
import type { RunningGateway } from './gateway.ts';
import { newId } from './observed.ts';
import type { RawResponse } from './raw.ts';

/** One request that is under way. */
export interface Ask {
  /** Its `X-Request-Id`. */
  readonly id: string;
  /** Rejects when it left, or when its connection was cut. */
  readonly answer: Promise<RawResponse>;
  /** Cuts the connection. */
  leave(): void;
}

export interface AskOptions {
  readonly method?: string;
  /** `X-Api-Key`. */
  readonly key?: string;
  /** Sent as JSON. */
  readonly body?: string;
}

export class Callers {
  readonly #gateway: Pick<RunningGateway, 'port'>;
  readonly #agent = new Agent({ keepAlive: false });

  constructor(t: CleanUp, gateway: Pick<RunningGateway, 'port'>) {
    this.#gateway = gateway;
    t.after(() => this.#agent.destroy());
  }

  ask(path: string, { method, key, body }: AskOptions = {}): Ask {
    const id = newId();
    const { promise, resolve, reject } = Promise.withResolvers<RawResponse>();
    // Who is not interested in how it ended asks for nothing.
    promise.catch(() => {});
    const headers = {
      'x-request-id': id,
      ...(key !== undefined && { 'x-api-key': key }),
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    };
    const options = { agent: this.#agent, host: '127.0.0.1', port: this.#gateway.port, path, headers };
    const sent = request({ ...options, method: method ?? (body === undefined ? 'GET' : 'POST') }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, statusMessage: reason = '', rawHeaders } = response;
        const header = (name: string): string | undefined => response.headersDistinct[name.toLowerCase()]?.[0];
        resolve({ status, reason, rawHeaders, body: Buffer.concat(chunks), trailers: [], header });
      });
    });
    sent.on('error', reject).end(body);
    return { id, answer: promise, leave: () => sent.destroy() };
  }

  /** The same, that many times. */
  asks(count: number, path: string, options?: AskOptions): Ask[] {
    return Array.from({ length: count }, () => this.ask(path, options));
  }
}

/** Statuses of all of them, in their order. */
export async function statuses(asks: readonly Ask[]): Promise<number[]> {
  return (await Promise.all(asks.map(({ answer }) => answer))).map(({ status }) => status);
}
