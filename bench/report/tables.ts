// A result as tables: what was measured, and the goals it is held against.
import type { Fact, Goal } from '../scenario.ts';
import type { ComparisonResult, GoalResult, Result, Spread } from './summary.ts';
import type { Table } from './table.ts';

const MIB = 2 ** 20;
/** Idle neighbours and the kernel take a few percent. */
const MOST_WAITED = 0.1;

export function resultTable(result: Result): Table {
  return result.kind === 'comparison' ? comparisonTable(result) : factTable(result.facts);
}

function comparisonTable({ unit, contenders }: ComparisonResult): Table {
  const compared = contenders.some(({ oursAgainst }) => oursAgainst !== undefined);
  return {
    head: ['', `CPU µs/${unit}`, ...(compared ? ['ours is ×'] : []), `${unit}s/s`, 'p50 ms', 'p99 ms', 'RSS MiB'],
    rows: contenders.map((each) => [
      each.name,
      range(each.cpuMicrosPerUnit),
      ...(compared ? [each.oursAgainst === undefined ? '' : range(each.oursAgainst, 2)] : []),
      range(each.unitsPerSecond),
      each.p50Ms.median.toFixed(2),
      each.p99Ms.median.toFixed(2),
      (each.rssBytes.median / MIB).toFixed(0),
    ]),
  };
}

/** What else has to be said of a table; '' when nothing. */
export function remarkOn(result: Result): string {
  if (result.kind !== 'comparison') return '';
  const { absent, contenders } = result;
  const waited = Math.max(...contenders.map(({ waitShare }) => waitShare.median));
  return [
    ...(absent.length > 0 ? [`Not on this machine: ${absent.join(', ')}.`] : []),
    ...(waited > MOST_WAITED
      ? [`Disturbed: something else had the proxies' core for up to ${(100 * waited).toFixed(0)} % of their time.`]
      : []),
  ].join(' ');
}

function factTable(facts: readonly Fact[]): Table {
  return {
    head: ['', 'measured', 'goal', ''],
    rows: facts.map(({ name, value, unit, atMost }) => [
      name,
      `${amount(value)} ${unit}`,
      atMost === undefined ? '' : `≤ ${amount(atMost)} ${unit}`,
      atMost === undefined ? '' : verdict(value <= atMost),
    ]),
  };
}

/** Every goal of these results, one line each: the median over rounds, and the range. */
export function goalTable(results: readonly Result[]): Table {
  return {
    head: ['scenario', 'what', 'measured', 'goal', ''],
    rows: results.flatMap((result) =>
      result.kind === 'comparison'
        ? result.goals.map((each) => [result.name, ...goalCells(each)])
        : result.facts
            .filter(({ atMost }) => atMost !== undefined)
            .map(({ name, value, unit, atMost = 0 }) => [
              result.name,
              name,
              `${amount(value)} ${unit}`,
              `≤ ${amount(atMost)} ${unit}`,
              verdict(value <= atMost),
            ]),
    ),
  };
}

function goalCells({ goal, value, reached }: GoalResult): string[] {
  const what = `${goal.subject} / ${goal.against}: ${measureName(goal)}`;
  if ('atMostMsMore' in goal) {
    return [what, `${range(value, 2)} ms more`, `≤ ${goal.atMostMsMore} ms more`, verdict(reached)];
  }
  const bound = 'atMost' in goal ? `≤ ${goal.atMost} ×` : `≥ ${goal.atLeast} ×`;
  return [what, `${range(value, 2)} ×`, bound, verdict(reached)];
}

function measureName({ measure }: Goal): string {
  return measure === 'cpu' ? 'CPU' : measure;
}

function verdict(reached: boolean): string {
  return reached ? 'reached' : 'missed';
}

/** The median, and from where to where it went. */
function range({ median, min, max }: Spread, digits = digitsFor(median)): string {
  const text = median.toFixed(digits);
  return min === max ? text : `${text} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}

/** Three significant ones, or all before the point. */
function digitsFor(value: number): number {
  if (Math.abs(value) >= 100) return 0;
  return Math.abs(value) >= 10 ? 1 : 2;
}

function amount(value: number): string {
  return Number.isInteger(value) ? value.toLocaleString('en') : value.toFixed(digitsFor(value));
}
