// A signature of each request with a shared secret: HTTP Message Signatures (RFC 9421) and Digest Fields (RFC 9530).
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto';
import type { VendorRequest } from '../client/request.ts';
import { type Credentials, neverFresh } from './credentials.ts';
import { type SignatureSettings, secretBytes } from './signature-settings.ts';

/** The url of an integration: what is signed is where the request goes. */
export interface SignedUrl {
  readonly origin: string;
  /** Before the path of every request. */
  readonly basePath: string;
}

/** A component of a request: its name in lower case, and its value (RFC 9421 §2). */
export type Component = readonly [name: string, value: string];

const DIGEST = 'content-digest';
const LABEL = 'sig1';
const DEFAULT_COMPONENTS: readonly string[] = ['@method', '@target-uri'];

/** Signs with hmac-sha256 (RFC 9421 §3.3.3). */
export class Signature implements Credentials {
  readonly #key: KeyObject;
  /** What follows the time in the parameters of every signature. */
  readonly #parameters: string;
  readonly #covered: readonly string[];
  readonly #digest: SignatureSettings['digest'];
  /** The digest is wanted even of no body. */
  readonly #alwaysDigested: boolean;
  readonly #origin: string;
  readonly #basePath: string;
  readonly #scheme: string;
  readonly #authority: string;
  readonly rejected = neverFresh;

  constructor({ key_id: keyId, secret, headers, digest }: SignatureSettings, { origin, basePath }: SignedUrl) {
    this.#key = createSecretKey(secretBytes(secret));
    this.#parameters = `;keyid=${structuredString(keyId)};alg="hmac-sha256"`;
    this.#covered = headers ?? DEFAULT_COMPONENTS;
    this.#digest = digest;
    this.#alwaysDigested = this.#covered.includes(DIGEST);
    if (digest !== null && !this.#alwaysDigested) this.#covered = [...this.#covered, DIGEST];
    this.#origin = origin;
    this.#basePath = basePath;
    const { protocol, host } = new URL(origin);
    this.#scheme = protocol.slice(0, -1);
    this.#authority = host;
  }

  apply(request: VendorRequest): undefined {
    const { headers, body } = request;
    const nowMs = Date.now();
    if (this.#digest !== null) {
      headers.delete(DIGEST);
      if (body !== undefined || this.#alwaysDigested) headers.set(DIGEST, contentDigest(this.#digest, body));
    }
    // These the client, or Node, would add after they have been signed.
    if (this.#covered.includes('date')) headers.set('date', new Date(nowMs).toUTCString());
    if (body !== undefined && this.#covered.includes('content-length')) {
      headers.set('content-length', String(body.length));
    }
    const components = this.#covered.flatMap((name): Component[] => {
      const value = this.#valueOf(name, request);
      return value === undefined ? [] : [[name, value]];
    });
    const names = components.map(([name]) => `"${name}"`).join(' ');
    const parameters = `(${names});created=${Math.floor(nowMs / 1000)}${this.#parameters}`;
    headers.set('signature-input', `${LABEL}=${parameters}`);
    headers.set('signature', `${LABEL}=:${sign(this.#key, signatureBase(components, parameters))}:`);
  }

  #valueOf(component: string, { method, path, headers }: VendorRequest): string | undefined {
    if (!component.startsWith('@')) return headers.get(component)?.trim();
    const whole = this.#basePath + path;
    const target = whole.startsWith('/') ? whole : `/${whole}`;
    const query = target.indexOf('?');
    switch (component) {
      case '@method':
        return method;
      case '@target-uri':
        return this.#origin + target;
      case '@authority':
        return this.#authority;
      case '@scheme':
        return this.#scheme;
      case '@request-target':
        return target;
      case '@path':
        return query < 0 ? target : target.slice(0, query);
      default:
        // An absent query is an empty one (RFC 9421 §2.2.7).
        return query < 0 ? '?' : target.slice(query);
    }
  }
}

/**
 * What is signed (RFC 9421 §2.5).
 *
 * @param parameters the value of `@signature-params`, which ends it.
 */
export function signatureBase(components: readonly Component[], parameters: string): string {
  return [...components, ['@signature-params', parameters] as const]
    .map(([name, value]) => `"${name}": ${value}`)
    .join('\n');
}

/** HMAC-SHA-256 in base64; one byte for each character, as the header values go out. */
export function sign(key: KeyObject, base: string): string {
  return createHmac('sha256', key).update(base, 'latin1').digest('base64');
}

/** Of the bytes as they go out (RFC 9530 §2). */
function contentDigest(algorithm: NonNullable<SignatureSettings['digest']>, body: Buffer | undefined): string {
  return `${algorithm}=:${hash(algorithm.replace('-', ''), body ?? '', 'base64')}:`;
}

/** RFC 8941 §3.3.3. */
function structuredString(text: string): string {
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
