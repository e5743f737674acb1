// Metric families whose series are plain cells: a request adds to a number it holds, and only a scrape sees labels.
import {
  type MetricObjectWithValues,
  type MetricValue,
  type MetricValueWithName,
  Counter as PromCounter,
  Gauge as PromGauge,
  Histogram as PromHistogram,
  type Registry,
} from 'prom-client';
import type { Counter, Gauge, Histogram } from './instruments.ts';
import { type LabelSet, SeriesTable } from './series.ts';

/** What a family is: `labels[0]` names the owner (route, upstream, tenant) with whom its series come and go. */
export interface FamilySettings {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** Text formats of `GET /metrics`: Prometheus 0.0.4 and OpenMetrics 1.0. */
export type ExpositionFormat = 'prometheus' | 'openmetrics';

/** What a scrape needs of a family, whatever its type. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** The lines of one owner at a time, so that whoever writes them can pause between two. */
  samples(format: ExpositionFormat): Generator<string>;
  /** Drops every series of an owner. */
  removeOwner(owner: string): void;
}

/** The value of one counter or gauge series. */
class NumberCell implements Counter, Gauge {
  value = 0;
  readonly labels: LabelSet;

  constructor(labels: LabelSet) {
    this.labels = labels;
  }
}

/** One histogram series: a count for each bucket, the last one for everything beyond the bounds, and the sum. */
class HistogramCell implements Histogram {
  readonly labels: LabelSet;
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

function* numberSamples(name: string, table: SeriesTable<NumberCell>): Generator<string> {
  for (const [owner, cells] of table.owners) {
    const ownerText = table.ownerText(owner);
    let text = '';
    for (const cell of cells) text += `${name}${braced(ownerText, cell.labels.text)} ${sampleValue(cell.value)}\n`;
    yield text;
  }
}

function numberValues(table: SeriesTable<NumberCell>): MetricValue<string>[] {
  const values: MetricValue<string>[] = [];
  for (const [owner, cells] of table.owners) {
    for (const cell of cells) values.push({ value: cell.value, labels: table.object(owner, cell.labels) });
  }
  return values;
}

/**
 * A counter family; registered with prom-client, read by a scrape straight from its cells.
 *
 * @example
 * const retries = new CounterFamily(registry, { name: 'x_retries_total', help: '…', labels: ['upstream', 'outcome'] });
 * const success = retries.cell('orders', 'success');
 * success.value++;
 */
export class CounterFamily extends PromCounter<string> implements Family {
  // prom-client sets these three and leaves them out of its types.
  declare readonly name: string;
  declare readonly help: string;
  declare readonly type: 'counter';
  readonly #table: SeriesTable<NumberCell>;

  constructor(registry: Registry, { name, help, labels = [] }: FamilySettings) {
    super({ name, help, labelNames: labels, registers: [registry] });
    this.#table = new SeriesTable(labels, (set) => new NumberCell(set));
  }

  /** The cell of one series, made at 0 when there is none; one value per label, in their order. */
  cell(owner = '', ...rest: readonly string[]): Counter {
    return this.#table.cell(owner, rest);
  }

  removeOwner(owner: string): void {
    this.#table.removeOwner(owner);
  }

  samples(): Generator<string> {
    return numberSamples(this.name, this.#table);
  }

  override async get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
    return { ...(await super.get()), values: numberValues(this.#table) };
  }
}

/** A gauge family; see {@link CounterFamily}. */
export class GaugeFamily extends PromGauge<string> implements Family {
  declare readonly name: string;
  declare readonly help: string;
  declare readonly type: 'gauge';
  readonly #table: SeriesTable<NumberCell>;

  constructor(registry: Registry, { name, help, labels = [] }: FamilySettings) {
    super({ name, help, labelNames: labels, registers: [registry] });
    this.#table = new SeriesTable(labels, (set) => new NumberCell(set));
  }

  /** The cell of one series, made at 0 when there is none; one value per label, in their order. */
  cell(owner = '', ...rest: readonly string[]): Gauge {
    return this.#table.cell(owner, rest);
  }

  removeOwner(owner: string): void {
    this.#table.removeOwner(owner);
  }

  samples(): Generator<string> {
    return numberSamples(this.name, this.#table);
  }

  override async get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
    return { ...(await super.get()), values: numberValues(this.#table) };
  }
}

/** A histogram family over seconds; see {@link CounterFamily}. */
export class HistogramFamily extends PromHistogram<string> implements Family {
  declare readonly name: string;
  declare readonly help: string;
  declare readonly type: 'histogram';
  readonly #table: SeriesTable<HistogramCell>;
  readonly #bounds: readonly number[];

  /** `bounds` are the upper bounds of the buckets in ascending order, without +Inf. */
  constructor(registry: Registry, { name, help, labels = [] }: FamilySettings, bounds: readonly number[]) {
    super({ name, help, labelNames: labels, buckets: [...bounds], registers: [registry] });
    this.#bounds = bounds;
    this.#table = new SeriesTable(labels, (set) => new HistogramCell(set, bounds));
  }

  /** The cell of one series, made empty when there is none; one value per label, in their order. */
  cell(owner = '', ...rest: readonly string[]): Histogram {
    return this.#table.cell(owner, rest);
  }

  removeOwner(owner: string): void {
    this.#table.removeOwner(owner);
  }

  *samples(format: ExpositionFormat): Generator<string> {
    const buckets = [...this.#bounds, Number.POSITIVE_INFINITY].map((bound) => `le="${bucketBound(bound, format)}"`);
    for (const [owner, cells] of this.#table.owners) {
      const ownerText = this.#table.ownerText(owner);
      let text = '';
      for (const cell of cells) text += this.#cellSamples(cell, joined(ownerText, cell.labels.text), buckets);
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

  /** What prom-client's `get` and renderer ask of a histogram; its types leave it out. */
  async getForPromString() {
    const { name, help, type } = this;
    const values: SharedValue[] = [];
    for (const [owner, cells] of this.#table.owners) {
      for (const cell of cells) this.#cellValues(cell, this.#table.object(owner, cell.labels), values);
    }
    return { name, help, type, aggregator: 'sum', values };
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
