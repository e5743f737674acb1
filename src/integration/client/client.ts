// The HTTP client of one third party: axios, with nothing of it left to the environment, to redirects or to chance.
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import { Axios } from 'axios';
import { causeOf } from '../../resilience/cause.ts';
import { isIdempotent } from '../../resilience/idempotent.ts';
import { classifyError, EGRESS, type Failure } from '../../resilience/outcome.ts';
import type { AddressMatcher } from '../../tenant/cidr.ts';
import type { TlsSettings } from '../../upstream/settings.ts';
import { TlsSource } from '../../upstream/tls.ts';
import { VendorAgent } from './agent.ts';
import { ACCEPT_ENCODING, readAnswer, type VendorAnswer } from './answer.ts';
import { ClientError } from './client-error.ts';
import { Egress, EgressError } from './egress.ts';
import { assertSendable, type VendorRequest } from './request.ts';
import { Wire } from './wire.ts';

export type { VendorAnswer, VendorRequest };
export { ClientError };

export interface ClientSettings {
  /** Where every request goes. The path is a prefix of every request's; it has no trailing slash. */
  readonly url: { readonly origin: string; readonly basePath: string };
  /** Time to connect, TLS included. */
  readonly connectMs: number;
  /** Most bytes of an answer's body, decoded. */
  readonly responseMaxBytes: number;
  readonly requestMaxBytes: number;
  readonly tls?: TlsSettings | undefined;
  /** The only addresses to be reached; undefined: all but link-local, metadata and the like. */
  readonly addresses?: AddressMatcher | undefined;
}

export interface ClientEnv {
  /** Names to addresses; what it says is checked. */
  readonly lookup: LookupFunction;
  /** What relative paths in `tls` are relative to. */
  readonly folder: string;
  /** Structured event log; the integration's name is for the listener to add. */
  readonly onEvent: (level: 'info' | 'warn', event: string, fields: Record<string, unknown>) => void;
}

const USER_AGENT = 'sluice';
const ABORTED: Failure = { kind: 'aborted', result: 'aborted', unsent: false };
const TIMED_OUT: Failure = { kind: 'timeout', result: 'timeout', unsent: false };

/**
 * Sends requests to one third party and buffers its answers. It knows no time but that of a connect: every call ends with its
 * signal at the latest.
 */
export class Client {
  readonly #settings: ClientSettings;
  readonly #onEvent: ClientEnv['onEvent'];
  readonly #tls: TlsSource | undefined;
  readonly #agent: VendorAgent;
  readonly #axios: Axios;
  #peerExpiresAtMs: number | undefined = undefined;
  #inFlight = 0;
  #closing: PromiseWithResolvers<void> | undefined = undefined;

