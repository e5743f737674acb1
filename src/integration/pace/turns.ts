// Who waits, and whose turn is next: levels of priority, and inside a level one call of each tenant in turn.

/** A call that waits for its turn. */
export interface Waiting {
  /** Whose call it is; '' for none. */
  readonly tenant: string;
  /** 0 to 9; the higher goes first. */
  readonly priority: number;
}

/** `fair`: tenants take turns; `fifo`: whoever came first. */
export type Share = 'fair' | 'fifo';

/** The calls of one level by tenant, oldest first. The order of the map is that of the turns. */
type Level<W> = Map<string, W[]>;

export class Turns<W extends Waiting> {
  readonly #share: Share;
  readonly #levels = new Map<number, Level<W>>();
  readonly #counts = new Map<string, number>();
  #size = 0;

  constructor(share: Share) {
    this.#share = share;
  }

  get size(): number {
    return this.#size;
  }

  /** The highest priority that somebody waits with; below all when nobody does. */
  highest(): number {
    return Math.max(...this.#levels.keys());
  }

  has(priority: number): boolean {
    return this.#levels.has(priority);
  }

  add(waiter: W): void {
    const key = this.#keyOf(waiter);
    let level = this.#levels.get(waiter.priority);
    if (level === undefined) {
      level = new Map();
      this.#levels.set(waiter.priority, level);
    }
    const row = level.get(key);
    if (row === undefined) level.set(key, [waiter]);
    else row.push(waiter);
    this.#count(key, 1);
  }

  /** Takes a waiting call out; false when it does not wait. */
  remove(waiter: W): boolean {
    const key = this.#keyOf(waiter);
    const row = this.#levels.get(waiter.priority)?.get(key);
    const index = row?.indexOf(waiter) ?? -1;
    if (row === undefined || index < 0) return false;
    row.splice(index, 1);
    this.#tidy(waiter.priority, key, row);
    return true;
  }

  /** Takes out the call of this priority whose turn it is. Its tenant goes to the end of the line. */
  next(priority: number): W | undefined {
    const level = this.#levels.get(priority);
    const first = level?.entries().next().value;
    if (level === undefined || first === undefined) return undefined;
    const [key, row] = first;
    const waiter = row.shift();
    level.delete(key);
    level.set(key, row);
    this.#tidy(priority, key, row);
    return waiter;
  }

  /** How many calls go before one that would come now. */
  ahead(waiter: W): number {
    const key = this.#keyOf(waiter);
    let count = 0;
    for (const [priority, level] of this.#levels) {
      if (priority < waiter.priority) continue;
      // Of each other tenant as many go first as this one has waiting, and the one whose turn comes before.
      const most = priority > waiter.priority ? Number.POSITIVE_INFINITY : (level.get(key)?.length ?? 0) + 1;
      for (const [other, row] of level) count += other === key ? row.length : Math.min(row.length, most);
    }
    return count;
  }

  /**
   * Makes room for a newcomer: the newest call of the tenant that has the most waiting, if that is more than the newcomer's
   * tenant would have; undefined when the newcomer is to blame itself. This is longest queue drop (Suter et al., "Design
   * considerations for supporting TCP with per-flow queueing", 1998).
   */
  giveWay(newcomer: W): W | undefined {
    let longest: string | undefined;
    let most = (this.#counts.get(this.#keyOf(newcomer)) ?? 0) + 1;
    for (const [key, count] of this.#counts) {
      if (count <= most) continue;
      longest = key;
      most = count;
    }
    if (longest === undefined) return undefined;
    const [priority, row] = this.#lowestRow(longest);
    const waiter = row.pop();
    this.#tidy(priority, longest, row);
    return waiter;
  }

  #lowestRow(key: string): readonly [number, W[]] {
    let lowest: readonly [number, W[]] = [Number.POSITIVE_INFINITY, []];
    for (const [priority, level] of this.#levels) {
      const row = level.get(key);
      if (row !== undefined && priority < lowest[0]) lowest = [priority, row];
    }
    return lowest;
  }

  #keyOf(waiter: W): string {
    return this.#share === 'fair' ? waiter.tenant : '';
  }

  /** After a call was taken out of its row. */
  #tidy(priority: number, key: string, row: readonly W[]): void {
    this.#count(key, -1);
    if (row.length > 0) return;
    const level = this.#levels.get(priority);
    level?.delete(key);
    if (level?.size === 0) this.#levels.delete(priority);
  }

  #count(key: string, by: 1 | -1): void {
    this.#size += by;
    const count = (this.#counts.get(key) ?? 0) + by;
    if (count === 0) this.#counts.delete(key);
    else this.#counts.set(key, count);
  }
}
