// Credentials for a test, made from settings as they are written, and a clock that stands still.
import assert from 'node:assert/strict';
import { lookup } from 'node:dns';
import { inspect } from 'node:util';
import type { VendorRequest } from '../../../src/integration/client/client.ts';
import {
  type Credentials,
  type CredentialsEnv,
  CredentialsError,
  createCredentials,
} from '../../../src/integration/credentials/index.ts';
import { accountsSchema, authSchema } from '../../../src/integration/credentials/settings.ts';
import type { Tenant } from '../../../src/tenant/tenants.ts';
import type { CleanUp } from '../../support/clean-up.ts';
import { settingsOf } from '../../support/reading.ts';

/** Monotonic milliseconds that pass when the test says so. */
export class Clock {
  ms = 1_000_000;
  readonly now = (): number => this.ms;
}

export interface Told {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface Opened {
  readonly credentials: Credentials;
  readonly clock: Clock;
  readonly told: Told[];
}

interface Options extends Partial<Omit<CredentialsEnv, 'onEvent' | 'now' | 'accounts'>> {
  /** Tenant → its `credentials`, as written. */
  readonly tenants?: Readonly<Record<string, string>>;
}

/** @param auth as written. */
export function openCredentials(t: CleanUp, auth: string, { tenants = {}, ...env }: Options = {}): Opened {
  const clock = new Clock();
  const told: Told[] = [];
  const name = env.name ?? 'carrier';
  const credentials = createCredentials(settingsOf(authSchema, auth), {
    name,
    url: { origin: 'https://api.carrier.example', basePath: '/v3' },
    tls: undefined,
    addresses: undefined,
    lookup,
    folder: '.',
    ...env,
    accounts: () =>
      Object.entries(tenants).flatMap(([id, written]) => {
        const account = settingsOf(accountsSchema, written).get(name);
        return account === undefined ? [] : [[id, account] as const];
      }),
    onEvent: (level, event, fields) => told.push({ level, event, fields }),
    now: clock.now,
  });
  t.after(() => credentials.close?.());
  return { credentials, clock, told };
}

export function requestTo(path: string, headers: Readonly<Record<string, string>> = {}, body?: string): VendorRequest {
  return {
    method: body === undefined ? 'GET' : 'POST',
    path,
    headers: new Map(Object.entries(headers)),
    body: body === undefined ? undefined : Buffer.from(body),
  };
}

/** For calls that end by themselves. */
export function never(): AbortSignal {
  return new AbortController().signal;
}

export function tenant(id: string): Tenant {
  return { id, plan: undefined, roles: new Set(), headers: [], limits: new Map(), disabled: false };
}

/** A request that the credentials were put on. */
export async function applied(
  credentials: Credentials,
  request: VendorRequest = requestTo('/rates'),
  who?: Tenant,
): Promise<VendorRequest> {
  await credentials.apply(request, who, never());
  return request;
}

/** Its `Authorization` header. */
export async function authorization(credentials: Credentials, who?: Tenant): Promise<string | undefined> {
  return (await applied(credentials, requestTo('/rates'), who)).headers.get('authorization');
}

/** Why there are no credentials. */
export async function refusal(work: Promise<unknown> | undefined): Promise<CredentialsError> {
  const error = await Promise.resolve(work).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CredentialsError, `a CredentialsError: ${inspect(error)}`);
  return error;
}

/** Everything that a log, a debugger or a serialiser could make of it. */
export function everythingIn(...values: readonly unknown[]): string {
  return values
    .flatMap((value) => [
      inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true }),
      JSON.stringify(value) ?? '',
      value instanceof Error ? `${value.stack} ${inspect(value.cause)}` : '',
    ])
    .join('\n');
}
