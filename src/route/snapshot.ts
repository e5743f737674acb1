// One configuration in service. Immutable but for the count of exchanges that still run on it.
import type { HeaderKinds } from '../exchange/header-kinds.ts';
import type { TenantTable } from '../tenant/tenants.ts';
import type { Route } from './route.ts';
import type { MatchTable } from './table.ts';

export interface SnapshotParts {
  readonly hash: string;
  readonly table: MatchTable<Route>;
  readonly routes: ReadonlyMap<string, Route>;
  readonly tenants: TenantTable;
  readonly kinds: HeaderKinds;
}

export class Snapshot {
  readonly hash: string;
  readonly table: MatchTable<Route>;
  readonly routes: ReadonlyMap<string, Route>;
  readonly tenants: TenantTable;
  readonly kinds: HeaderKinds;
  #inFlight = 0;
  #retired: (() => void) | undefined = undefined;

  constructor(parts: SnapshotParts) {
    this.hash = parts.hash;
    this.table = parts.table;
    this.routes = parts.routes;
    this.tenants = parts.tenants;
    this.kinds = parts.kinds;
  }

  enter(): void {
    this.#inFlight++;
  }

  leave(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#retired?.();
  }

  /** Resolves once no exchange runs on it any more. No new one may begin. */
  drained(): Promise<void> {
    if (this.#inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#retired = resolve;
    });
  }
}
