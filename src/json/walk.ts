// Walks a JSON Schema as a schema: a property that happens to be called `pattern`, or an example that holds a `$ref`, is neither.
import { pointerTo } from './pointer.ts';

/** One subschema and where it stands. */
export type SchemaVisitor = (schema: Readonly<Record<string, unknown>>, pointer: string) => void;

/** Keywords whose value maps names to schemas. */
const NAMED = new Set(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']);
/** Keywords whose value is data, not a schema. */
const DATA = new Set(['const', 'enum', 'default', 'examples', 'required', 'type', 'dependentRequired', '$vocabulary']);

/** Visits `schema` and everything below it. Anything that is not an object is passed over. */
export function walkSchema(schema: unknown, visit: SchemaVisitor, pointer = ''): void {
  if (Array.isArray(schema)) {
    schema.forEach((item, index) => {
      walkSchema(item, visit, pointerTo(pointer, index));
    });
    return;
  }
  if (!isRecord(schema)) return;
  visit(schema, pointer);
  for (const [keyword, value] of Object.entries(schema)) {
    if (DATA.has(keyword)) continue;
    const below = pointerTo(pointer, keyword);
    if (NAMED.has(keyword) && isRecord(value)) {
      for (const [name, child] of Object.entries(value)) walkSchema(child, visit, pointerTo(below, name));
    } else {
      walkSchema(value, visit, below);
    }
  }
}

/** Whether a JSON value is an object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
