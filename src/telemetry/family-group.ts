// Declares metric families: each with its name, its help and its labels, once.
import type { Registry } from 'prom-client';
import { type Family, HistogramFamily, NumberFamily } from './families.ts';

/**
 * Families whose series come and go together, with the one they belong to. A family is one field of a group: that is all it takes
 * for it to be in every scrape, in docs/metrics.md, and to be dropped with its owner.
 *
 * @example
 * class DoorFamilies extends FamilyGroup {
 *   readonly opened = this.counter('x_opened_total', 'Times a door was opened.', 'door', 'hand');
 * }
 * const families = new DoorFamilies(registry);
 * const byLeftHand = families.opened.cell('front', 'left');
 * byLeftHand.value++;
 * families.removeOwner('front');
 */
export class FamilyGroup {
  readonly #registry: Registry;
  readonly #all: Family[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  get all(): readonly Family[] {
    return this.#all;
  }

  /** Drops every series of an owner, in each family. */
  removeOwner(owner: string): void {
    for (const family of this.#all) family.removeOwner(owner);
  }

  protected counter(name: string, help: string, ...labels: readonly string[]): NumberFamily {
    return this.#add(new NumberFamily(this.#registry, 'counter', { name, help, labels }));
  }

  protected gauge(name: string, help: string, ...labels: readonly string[]): NumberFamily {
    return this.#add(new NumberFamily(this.#registry, 'gauge', { name, help, labels }));
  }

  /** Of seconds; `bounds` are the upper bounds of the buckets in ascending order, without +Inf. */
  protected histogram(
    name: string,
    help: string,
    bounds: readonly number[],
    ...labels: readonly string[]
  ): HistogramFamily {
    return this.#add(new HistogramFamily(this.#registry, { name, help, labels }, bounds));
  }

  #add<T extends Family>(family: T): T {
    this.#all.push(family);
    return family;
  }
}
