// The carrier's token endpoint: OAuth 2 client credentials (RFC 6749 §4.4), the client by Basic (§2.3.1).
import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendJson, textOf } from '../service.ts';

const LIFE_S = 60;

export class Tokens {
  readonly #basic: string;
  /** Token → when it expires. */
  readonly #expiryMs = new Map<string, number>();

  constructor(clientId: string, clientSecret: string) {
    const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`;
    this.#basic = `Basic ${Buffer.from(pair).toString('base64')}`;
  }

  async give(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.headers.authorization !== this.#basic) {
      return sendJson(response, 401, { error: 'invalid_client' }, { 'www-authenticate': 'Basic realm="carrier"' });
    }
    const form = new URLSearchParams(await textOf(request));
    if (form.get('grant_type') !== 'client_credentials') {
      return sendJson(response, 400, { error: 'unsupported_grant_type' });
    }
    const now = Date.now();
    for (const [token, expiryMs] of this.#expiryMs) if (expiryMs <= now) this.#expiryMs.delete(token);
    const token = randomBytes(24).toString('base64url');
    this.#expiryMs.set(token, now + LIFE_S * 1000);
    const said = { access_token: token, token_type: 'Bearer', expires_in: LIFE_S };
    return sendJson(response, 200, said, { 'cache-control': 'no-store' });
  }

  isGood(authorization = ''): boolean {
    const [, token = ''] = /^Bearer (\S+)$/i.exec(authorization) ?? [];
    return (this.#expiryMs.get(token) ?? 0) > Date.now();
  }
}
