// What the JSON Schema of JSON Schemas says of one: a single error for each mistake, with what would be right.
import type { ErrorObject } from 'ajv/dist/2020.js';
import { didYouMean } from '../schema/suggest.ts';
import { isRecord } from './walk.ts';

export interface SchemaError {
  /** To the value in the schema. */
  readonly pointer: string;
  readonly message: string;
  readonly hint?: string;
}

/** The errors of a schema's validation: the alternatives that one value fails together count as one. */
export function schemaErrors(errors: readonly ErrorObject[], schema: unknown): readonly SchemaError[] {
  const byPointer = new Map<string, ErrorObject>();
  for (const error of errors) {
    const { instancePath: pointer } = error;
    const first = byPointer.get(pointer);
    // Which values are right says more than which type, or that no alternative fits.
    if (first === undefined || (first.keyword !== 'enum' && error.keyword === 'enum')) byPointer.set(pointer, error);
  }
  const pointers = [...byPointer.keys()];
  return Array.from(byPointer)
    .filter(([pointer]) => !pointers.some((other) => other.startsWith(`${pointer}/`)))
    .map(([pointer, error]) => told(pointer, error, schema));
}

function told(pointer: string, { keyword, message, params }: ErrorObject, schema: unknown): SchemaError {
  const names = pointer.split('/').slice(1);
  // An item of a list has no name of its own.
  const name = names.findLast((each) => !/^\d+$/.test(each)) ?? 'the schema';
  const allowed: unknown = keyword === 'enum' ? params['allowedValues'] : undefined;
  if (!Array.isArray(allowed)) return { pointer, message: `"${name}" ${message ?? 'is not valid'}` };
  const words = allowed.map(String);
  const value = valueAt(schema, names);
  const hint = typeof value === 'string' ? didYouMean(value, words) : undefined;
  const one = { pointer, message: `"${name}" is one of ${words.join(', ')}` };
  return hint === undefined ? one : { ...one, hint };
}

function valueAt(schema: unknown, names: readonly string[]): unknown {
  let value = schema;
  for (const name of names) {
    const key = name.replaceAll('~1', '/').replaceAll('~0', '~');
    if (Array.isArray(value)) value = value[Number(key)];
    else value = isRecord(value) ? value[key] : undefined;
  }
  return value;
}
