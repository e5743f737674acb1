// Asks for one token (RFC 6749 §4.4). What comes back is used only when it is beyond doubt.

import { scanJson } from '../../json/scan.ts';
import { retryAfterMs } from '../../resilience/retry-after.ts';
import { type Client, ClientError, type VendorAnswer, type VendorRequest } from '../client/client.ts';
import { CredentialsError } from './credentials.ts';
import { basicValue } from './fixed.ts';
import type { OAuth2Settings } from './oauth2-settings.ts';

export interface Token {
  /** Goes after `Bearer`. */
  readonly value: string;
  readonly lifeMs: number;
}

/** What a provider that does not say how long is taken to mean. */
const UNSAID_LIFE_MS = 5 * 60_000;
/** A token that lives longer is renewed all the same: nobody knows what a provider does to them in the meantime. */
const LONGEST_LIFE_MS = 24 * 3_600_000;

/** What may stand behind `Bearer` in a header, and is no longer than servers take. */
const SENDABLE = /^[!-~]{1,16384}$/;

/** Codes of RFC 6749 §5.2, RFC 8707 §2 and RFC 6749 §4.1.2.1, and where to look. No other text of an answer is repeated. */
const ERRORS: ReadonlyMap<string, string> = new Map([
  ['invalid_request', 'look at oauth2: does the provider want an audience or another client_auth?'],
  ['invalid_client', 'check client_id and client_secret, and client_auth'],
  ['invalid_grant', 'is the client allowed client credentials?'],
  ['unauthorized_client', 'is the client allowed client credentials?'],
  ['unsupported_grant_type', 'the provider has no client credentials there'],
  ['invalid_scope', 'check scope'],
  ['invalid_target', 'check audience'],
  ['access_denied', 'is the client allowed this scope and audience?'],
  ['server_error', 'the provider has trouble of its own'],
  ['temporarily_unavailable', 'the provider has trouble of its own'],
]);

export class TokenEndpoint {
  /** For people: without its query. */
  readonly name: string;
  readonly #client: Client;
  readonly #path: string;
  readonly #headers: ReadonlyMap<string, string>;
  readonly #body: Buffer;

  /** @param client of the origin of `token_url`. */
  constructor(settings: OAuth2Settings, client: Client) {
    const { token_url: url, client_id: id, client_secret: secret, client_auth: way, scope, audience } = settings;
    this.name = url.origin + (url.path.split('?', 1)[0] ?? '');
    this.#client = client;
    this.#path = url.path;
    const form = new URLSearchParams({ grant_type: 'client_credentials' });
    if (scope !== undefined) form.set('scope', scope);
    if (audience !== undefined) form.set('audience', audience);
    const headers = new Map([
      ['content-type', 'application/x-www-form-urlencoded'],
      ['accept', 'application/json'],
    ]);
    if (way === 'basic') {
      // RFC 6749 §2.3.1: encoded as in a form first, so that a ":" in the id ends nothing.
      headers.set('authorization', basicValue(formEncoded(id), formEncoded(secret)));
    } else {
      form.set('client_id', id);
      form.set('client_secret', secret);
    }
    this.#headers = headers;
    this.#body = Buffer.from(form.toString());
  }

  /** @throws CredentialsError when there is no token. */
  async ask(signal: AbortSignal): Promise<Token> {
    const answer = await this.#send(signal, true);
    if (answer.status >= 200 && answer.status < 300) return this.#tokenIn(answer.body);
    if (answer.status < 400) {
      throw this.#unusable(`answered ${answer.status}: redirects are not followed, token_url must be where tokens are`);
    }
    throw this.#refused(answer);
  }

  async #send(signal: AbortSignal, first: boolean): Promise<VendorAnswer> {
    const request: VendorRequest = {
      method: 'POST',
      path: this.#path,
      headers: new Map(this.#headers),
      body: this.#body,
    };
    try {
      return await this.#client.send(request, signal);
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      // A kept connection that was closed meanwhile: it costs nothing to ask for a token twice.
      if (first && error.failure.kind === 'reset' && !signal.aborted) return this.#send(signal, false);
      throw new CredentialsError('token_endpoint_unreachable', `no token from ${this.name}: ${error.message}`);
    }
  }

  #tokenIn(body: Buffer): Token {
    const scan = scanJson(body);
    if (!('value' in scan)) {
      throw this.#unusable(
        `answered what is not acceptable JSON: ${scan.error} at line ${scan.line}, column ${scan.column}`,
      );
    }
    const { access_token: token, token_type: type, expires_in: expiresIn } = membersOf(scan.value);
    if (typeof token !== 'string' || !SENDABLE.test(token)) {
      throw this.#unusable('answered without an access_token that a header could carry');
    }
    if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
      throw this.#unusable('answered with a token whose token_type is not Bearer');
    }
    const lifeMs = lifeOf(expiresIn);
    if (lifeMs === undefined) throw this.#unusable('answered with an expires_in that is no time to come, in seconds');
    return { value: token, lifeMs };
  }

  #unusable(what: string): CredentialsError {
    return new CredentialsError('token_answer', `no token from ${this.name}: it ${what}`);
  }

  #refused({ status, headers, body }: VendorAnswer): CredentialsError {
    const scan = scanJson(body);
    const code = 'value' in scan ? membersOf(scan.value)['error'] : undefined;
    const hint = typeof code === 'string' ? ERRORS.get(code) : undefined;
    const why = hint === undefined ? '' : ` ${String(code)}: ${hint}`;
    return new CredentialsError(
      'token_endpoint_refused',
      `no token from ${this.name}: it answered ${status}${why}`,
      retryAfterMs(headers.get('retry-after') ?? '') ?? 0,
    );
  }
}

function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

function membersOf(value: unknown): { readonly [name: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

/** Some providers write the number in quotes, which leaves no doubt. */
function lifeOf(expiresIn: unknown): number | undefined {
  if (expiresIn === undefined || expiresIn === null) return UNSAID_LIFE_MS;
  const seconds = typeof expiresIn === 'string' && /^\d+$/.test(expiresIn) ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds <= 0) return undefined;
  return Math.min(seconds * 1000, LONGEST_LIFE_MS);
}