  /** @throws Error when certificates cannot be read or do not fit their key, and for an origin that is spelled in an odd way. */
  constructor(settings: ClientSettings, env: ClientEnv) {
    const origin = new URL(settings.url.origin);
    // `http://0251.0376.0251.0376` and `http://2852039166` are 169.254.169.254.
    if (origin.origin !== settings.url.origin) {
      throw new Error(`"${settings.url.origin}" is not spelled as an origin is: write ${origin.origin}`);
    }
    this.#settings = settings;
    this.#onEvent = env.onEvent;
    this.#tls = settings.tls && new TlsSource(settings.tls, env.folder);
    this.#agent = new VendorAgent({
      origin,
      connectMs: settings.connectMs,
      lookup: env.lookup,
      egress: new Egress(settings.addresses),
      tls: this.#tls,
      onPeerExpiry: (expiresAtMs) => {
        this.#peerExpiresAtMs = expiresAtMs;
      },
    });
    this.#axios = createAxios(settings, this.#agent);
  }

  /** Requests that wait for an answer or read one. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Begins to watch the files of `tls`. Called when the configuration it belongs to is taken into service. */
  start(): void {
    this.#tls?.watch(
      () => {
        this.#agent.renew();
        this.#onEvent('info', 'tls_reloaded', {});
      },
      (error) => this.#onEvent('warn', 'tls_reload_failed', { error: error.message }),
    );
  }

  /** When the first certificate that calls here depend on expires, in seconds since 1970; undefined when none is known. */
  certificateExpiryS(): number | undefined {
    const known = [this.#tls?.expiresAtMs, this.#peerExpiresAtMs].filter((each) => each !== undefined);
    return known.length === 0 ? undefined : Math.min(...known) / 1000;
  }

  /**
   * Resolves with the whole answer, whatever its status: redirects are not followed.
   * A kept connection that turns out to be closed is replaced once, where that cannot carry the request out twice.
   *
   * @param signal ends the call: its connection is destroyed. A `TimeoutError` as reason is told apart.
   * @throws ClientError when there is no answer.
   */
  async send(request: VendorRequest, signal: AbortSignal): Promise<VendorAnswer> {
    assertSendable(request, this.#settings.requestMaxBytes);
    this.#inFlight += 1;
    try {
      return await this.#attempt(request, signal, true);
    } finally {
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#closing?.resolve();
    }
  }

  /** Stops watching, lets calls under way end, and closes their connections. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers();
      this.#tls?.close();
      this.#agent.retire();
      if (this.#inFlight === 0) this.#closing.resolve();
    }
    await this.#closing.promise;
    this.#agent.destroy();
  }

  async #attempt(request: VendorRequest, signal: AbortSignal, first: boolean): Promise<VendorAnswer> {
    const { url, responseMaxBytes } = this.#settings;
    const { method, path, body } = request;
    const wire = new Wire(targetOf(url.basePath, path), headersOf(request));
    try {
      const { data } = await this.#axios.request<IncomingMessage>({
        method,
        url: path,
        data: body,
        signal,
        transport: wire,
      });
      const answer = await readAnswer(data, method, responseMaxBytes);
      wire.answered();
      return answer;
    } catch (error) {
      if (first && wire.stale && !signal.aborted && isIdempotent(method)) {
        // Its neighbours are as old as it was.
        this.#agent.renew();
        return this.#attempt(request, signal, false);
      }
      throw failureOf(error, wire, signal);
    }
  }
}

/** `Axios` and not `axios.create`: that would bring axios's defaults along. */
function createAxios({ url }: ClientSettings, agent: VendorAgent): Axios {
  return new Axios({
    adapter: 'http',
    baseURL: url.origin + url.basePath,
    allowAbsoluteUrls: false,
    httpAgent: agent,
    httpsAgent: agent,
    proxy: false,
    maxRedirects: 0,
    validateStatus: null,
    // Bounded and decoded as it streams (answer.ts): axios takes a cut-off gzip body for whole, and counts decoded bytes only.
    responseType: 'stream',
    decompress: false,
    transitional: { silentJSONParsing: false, forcedJSONParsing: false },
  });
}

function headersOf({ headers, body }: VendorRequest): OutgoingHttpHeaders {
  const all: OutgoingHttpHeaders = Object.create(null);
  all['user-agent'] = USER_AGENT;
  all['accept-encoding'] = ACCEPT_ENCODING;
  for (const [name, value] of headers) all[name] = value;
  if (body !== undefined) all['content-length'] = body.length;
  return all;
}

function targetOf(basePath: string, path: string): string {
  const target = basePath + path;
  return target.startsWith('/') ? target : `/${target}`;
}

/** Never holds what axios throws: that has the request in it, with its credentials. */
function failureOf(error: unknown, wire: Wire, signal: AbortSignal): ClientError {
  if (signal.aborted) {
    const late = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError';
    return late
      ? new ClientError(TIMED_OUT, 'no whole answer in time')
      : new ClientError(ABORTED, 'the call was given up');
  }
  if (error instanceof ClientError) return error;
  const cause = wire.error ?? (error instanceof Error ? error : new Error('something that is no error was thrown'));
  if (cause instanceof EgressError) return new ClientError(EGRESS, cause.message);
  return new ClientError(classifyError(cause, wire.connected), causeOf(cause));
}
