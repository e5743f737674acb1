// Paths: what a name, a step, a filter and a grouping make of their context.
import { truthOf } from './operators.ts';
import {
  type Evaluate,
  emptySequence,
  isList,
  isNumeric,
  isRecord,
  type List,
  lookUp,
  pushAll,
  type Run,
  refuseFunction,
  refuseTupleStream,
  sequenceOf,
  settle,
  UNDECIDED,
} from './value.ts';

/** One step of a path, from a list to a list. @param last it is the last step of its path */
export type Step = (list: List, run: Run, last: boolean) => List;

export interface PathParts {
  readonly steps: readonly Step[];
  /** The steps it begins with that are plain names, perhaps after a variable. */
  readonly names: readonly string[];
  /** Where the path begins when it is a variable. */
  readonly variable: Evaluate | undefined;
  /** Step that sorts: it may hand on the very list it is given. */
  readonly sorts: ReadonlySet<number>;
  /** The first step is `[…]`: it is made once and not of each item. */
  readonly first: Evaluate | undefined;
  /** Somewhere in it is `[]`. */
  readonly keepSingleton: boolean;
  readonly keepArray: boolean;
  readonly group: Evaluate | undefined;
}

/** The value of a name, for a context of any kind. */
export function name(key: string, keepArray: boolean): Evaluate {
  return (input, run) => settle(lookUp(input, key, run), keepArray);
}

/** A step that evaluates each item, flattens what comes of it by one level, and leaves out what is missing. */
export function step(evaluate: Evaluate, filters: readonly Evaluate[]): Step {
  return (list, run, last) => {
    run.spend(list.length);
    const made = emptySequence();
    let count = 0;
    let only: unknown;
    for (const item of list) {
      let value = evaluate(item, run);
      for (const narrow of filters) value = narrow(value, run);
      if (value === undefined) continue;
      if (count === 0) only = value;
      else {
        if (count === 1) add(made, only, run);
        add(made, value, run);
      }
      count += 1;
    }
    if (count !== 1) return made;
    // A list of the data, or one that was written, is the result as it is, even when it is empty.
    if (last && isList(only) && only.sequence !== true) return only;
    add(made, only, run);
    return made;
  };
}

function add(list: List, value: unknown, run: Run): void {
  if (isList(value) && value.cons !== true) pushAll(list, value, run);
  else list.push(value);
}

export function path(parts: PathParts): Evaluate {
  const { first, keepArray, keepSingleton, group } = parts;
  const isPlain = first === undefined && !keepArray && !keepSingleton && group === undefined;
  return isPlain ? quickPath(parts) : anyPath(parts);
}

function walk({ steps }: PathParts, from: number, start: List, run: Run): List {
  let list = start;
  for (let i = from; i < steps.length && (i === from || list.length > 0); i += 1) {
    list = steps[i]?.(list, run, i === steps.length - 1) ?? list;
  }
  return list;
}

function anyPath(parts: PathParts): Evaluate {
  const { first, variable, keepSingleton, keepArray, group } = parts;
  return (input, run) => {
    let list = isList(input) && variable === undefined ? input : sequenceOf(input);
    if (first === undefined) list = walk(parts, 0, list, run);
    else {
      const made = first(list, run);
      if (!isList(made)) throw UNDECIDED;
      list = made.length === 0 ? made : walk(parts, 1, made, run);
    }
    if (keepSingleton) {
      if (list.cons === true && list.sequence !== true) list = sequenceOf(list);
      // On a list of the data it would mean nothing.
      if (list.sequence === true) list.keepSingleton = true;
    }
    return settle(group === undefined ? list : group(list, run), keepArray);
  };
}

