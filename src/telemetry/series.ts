// The series of one metric family, grouped by owner: looked up at load, dropped with their owner, read by a scrape.

/** The label values after the owner's, shared by every owner that has the same ones. */
export interface LabelSet {
  readonly values: readonly string[];
  /** As in the exposition: `method="GET",code="200"`. */
  readonly text: string;
}

/** One series, and the next one of its owner: thousands of owners are smaller without lists. */
export interface Series<Cell> {
  readonly labels: LabelSet;
  next: Cell | undefined;
}

/** Cells by owner. `labels[0]` is the owner's label; a family without labels has the one owner ''. */
export class SeriesTable<Cell extends Series<Cell>> {
  /** The first series of each; see {@link Series.next}. */
  readonly #owners = new Map<string, Cell>();
  readonly #sets = new Map<string, LabelSet>();
  readonly #ownerLabel: string;
  readonly #labels: readonly string[];
  readonly #make: (labels: LabelSet) => Cell;

  constructor(labels: readonly string[], make: (labels: LabelSet) => Cell) {
    this.#ownerLabel = labels[0] ?? '';
    this.#labels = labels.slice(1);
    this.#make = make;
  }

  /** The cell of an owner and its other label values (in the order of the labels); made when there is none. */
  cell(owner: string, values: readonly string[]): Cell {
    const set = this.#set(values);
    let last = this.#owners.get(owner);
    if (last === undefined) {
      const first = this.#make(set);
      this.#owners.set(owner, first);
      return first;
    }
    // An owner has tens of series and looks them up once.
    while (last.labels !== set && last.next !== undefined) last = last.next;
    if (last.labels === set) return last;
    const cell = this.#make(set);
    last.next = cell;
    return cell;
  }

  removeOwner(owner: string): void {
    this.#owners.delete(owner);
  }

  /** The first series of each owner. */
  get owners(): ReadonlyMap<string, Cell> {
    return this.#owners;
  }

  /** `route="create-order"`, or '' for an owner that is ''. */
  ownerText(owner: string): string {
    return labelText(this.#ownerLabel, owner);
  }

  /** The labels of one series as prom-client's objects. */
  object(owner: string, set: LabelSet): Record<string, string> {
    const labels: Record<string, string> = {};
    if (owner !== '') labels[this.#ownerLabel] = owner;
    for (const [index, name] of this.#labels.entries()) {
      const value = set.values[index] ?? '';
      if (value !== '') labels[name] = value;
    }
    return labels;
  }

  #set(values: readonly string[]): LabelSet {
    const parts = this.#labels.map((name, index) => labelText(name, values[index] ?? ''));
    const text = parts.filter((part) => part !== '').join(',');
    let set = this.#sets.get(text);
    if (set === undefined) {
      set = { values: [...values], text };
      this.#sets.set(text, set);
    }
    return set;
  }
}

/** One label as in the exposition. An empty value is the same as no label (Prometheus data model), so it is left out. */
export function labelText(name: string, value: string): string {
  return value === '' ? '' : `${name}="${escapeLabel(value)}"`;
}

const SPECIAL = /[\\"\n]/;

function escapeLabel(value: string): string {
  if (!SPECIAL.test(value)) return value;
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
