// A client for a test, requests for it, and what became of them.
import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { inspect } from 'node:util';
import {
  Client,
  type ClientEnv,
  ClientError,
  type ClientSettings,
  type VendorRequest,
} from '../../../src/integration/client/client.ts';
import type { CleanUp } from '../../support/clean-up.ts';

type Settings = Partial<Omit<ClientSettings, 'url'>>;

export function openClient(t: CleanUp, url: string, settings: Settings = {}, env: Partial<ClientEnv> = {}): Client {
  const { origin, pathname } = new URL(url);
  const client = new Client(
    {
      url: { origin, basePath: pathname.replace(/\/$/, '') },
      connectMs: 30_000,
      responseMaxBytes: 5 * 1024 * 1024,
      requestMaxBytes: 1024 * 1024,
      ...settings,
    },
    { lookup, folder: '.', onEvent: () => {}, ...env },
  );
  t.after(() => client.close());
  return client;
}

/** A request as the facade makes them; GET without a body. */
export function vendorRequest(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string | Buffer,
  method = body === undefined ? 'GET' : 'POST',
): VendorRequest {
  return {
    method,
    path,
    headers: new Map(Object.entries(headers)),
    body: typeof body === 'string' ? Buffer.from(body) : body,
  };
}

/** For calls that end by themselves. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

/** The error of a call that must fail. */
export async function errorOf(call: Promise<unknown>): Promise<ClientError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof ClientError, `the call fails with a ClientError: ${inspect(error)}`);
  return error;
}

/** Everything that a log, a debugger or a serialiser could make of it. */
export function everythingIn(error: ClientError): string {
  return [
    inspect(error, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
    JSON.stringify(error),
    String(error.stack),
  ].join('\n');
}
