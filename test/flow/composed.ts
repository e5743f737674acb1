// A gateway whose routes are made up of calls, in front of an own service and a third party that answer by path.
import type { CleanUp } from '../support/clean-up.ts';
import { type RunningGateway, startGateway } from '../support/gateway.ts';
import type { LogLine } from '../support/log-lines.ts';
import { newId, Observed } from '../support/observed.ts';
import { type Answer, answerOk, type Origin, type Received, startOrigin } from '../support/origin.ts';
import { type RawResponse, rawConnect } from '../support/raw.ts';
import { type RawConnection, type RawOrigin, startRawOrigin } from '../support/raw-origin.ts';
import { startVendor, type Vendor } from '../support/vendor.ts';
import { eventually } from '../support/wait.ts';

/** What is asked, and how its answers are scripted: by the path without its query. */
class Scripted {
  readonly #answers = new Map<string, Answer>();
  readonly #received: () => readonly Received[];

  constructor(received: () => readonly Received[]) {
    this.#received = received;
  }

  readonly answer: Answer = (request, response, index) =>
    (this.#answers.get(pathOf(request)) ?? answerOk)(request, response, index);

  /** Requests for that path answer so from now on. */
  at(path: string, answer: Answer): void {
    this.#answers.set(path, answer);
  }

  /** What has arrived for a path. */
  received(path: string): readonly Received[] {
    return this.#received().filter((each) => pathOf(each) === path);
  }

  /** The first request for a path, once it is there. */
  first(path: string): Promise<Received> {
    return eventually(() => this.received(path)[0], `request for ${path}`);
  }
}

function pathOf({ url }: Received): string {
  return url.split('?', 1)[0] ?? '';
}

/** Of the tenant `acme`. */
export const API_KEY = 'a-key-of-these-tests';

export interface Asked {
  readonly response: RawResponse;
  readonly text: string;
  /** Its one access-log line. */
  readonly line: LogLine;
}

export interface Composed {
  readonly gateway: RunningGateway;
  readonly observed: Observed;
  /** routes.yaml. */
  readonly routes: Readonly<Record<string, unknown>>;
  /** An own service, `orders`. */
  readonly orders: Scripted;
  /** A third party, `carrier`. */
  readonly carrier: Scripted;
  /** An own service that never answers, `silent`. */
  readonly silent: RawOrigin;
  /** The connection on which `silent` was asked for this path. */
  readonly silentFor: (path: string) => Promise<RawConnection>;
  /** A whole exchange. */
  readonly ask: (path: string, options?: { method?: string; head?: string; body?: string }) => Promise<Asked>;
}

/** Nothing is tried again and nothing trips, unless a test says so. */
const PLAIN = { retry: 0, breaker: 'none' };

/** Starts it all; `routes` as in routes.yaml, open unless they say otherwise. */
export async function startComposed(t: CleanUp, routes: Readonly<Record<string, object>>): Promise<Composed> {
  const made: { origin?: Origin; vendor?: Vendor } = {};
  const orders = new Scripted(() => made.origin?.received ?? []);
  const carrier = new Scripted(() => made.vendor?.calls ?? []);
  made.origin = await startOrigin(t, orders.answer);
  made.vendor = await startVendor(t, { answer: carrier.answer });
  const silent = await startRawOrigin(t, () => {});
  const document = {
    version: 1,
    tenants: { acme: { keys: [API_KEY], headers: { 'x-tier': 'gold' } } },
    upstreams: {
      orders: { targets: [made.origin.url], ...PLAIN, eject: 'none' },
      silent: { targets: [silent.url], ...PLAIN, eject: 'none' },
    },
    integrations: { carrier: { url: `${made.vendor.url}/v3`, ...PLAIN, errors: { 404: 404 } } },
    routes: Object.fromEntries(Object.entries(routes).map(([name, route]) => [name, { auth: 'none', ...route }])),
  };
  const gateway = await startGateway(t, { routes: document });
  const observed = new Observed(gateway);
  t.after(() => observed.atRest());
  return {
    gateway,
    observed,
    routes: document,
    orders,
    carrier,
    silent,
    silentFor: (path) =>
      eventually(
        () => silent.connections.find(({ received }) => received.includes(` ${path} HTTP/1.1\r\n`)),
        `request for ${path} at the silent origin`,
      ),
    async ask(path, { method = 'GET', head = '', body = '' } = {}) {
      const id = newId();
      const client = await rawConnect(t, gateway.port);
      const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
      client.send(
        `${method} ${path} HTTP/1.1\r\nHost: gateway.test\r\nX-Request-Id: ${id}\r\n${length}${head}\r\n${body}`,
      );
      const response = await client.response({ method });
      client.socket.destroy();
      return { response, text: response.body.toString(), line: await observed.line(id) };
    },
  };
}