/** As long as there is one value and not many, a path is a chain of look-ups and no list is made. */
function quickPath(parts: PathParts): Evaluate {
  const { steps, variable, sorts } = parts;
  const from = variable === undefined ? 0 : 1;
  const quick = from + parts.names.length;
  // What every object inherits is no member of it.
  const members = [...(variable === undefined ? [] : ['']), ...parts.names].map((key) => ({
    key,
    inherited: key in Object.prototype,
  }));
  const rest = (index: number, list: List, run: Run): unknown =>
    settle(walk(parts, index, sorts.has(index) ? copied(list) : list, run), false);
  return (input, run) => {
    let at = input;
    if (variable !== undefined) {
      at = variable(input, run);
      if (at === undefined) return undefined;
    }
    if (isList(at)) {
      if (variable === undefined) return rest(0, at, run);
      return at.length === 0 ? undefined : rest(1, at.cons === true ? sequenceOf(at) : at, run);
    }
    for (let i = from; i < quick; i += 1) {
      const member = members[i];
      if (member === undefined || !isRecord(at)) return undefined;
      const value = member.inherited && !Object.hasOwn(at, member.key) ? undefined : at[member.key];
      if (value === undefined) return undefined;
      refuseFunction(at);
      if (isList(value)) {
        if (value.sequence === true) return rest(i, sequenceOf(at), run);
        if (i === steps.length - 1) return value;
        return value.length === 0 ? undefined : rest(i + 1, value.cons === true ? sequenceOf(value) : value, run);
      }
      at = value;
    }
    return quick === steps.length ? at : rest(quick, sequenceOf(at), run);
  };
}

function copied(list: List): List {
  const copy = emptySequence();
  for (const item of list) copy.push(item);
  return copy;
}

/** `[2]`, `[-1]`: the item at that place. */
export function itemAt(place: number): Evaluate {
  const index = Math.floor(place);
  return (value) => {
    const list = listToFilter(value);
    const item = list[index < 0 ? list.length + index : index];
    if (item === undefined) return emptySequence();
    return isList(item) ? item : sequenceOf(item);
  };
}

/** `[…]`: the items for which it is true, or at whose place it says they are. */
export function filter(evaluate: Evaluate): Evaluate {
  return (value, run) => {
    const list = listToFilter(value);
    run.spend(list.length);
    const kept = emptySequence();
    for (const [index, item] of list.entries()) {
      const said = evaluate(item, run);
      const places = isNumeric(said) ? [said] : said;
      if (isPlaces(places)) {
        run.spend(places.length);
        for (const place of places) if (indexOf(place, list.length) === index) kept.push(item);
      } else if (truthOf(places, run) === true) kept.push(item);
    }
    return kept;
  };
}

function listToFilter(value: unknown): List {
  if (isList(value)) return value;
  refuseTupleStream(value);
  return sequenceOf(value);
}

function isPlaces(value: unknown): value is number[] {
  // Each of them is looked at: one may be what is left to jsonata.
  return isList(value) && value.filter((item) => !isNumeric(item)).length === 0;
}

function indexOf(place: number, length: number): number {
  const index = Math.floor(place);
  return index < 0 ? length + index : index;
}

/** `{…}` with keys that are known: one object for the whole context. */
export function object(keys: readonly string[], values: readonly Evaluate[]): Evaluate {
  return (input, run) => {
    let context = input;
    if (isList(input)) context = together(input, run);
    else refuseTupleStream(input);
    const made: Record<string, unknown> = {};
    for (let i = 0; i < keys.length; i += 1) {
      const key = keys[i];
      const value = values[i]?.(context, run);
      if (key !== undefined && value !== undefined) made[key] = value;
    }
    return made;
  };
}

/** The items as the one context of a grouping: lists among them are flattened. */
function together(list: List, run: Run): unknown {
  // jsonata writes into an empty list of the data here.
  if (list.length === 0 && list.sequence !== true) throw UNDECIDED;
  if (list.length <= 1) return list[0];
  run.spend(list.length);
  const present = list.filter((item) => item !== undefined);
  if (present.length <= 1) return present[0];
  const all: List = [];
  for (const item of present) {
    if (isList(item)) pushAll(all, item, run);
    else all.push(item);
  }
  return all;
}
