// Metric families whose series are plain cells: a request adds to a number it holds, and only a scrape sees labels. prom-client
// knows each of them by name, labels and type, and reads its cells when it is asked.
import {
  type MetricValueWithName,
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  type Registry,
} from 'prom-client';
import type { Counter, Gauge, Histogram } from './instruments.ts';
import { type LabelSet, type Series, SeriesTable } from './series.ts';

/** What a family is: `labels[0]` names the owner (route, upstream, tenant) with whom its series come and go. */
export interface FamilySettings {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** Text formats of `GET /metrics`: Prometheus 0.0.4 and OpenMetrics 1.0. */
export type ExpositionFormat = 'prometheus' | 'openmetrics';

/** What a scrape needs of a family, whatever its type. */
export interface Family extends FamilySettings {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** The lines of one owner at a time, so that whoever writes them can pause between two. */
  samples(format: ExpositionFormat): Generator<string>;
  /** Drops every series of an owner. */
  removeOwner(owner: string): void;
}

/** The value of one counter or gauge series. */
class NumberCell implements Counter, Gauge, Series<NumberCell> {
  value = 0;
  readonly labels: LabelSet;
  next: NumberCell | undefined = undefined;

  constructor(labels: LabelSet) {
    this.labels = labels;
  }
}

/** One histogram series: a count for each bucket, the last one for everything beyond the bounds, and the sum. */
class HistogramCell implements Histogram, Series<HistogramCell> {
  readonly labels: LabelSet;
  next: HistogramCell | undefined = undefined;
  readonly bounds: readonly number[];
  /** Not cumulative. Small integers in a plain array: a third of the memory of a typed one of this size. */
  readonly counts: number[];
  sum = 0;

  constructor(labels: LabelSet, bounds: readonly number[]) {
    this.labels = labels;
    this.bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(seconds: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? Number.POSITIVE_INFINITY)) bucket++;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.sum += seconds;
  }
}

/** What every family has: cells by their labels. */
abstract class CellFamily<Cell extends Series<Cell>> implements Family {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  abstract readonly type: Family['type'];
  protected readonly table: SeriesTable<Cell>;

  constructor({ name, help, labels }: FamilySettings, make: (labels: LabelSet) => Cell) {
    this.name = name;
    this.help = help;
    this.labels = labels;
    this.table = new SeriesTable(labels, make);
  }

  abstract samples(format: ExpositionFormat): Generator<string>;

  /** The cell of one series, made at 0 when there is none; one value per label, in their order. */
  cell(owner = '', ...rest: readonly string[]): Cell {
    return this.table.cell(owner, rest);
  }

  removeOwner(owner: string): void {
    this.table.removeOwner(owner);
  }
}

/** A family of counters or of gauges. */
export class NumberFamily extends CellFamily<NumberCell> {
  readonly type: 'counter' | 'gauge';
  /** Called before the cells are read: for numbers that are somewhere else until they are asked for. */
  onRead: (() => void) | undefined = undefined;

  constructor(registry: Registry, type: 'counter' | 'gauge', settings: FamilySettings) {
    super(settings, (labels) => new NumberCell(labels));
    this.type = type;
    const { name, help, labels } = settings;
    const PromFamily = type === 'counter' ? PromCounter : PromGauge;
    const shown: PromNumber = new PromFamily({
      name,
      help,
      labelNames: labels,
      registers: [registry],
      collect: () => this.#copyTo(shown),
    });
  }

  *samples(): Generator<string> {
    const { name, table } = this;
    this.onRead?.();
    for (const [owner, first] of table.owners) {
      const ownerText = table.ownerText(owner);
      let text = '';
      for (let cell: NumberCell | undefined = first; cell !== undefined; cell = cell.next)
        text += `${name}${braced(ownerText, cell.labels.text)} ${sampleValue(cell.value)}\n`;
      yield text;
    }
  }

  #copyTo(shown: PromNumber): void {
    const { table } = this;
    this.onRead?.();
    shown.reset();
    for (const [owner, first] of table.owners) {
      for (let cell: NumberCell | undefined = first; cell !== undefined; cell = cell.next)
        shown.inc(table.object(owner, cell.labels), cell.value);
    }
  }
}

