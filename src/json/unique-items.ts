// `uniqueItems` in linear time. ajv compares every pair of objects: a megabyte of small ones would hold the process for minutes.
import type { SchemaValidateFunction } from 'ajv';

/** Replaces ajv's own `uniqueItems`. */
export const uniqueItems: SchemaValidateFunction = (wanted: unknown, data: unknown): boolean => {
  if (wanted !== true || !Array.isArray(data)) return true;
  const seen = new Map<unknown, number>();
  for (let i = 0; i < data.length; i++) {
    const item: unknown = data[i];
    // A scalar stands for itself; the text of an object or array begins with a mark no scalar string is compared with.
    const key =
      typeof item === 'object' && item !== null ? canonical(item) : typeof item === 'string' ? `s${item}` : item;
    const first = seen.get(key);
    if (first !== undefined) {
      uniqueItems.errors = [
        {
          keyword: 'uniqueItems',
          params: { i, j: first },
          message: `must NOT have duplicate items (items ${first} and ${i} are identical)`,
        },
      ];
      return false;
    }
    seen.set(key, i);
  }
  return true;
};

/** A text that two JSON values share exactly when they are equal, whatever the order of their keys. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`);
  return `{${members.join(',')}}`;
}
