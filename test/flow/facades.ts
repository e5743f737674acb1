// A gateway in front of third parties, for the tests of this folder: asks it, and sees to it that no secret ever comes out.
import assert from 'node:assert/strict';
import type { CleanUp } from '../support/clean-up.ts';
import { type GatewayOptions, type RunningGateway, startGateway } from '../support/gateway.ts';
import type { LogLine } from '../support/log-lines.ts';
import { newId, Observed } from '../support/observed.ts';
import type { Answer, Received } from '../support/origin.ts';
import { assertProblem } from '../support/problems.ts';
import { type RawClient, type RawResponse, rawConnect } from '../support/raw.ts';
import type { Vendor } from '../support/vendor.ts';

/** In every secret that these tests use, and in what vendors say in confidence; nowhere else. */
export const CANARY = 'canary';
/** The client's key, and the one of the integration named `auth: VENDOR_AUTH`. */
export const API_KEY = `${CANARY}-api-key-5f0c2a`;
export const VENDOR_TOKEN = `${CANARY}-vendor-token-9e71`;
export const VENDOR_AUTH = { bearer: VENDOR_TOKEN };

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Of the body; JSON unless given. */
  readonly type?: string;
}

export interface Answered {
  readonly id: string;
  readonly response: RawResponse;
  /** Its one access-log line. */
  readonly line: LogLine;
  readonly text: string;
}

/** With what reached the third party meanwhile. */
export interface Called extends Answered {
  readonly calls: readonly Received[];
  /** The only one; fails when there was none, or several. */
  readonly call: Received;
}

export class FacadeGateway {
  readonly gateway: RunningGateway;
  readonly observed: Observed;
  readonly #t: CleanUp;
  readonly #said: string[] = [];

  constructor(t: CleanUp, gateway: RunningGateway) {
    this.#t = t;
    this.gateway = gateway;
    this.observed = new Observed(gateway);
  }

  /** Sends a request with the tenant's key, on a connection of its own; the answer is for the caller to read. */
  async send(path: string, { method = 'GET', headers = {}, body, type = 'application/json' }: Ask = {}) {
    const id = newId();
    const bytes = body === undefined ? undefined : Buffer.from(body);
    const fields = {
      host: 'gateway.test',
      'x-request-id': id,
      'x-api-key': API_KEY,
      ...(bytes && { 'content-type': type, 'content-length': String(bytes.length) }),
      ...headers,
    };
    const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    const client: RawClient = await rawConnect(this.#t, this.gateway.port);
    client.send(Buffer.from(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`, 'latin1'));
    if (bytes !== undefined) client.send(bytes);
    return { id, client };
  }

  /** A whole exchange: the answer, and its one access-log line. */
  async ask(path: string, ask: Ask = {}): Promise<Answered> {
    const { id, client } = await this.send(path, ask);
    const response = await client.response({ method: ask.method ?? 'GET' });
    client.socket.destroy();
    const line = await this.observed.line(id);
    const text = response.body.toString();
    this.#said.push(response.rawHeaders.join('\n'), text);
    return { id, response, line, text };
  }

  /** A whole exchange, with the vendor answering so. */
  async call(vendor: Vendor, answer: Answer, path: string, ask?: Ask): Promise<Called> {
    const earlier = vendor.calls.length;
    vendor.answer(answer);
    const answered = await this.ask(path, ask);
    const calls = vendor.calls.slice(earlier);
    return {
      ...answered,
      calls,
      get call(): Received {
        const [call] = calls;
        assert.ok(call !== undefined && calls.length === 1, `${calls.length} calls: ${answered.text}`);
        return call;
      },
    };
  }

  /** Nothing is in flight, each request was counted and logged once, and no secret is in anything that was said. */
  async assertQuiet(): Promise<void> {
    await this.observed.atRest();
    const { log, adminUrl, process } = this.gateway;
    const admin = ['/metrics', '/api/status', '/api/config'].map(async (path) => (await fetch(adminUrl + path)).text());
    const all = [...this.#said, ...(await Promise.all(admin)), process.stderr, JSON.stringify(log.lines)];
    for (const text of all) {
      const at = text.toLowerCase().indexOf(CANARY);
      assert.equal(at, -1, `a secret came out: …${text.slice(Math.max(0, at - 200), at + 60)}`);
    }
  }
}

/** Starts one whose only tenant is `acme`, with {@link API_KEY}. */
export async function startFacades(
  t: CleanUp,
  routes: Readonly<Record<string, unknown>>,
  options: Omit<GatewayOptions, 'routes'> = {},
): Promise<FacadeGateway> {
  const gateway = await startGateway(t, {
    ...options,
    routes: {
      version: 1,
      tenants: { acme: { keys: [API_KEY], roles: ['orders.write'] } },
      ...routes,
    },
  });
  const facades = new FacadeGateway(t, gateway);
  t.after(() => facades.assertQuiet());
  return facades;
}

/** Refused by the gateway, and the vendor has heard nothing of it. */
export function assertRefused({ response, calls, line }: Called, code: string, status = 400): void {
  assertProblem(response, status, code);
  assert.deepEqual([calls.length, line.reason], [0, code]);
}
