// OAuth 2.0 client credentials: one token for all calls, renewed before it expires, asked for once however many wait for it.
import type { Tenant } from '../../tenant/tenants.ts';
import type { VendorRequest } from '../client/request.ts';
import { type Credentials, CredentialsError, type OnEvent } from './credentials.ts';
import type { Token, TokenEndpoint } from './token-endpoint.ts';

/** One request for a token, connecting and a second try included. */
const WHOLE_MS = 10_000;
/** When it is renewed, of its life. */
const EARLY = 0.8;
/** A token on its way to the vendor must not expire there: so much of its life is left unused, but no more than a second. */
const UNUSED = 0.05;
const MOST_UNUSED_MS = 1_000;
/** How long a failure is the answer to everybody, at least and at most. */
const FAILURE_MS = 1_000;
const LONGEST_FAILURE_MS = 60_000;
/** A vendor that refuses even a fresh token means something else by its 401: so long none is asked for because of it. */
const FRESH_REFUSED_MS = 5_000;

/** A token in use. Times are those of `now`. */
interface Held {
  readonly header: string;
  readonly earlyAt: number;
  readonly lastAt: number;
}

export interface OAuth2Env {
  readonly onEvent: OnEvent;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * A token is asked for when the first call needs it. From four fifths of its life on a call gets another one under way and
 * goes with the old one; calls without a token wait for the request that is under way.
 */
export class OAuth2 implements Credentials {
  readonly #endpoint: TokenEndpoint;
  readonly #onEvent: OnEvent;
  readonly #now: () => number;
  #held: Held | undefined = undefined;
  #flight: Promise<Held> | undefined = undefined;
  #failure: CredentialsError | undefined = undefined;
  #failureUntil = 0;
  /** Requests that were sent anew with a fresh token. */
  readonly #renewed = new WeakSet<VendorRequest>();
  #freshRefusedUntil = Number.NEGATIVE_INFINITY;
  #asking: AbortController | undefined = undefined;
  #closed = false;

  constructor(endpoint: TokenEndpoint, { onEvent, now }: OAuth2Env) {
    this.#endpoint = endpoint;
    this.#onEvent = onEvent;
    this.#now = now;
  }

  apply(request: VendorRequest, _tenant: Tenant | undefined, signal: AbortSignal): Promise<void> | undefined {
    const held = this.#held;
    const now = this.#now();
    if (held === undefined || now >= held.lastAt) return this.#wait(request, signal, now);
    // What it fails with is told by its event; this call has what it needs.
    if (now >= held.earlyAt && this.#flight === undefined) this.#renew(now).catch(() => {});
    request.headers.set('authorization', held.header);
    return undefined;
  }

  rejected(request: VendorRequest): boolean {
    const now = this.#now();
    if (this.#renewed.has(request)) {
      this.#freshRefusedUntil = now + FRESH_REFUSED_MS;
      return false;
    }
    if (now < this.#freshRefusedUntil) return false;
    this.#renewed.add(request);
    // Another call may have brought a newer one already.
    if (this.#held?.header === request.headers.get('authorization')) this.#held = undefined;
    return true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#asking?.abort();
    await this.#flight?.catch(() => {});
  }

  async #wait(request: VendorRequest, signal: AbortSignal, now: number): Promise<void> {
    const { header } = await unlessAborted(this.#renew(now), signal);
    request.headers.set('authorization', header);
  }

  /** The request that is under way, or a new one; none soon after one that failed. */
  async #renew(now: number): Promise<Held> {
    if (this.#flight !== undefined) return this.#flight;
    if (this.#failure !== undefined && now < this.#failureUntil) throw this.#failure;
    this.#flight = this.#ask(now);
    try {
      return await this.#flight;
    } finally {
      this.#flight = undefined;
    }
  }

  async #ask(askedAt: number): Promise<Held> {
    const asking = new AbortController();
    this.#asking = asking;
    const timer = setTimeout(() => asking.abort(new DOMException('no token in time', 'TimeoutError')), WHOLE_MS);
    try {
      const token = await this.#endpoint.ask(asking.signal);
      return this.#keep(token, askedAt);
    } catch (error) {
      if (error instanceof CredentialsError) this.#remember(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #keep({ value, lifeMs }: Token, askedAt: number): Held {
    const held: Held = {
      header: `Bearer ${value}`,
      earlyAt: askedAt + lifeMs * EARLY,
      lastAt: askedAt + lifeMs - Math.min(lifeMs * UNUSED, MOST_UNUSED_MS),
    };
    this.#held = held;
    this.#failure = undefined;
    this.#onEvent('info', 'token_refreshed', { endpoint: this.#endpoint.name, life_s: lifeMs / 1000 });
    return held;
  }

  #remember(error: CredentialsError): void {
    const now = this.#now();
    this.#failure = error;
    this.#failureUntil = now + Math.min(Math.max(error.retryAfterMs, FAILURE_MS), LONGEST_FAILURE_MS);
    if (this.#closed) return;
    const leftMs = this.#held === undefined ? 0 : Math.max(0, this.#held.lastAt - now);
    this.#onEvent('warn', 'token_failed', {
      endpoint: this.#endpoint.name,
      code: error.code,
      reason: error.message,
      usable_ms: Math.round(leftMs),
    });
  }
}

/** Whoever leaves does not end what others wait for. */
async function unlessAborted<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const leave = (): void => reject(signal.reason);
  shared.then(resolve, reject);
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  try {
    return await promise;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
