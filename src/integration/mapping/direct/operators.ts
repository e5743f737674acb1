// The operators of JSONata on values. What is an error there is left to jsonata, which knows its code and place.
import { emptySequence, isList, isNumeric, isRecord, type List, type Run, refuseFunction, UNDECIDED } from './value.ts';

export type Operator = (left: unknown, right: unknown, run: Run) => unknown;

/** By how they are written; `and` and `or` are not among them since they may do without their right side. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  '+': arithmetic((a, b) => a + b),
  '-': arithmetic((a, b) => a - b),
  '*': arithmetic((a, b) => a * b),
  '/': arithmetic((a, b) => a / b),
  '%': arithmetic((a, b) => a % b),
  '=': (a, b, run) => a !== undefined && b !== undefined && isSame(a, b, run),
  '!=': (a, b, run) => a !== undefined && b !== undefined && !isSame(a, b, run),
  '<': comparison((order) => order < 0),
  '<=': comparison((order) => order <= 0),
  '>': comparison((order) => order > 0),
  '>=': comparison((order) => order >= 0),
  '&': (a, b, run) => run.spendOn((textOf(a, run) ?? '') + (textOf(b, run) ?? '')),
  '..': range,
  in: isIn,
};

function arithmetic(calculate: (left: number, right: number) => number): Operator {
  return (left, right) => {
    // Both are looked at before either is found missing.
    const isLeft = isNumeric(left);
    const isRight = isNumeric(right);
    if (isLeft && isRight) return calculate(left, right);
    if ((isLeft || left === undefined) && (isRight || right === undefined)) return undefined;
    throw UNDECIDED;
  };
}

function comparison(holds: (order: number) => boolean): Operator {
  return (left, right) => {
    if (typeof left === 'number' && typeof right === 'number') return holds(compare(left, right));
    if (typeof left === 'string' && typeof right === 'string') return holds(compare(left, right));
    if (isComparable(left) && isComparable(right) && (left === undefined || right === undefined)) return undefined;
    throw UNDECIDED;
  };
}

/** NaN where neither is before the other nor are they the same. */
export function compare<T extends string | number>(left: T, right: T): number {
  if (left < right) return -1;
  if (left > right) return 1;
  return left === right ? 0 : Number.NaN;
}

function isComparable(value: unknown): boolean {
  return value === undefined || typeof value === 'string' || typeof value === 'number';
}

/** The same value, however deep. */
export function isSame(left: unknown, right: unknown, run: Run): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  if (isList(left) && isList(right)) {
    if (left.length !== right.length) return false;
    run.spend(left.length);
    return left.every((item, index) => isSame(item, right[index], run));
  }
  if (!isRecord(left) || !isRecord(right)) return isSameAsList(isRecord(left) ? left : right);
  const names = Object.getOwnPropertyNames(left);
  run.spend(names.length);
  if (Object.getOwnPropertyNames(right).length !== names.length) return false;
  return (
    names.every((name) => Object.hasOwn(right, name)) && names.every((name) => isSame(left[name], right[name], run))
  );
}

/** There, a list and an object are the same when they have the same own properties; of a list, `length` is one. */
function isSameAsList(value: object): boolean {
  if (Object.hasOwn(value, 'length')) throw UNDECIDED;
  return false;
}

function isIn(item: unknown, list: unknown, run: Run): boolean {
  if (item === undefined || list === undefined) return false;
  if (!isList(list)) return item === list;
  run.spend(list.length);
  // Not `includes`: NaN is in no list.
  return list.indexOf(item) >= 0;
}

function range(from: unknown, to: unknown, run: Run): List | undefined {
  if (from !== undefined && !Number.isInteger(from)) throw UNDECIDED;
  if (to !== undefined && !Number.isInteger(to)) throw UNDECIDED;
  if (typeof from !== 'number' || typeof to !== 'number' || from > to) return undefined;
  // Beyond the safe integers one more is no more: jsonata would count for ever.
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) throw UNDECIDED;
  run.spend(to - from + 1);
  const list = emptySequence();
  for (let item = from; item <= to; item += 1) list.push(item);
  return list;
}

/** Whether a value counts as true; undefined when there is none. */
export function truthOf(value: unknown, run: Run): boolean | undefined {
  if (typeof value === 'boolean' || value === undefined) return value;
  if (typeof value === 'string') return value !== '';
  if (isNumeric(value)) return value !== 0;
  if (isList(value)) {
    if (value.length === 1) return truthOf(value[0], run);
    run.spend(value.length);
    // Each of them is looked at: one may be what is left to jsonata.
    return value.filter((item) => truthOf(item, run)).length > 0;
  }
  if (!isRecord(value)) return false;
  refuseFunction(value);
  const { length } = Object.keys(value);
  run.spend(length);
  return length > 0;
}

/** A value as text; undefined when there is none. */
export function textOf(value: unknown, run: Run): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  if (typeof value === 'number' && !Number.isFinite(value)) throw UNDECIDED;
  if (isRecord(value)) refuseFunction(value);
  const text = JSON.stringify(isList(value) && value.outerWrapper === true ? value[0] : value, asWritten);
  return run.spendOn(text);
}

/** Numbers as jsonata rounds them in texts. */
function asWritten(_key: string, value: unknown): unknown {
  if (isNumeric(value)) return Number.isInteger(value) ? value : Number(value.toPrecision(15));
  if (isRecord(value)) refuseFunction(value);
  return value;
}
