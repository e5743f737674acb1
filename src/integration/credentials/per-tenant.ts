// Each tenant's own account with a third party.
import type { Tenant } from '../../tenant/tenants.ts';
import type { VendorRequest } from '../client/request.ts';
import { type Credentials, CredentialsError } from './credentials.ts';

/** Credentials of whoever calls, from a table made at load. */
export class PerTenant implements Credentials {
  readonly #integration: string;
  readonly #accounts: ReadonlyMap<string, Credentials>;

  /** @param accounts by the id of the tenant. */
  constructor(integration: string, accounts: ReadonlyMap<string, Credentials>) {
    this.#integration = integration;
    this.#accounts = accounts;
  }

  apply(request: VendorRequest, tenant: Tenant | undefined, signal: AbortSignal): Promise<void> | undefined {
    const account = tenant && this.#accounts.get(tenant.id);
    return account === undefined ? Promise.reject(this.#nobody(tenant)) : account.apply(request, tenant, signal);
  }

  rejected(request: VendorRequest, tenant: Tenant | undefined): boolean {
    return (tenant && this.#accounts.get(tenant.id)?.rejected(request, tenant)) ?? false;
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#accounts.values(), async (account) => account.close?.()));
  }

  #nobody(tenant: Tenant | undefined): CredentialsError {
    const message =
      tenant === undefined
        ? `${this.#integration} is called with the tenant's own credentials, and this request has no tenant`
        : `tenant ${tenant.id} has no credentials for ${this.#integration}: they go into tenants.${tenant.id}.credentials.${this.#integration}`;
    return new CredentialsError('no_credentials', message);
  }
}
