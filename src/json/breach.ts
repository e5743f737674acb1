// What a value breaks in its schema, in words for people and kinds for metrics.
import type { ErrorObject } from 'ajv';
import type { Violation } from '../exchange/problem.ts';
import { pointerTo } from './pointer.ts';

/** How an answer drifted from its contract; the label of `sluice_drift_total`. */
export type DriftKind = 'missing' | 'type' | 'unexpected' | 'enum';

export interface Breach extends Violation {
  readonly kind: DriftKind;
}

/** Most breaches named for one value. */
const MAX_BREACHES = 50;

const KINDS: ReadonlyMap<string, DriftKind> = new Map([
  ['required', 'missing'],
  ['dependentRequired', 'missing'],
  ['dependencies', 'missing'],
  ['minItems', 'missing'],
  ['minProperties', 'missing'],
  ['contains', 'missing'],
  ['additionalProperties', 'unexpected'],
  ['unevaluatedProperties', 'unexpected'],
  ['unevaluatedItems', 'unexpected'],
  ['items', 'unexpected'],
  ['propertyNames', 'unexpected'],
  ['maxItems', 'unexpected'],
  ['maxProperties', 'unexpected'],
  ['uniqueItems', 'unexpected'],
  ['not', 'unexpected'],
  ['false schema', 'unexpected'],
  ['type', 'type'],
  ['nullable', 'type'],
  ['anyOf', 'type'],
  ['oneOf', 'type'],
  ['if', 'type'],
]);

/** ajv's errors as breaches, at most {@link MAX_BREACHES}. The kind of a keyword about the value itself is `enum`. */
export function breachesOf(errors: readonly ErrorObject[]): readonly Breach[] {
  return errors.slice(0, MAX_BREACHES).map((error) => {
    const kind = KINDS.get(error.keyword) ?? 'enum';
    return { pointer: pointerOf(error), detail: detailOf(error), kind };
  });
}

/** A missing or unexpected member is named itself, not the object it is missing from. */
function pointerOf({ instancePath, params, propertyName }: ErrorObject): string {
  const member: unknown =
    params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty'] ?? propertyName;
  return typeof member === 'string' ? pointerTo(instancePath, member) : instancePath;
}

function detailOf({ keyword, params, message }: ErrorObject): string {
  switch (keyword) {
    case 'required':
      return 'is required';
    case 'dependentRequired':
      return `is required beside ${JSON.stringify(params['property'])}`;
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return 'is not expected';
    case 'enum':
      return `must be one of ${list(params['allowedValues'])}`;
    case 'const':
      return `must be ${JSON.stringify(params['allowedValue'])}`;
    default:
      return message ?? `breaks ${keyword}`;
  }
}

function list(values: unknown): string {
  if (!Array.isArray(values)) return 'the listed values';
  const shown = values.slice(0, 20).map((value) => JSON.stringify(value));
  return values.length > shown.length ? `${shown.join(', ')}, …` : shown.join(', ');
}
