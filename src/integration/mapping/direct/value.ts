// Values as JSONata sees them: lists that collapse, lists that do not, and what one evaluation may cost.

/**
 * An array, with what JSONata remembers of it. Arrays of the data have none of these marks.
 *
 * - `sequence`: the result of a selection; with one item it counts as that item, with none as nothing
 * - `keepSingleton`: a sequence that stays a list with one item (`[]` was written)
 * - `cons`: made by `[…]` as a step, not to be flattened into the result of the path
 * - `outerWrapper`: around an input that is an array itself
 */
export interface List extends Array<unknown> {
  sequence?: boolean;
  keepSingleton?: boolean;
  cons?: boolean;
  outerWrapper?: boolean;
}

export type Evaluate = (input: unknown, run: Run) => unknown;

/** A compiled node of the syntax tree. */
export interface Part {
  readonly evaluate: Evaluate;
  /** How many nodes jsonata would be in at a time, at most; it gives up at 200. One that has no parts counts nothing. */
  readonly depth: number;
}

/** Thrown where this evaluation cannot be sure to do what jsonata does, be it a value or an error. */
export const UNDECIDED = new Error('left to jsonata');

/**
 * What an evaluation may cost: one for each item that is looked at or put in a list, and for each few characters. It is the
 * longest sequence that jsonata is allowed, so none here gets longer, and some milliseconds at the most.
 */
const MAX_COST = 100_000;
/** Characters that cost as much as an item. */
const CHARACTERS = 16;

/** One evaluation. */
export class Run {
  #left = MAX_COST;
  readonly root: unknown;
  readonly variables: Readonly<Record<string, unknown>>;
  /** Values of the variables that blocks bind. */
  readonly bound: unknown[] = [];
  #now: Date | undefined = undefined;

  constructor(root: unknown, variables: Readonly<Record<string, unknown>>) {
    this.root = root;
    this.variables = variables;
  }

  spend(items: number): void {
    this.#left -= items;
    if (this.#left < 0) throw UNDECIDED;
  }

  /** @returns the text */
  spendOn(text: string): string {
    this.spend(Math.ceil(text.length / CHARACTERS));
    return text;
  }

  /** The same moment throughout. */
  get now(): Date {
    this.#now ??= new Date();
    return this.#now;
  }
}

export function isList(value: unknown): value is List {
  return Array.isArray(value);
}

/** An object that is no list. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function emptySequence(): List {
  const list: List = [];
  list.sequence = true;
  return list;
}

export function sequenceOf(item: unknown): List {
  const list: List = [item];
  list.sequence = true;
  return list;
}

/** What a node makes of its result: a sequence of one is that one, an empty one is nothing. */
export function settle(value: unknown, keepArray: boolean): unknown {
  if (!isList(value) || value.sequence !== true) return value;
  if (keepArray) value.keepSingleton = true;
  if (value.length > 1) return value;
  if (value.length === 0) return undefined;
  return value.keepSingleton === true ? value : value[0];
}

/** jsonata takes objects with such a member for functions, wherever they come from. */
export function refuseFunction(value: Record<string, unknown>): void {
  if (value['_jsonata_function'] === true || value['_jsonata_lambda'] === true) throw UNDECIDED;
}

/** jsonata takes an object with such a member for a list of its own, wherever it comes from. */
export function refuseTupleStream(value: unknown): void {
  if (isRecord(value) && value['tupleStream']) throw UNDECIDED;
}

/** A number to calculate with; NaN is none. */
export function isNumeric(value: unknown): value is number {
  if (typeof value !== 'number' || Number.isNaN(value)) return false;
  if (!Number.isFinite(value)) throw UNDECIDED;
  return true;
}

/** The member of this name; of a list, those of its items. Not settled. */
export function lookUp(input: unknown, name: string, run: Run): unknown {
  if (isList(input)) return lookUpAll(input, name, run);
  if (!isRecord(input) || !Object.hasOwn(input, name)) return undefined;
  refuseFunction(input);
  return input[name];
}

function lookUpAll(list: List, name: string, run: Run): List {
  const found = emptySequence();
  run.spend(list.length);
  for (const item of list) {
    const value = lookUp(item, name, run);
    if (isList(value)) pushAll(found, value, run);
    else if (value !== undefined) found.push(value);
  }
  return found;
}

export function pushAll(list: List, items: List, run: Run): void {
  run.spend(items.length);
  for (const item of items) list.push(item);
}

/** Both as one list; nothing is left out. */
export function append(first: unknown, second: unknown, run: Run): unknown {
  if (first === undefined) return second;
  if (second === undefined) return first;
  const list: List = [];
  for (const each of [first, second]) {
    if (isList(each)) pushAll(list, each, run);
    else list.push(each);
  }
  return list;
}
