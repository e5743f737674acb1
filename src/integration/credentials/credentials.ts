// What proves to a third party who we are: the contract of all kinds, and why there may be nothing to prove it with.
import type { Tenant } from '../../tenant/tenants.ts';
import type { VendorRequest } from '../client/request.ts';

/** One kind of credentials, shared by all calls of an integration. */
export interface Credentials {
  /**
   * Puts them on a request. Called before each attempt and last of all: what is on the request then is what is sent, and
   * what a signature covers. Applying twice is applying once. A header or query parameter of the same name is replaced.
   *
   * @param signal ends the wait, never work that others wait for too.
   * @returns undefined when they are on it already; a rejection is a {@link CredentialsError}, or the signal's reason.
   */
  apply(request: VendorRequest, tenant: Tenant | undefined, signal: AbortSignal): Promise<void> | undefined;
  /**
   * The vendor answered 401 to this request: forgets what it was given.
   *
   * @param request the object that was applied to; the attempts of one call share it.
   * @returns whether one more try, with something fresh, makes sense: true once for each request.
   */
  rejected(request: VendorRequest, tenant: Tenant | undefined): boolean;
  /** Called when the configuration it belongs to is taken into service. */
  start?(): void;
  close?(): Promise<void>;
}

/** For credentials that never change: a vendor that refuses them once refuses them again. */
export function neverFresh(): boolean {
  return false;
}

export type CredentialsErrorCode =
  /** It answered with an error. */
  | 'token_endpoint_refused'
  /** It did not answer. */
  | 'token_endpoint_unreachable'
  /** Its answer has no token that could be used. */
  | 'token_answer'
  /** The tenant has no account with this third party. */
  | 'no_credentials';

/** There is nothing to send the request with. The message is for logs: it holds no secret, and nothing of an answer's body. */
export class CredentialsError extends Error {
  readonly code: CredentialsErrorCode;
  /** How long the token endpoint wants to be left alone; 0 when it did not say. */
  readonly retryAfterMs: number;

  constructor(code: CredentialsErrorCode, message: string, retryAfterMs = 0) {
    super(message);
    this.name = 'CredentialsError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Structured event log; the integration's name is for the listener to add. */
export type OnEvent = (level: 'info' | 'warn', event: string, fields: Record<string, unknown>) => void;