/** What prom-client's counters and gauges have in common. */
interface PromNumber {
  reset(): void;
  inc(labels: Record<string, string>, value: number): void;
}

/** A family of histograms over seconds. */
export class HistogramFamily extends CellFamily<HistogramCell> {
  readonly type = 'histogram';
  readonly #bounds: readonly number[];

  constructor(registry: Registry, settings: FamilySettings, bounds: readonly number[]) {
    super(settings, (labels) => new HistogramCell(labels, bounds));
    this.#bounds = bounds;
    registry.registerMetric(new ShownHistogram(settings, bounds, () => this.#values()));
  }

  *samples(format: ExpositionFormat): Generator<string> {
    const buckets = [...this.#bounds, Number.POSITIVE_INFINITY].map((bound) => `le="${bucketBound(bound, format)}"`);
    for (const [owner, first] of this.table.owners) {
      const ownerText = this.table.ownerText(owner);
      let text = '';
      for (let cell: HistogramCell | undefined = first; cell !== undefined; cell = cell.next)
        text += this.#cellSamples(cell, joined(ownerText, cell.labels.text), buckets);
      yield text;
    }
  }

  #cellSamples(cell: HistogramCell, labels: string, buckets: readonly string[]): string {
    const { name } = this;
    let text = '';
    let total = 0;
    for (const [index, bucket] of buckets.entries()) {
      total += cell.counts[index] ?? 0;
      text += `${name}_bucket${braced(labels, bucket)} ${total}\n`;
    }
    const set = braced(labels, '');
    return `${text}${name}_sum${set} ${sampleValue(cell.sum)}\n${name}_count${set} ${total}\n`;
  }

  #values(): SharedValue[] {
    const values: SharedValue[] = [];
    for (const [owner, first] of this.table.owners) {
      for (let cell: HistogramCell | undefined = first; cell !== undefined; cell = cell.next)
        this.#cellValues(cell, this.table.object(owner, cell.labels), values);
    }
    return values;
  }

  #cellValues(cell: HistogramCell, sharedLabels: Record<string, string>, values: SharedValue[]): void {
    const { name } = this;
    let total = 0;
    for (const [index, bound] of [...this.#bounds, '+Inf'].entries()) {
      total += cell.counts[index] ?? 0;
      values.push({ metricName: `${name}_bucket`, labels: { le: bound }, sharedLabels, value: total });
    }
    values.push({ metricName: `${name}_sum`, labels: {}, sharedLabels, value: cell.sum });
    values.push({ metricName: `${name}_count`, labels: {}, sharedLabels, value: total });
  }
}

/** A histogram as prom-client keeps it, with the values of ours: there is no other way to give it whole buckets. */
class ShownHistogram extends PromHistogram<string> {
  readonly #settings: FamilySettings;
  readonly #values: () => SharedValue[];

  constructor(settings: FamilySettings, bounds: readonly number[], values: () => SharedValue[]) {
    const { name, help, labels } = settings;
    super({ name, help, labelNames: labels, buckets: [...bounds], registers: [] });
    this.#settings = settings;
    this.#values = values;
  }

  /** What prom-client's `get` and renderer ask of a histogram; its types leave it out. */
  async getForPromString() {
    const { name, help } = this.#settings;
    return { name, help, type: 'histogram', aggregator: 'sum', values: this.#values() };
  }
}

/** prom-client's form of a histogram's value before the labels of its buckets are merged with those of the series. */
interface SharedValue extends MetricValueWithName<string> {
  readonly sharedLabels: Readonly<Record<string, string>>;
}

/** Joins two rendered label lists, either of which may be empty. */
function joined(left: string, right: string): string {
  return left === '' || right === '' ? left + right : `${left},${right}`;
}

function braced(left: string, right: string): string {
  const labels = joined(left, right);
  return labels === '' ? '' : `{${labels}}`;
}

/** A sample value as both formats write it. */
export function sampleValue(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : `${value}`;
}

/** OpenMetrics 1.0 §"Canonical numbers" wants `1.0` where Prometheus' own format writes `1`. */
function bucketBound(bound: number, format: ExpositionFormat): string {
  return format === 'openmetrics' && Number.isInteger(bound) ? `${bound}.0` : sampleValue(bound);
}
