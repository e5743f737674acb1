// A body that a JSON Schema refuses, and where: found by looking at the schema, not by asking the validator under test.
import { isMap, type Json, type JsonMap } from './openapi-schema.ts';

export interface InvalidBody {
  readonly body: Json;
  /** RFC 6901: what must be complained about. */
  readonly pointer: string;
}

/** The example with its first property of a known type made wrong, or a body that is wrong as a whole; undefined when anything goes. */
export function invalidBody(schema: JsonMap, example: Json | undefined): InvalidBody | undefined {
  const top = resolve(schema, schema);
  const { properties } = top;
  for (const [name, property] of Object.entries(isMap(properties) ? properties : {})) {
    const wrong = isMap(property) ? wrongValue(resolve(property, schema), schema) : undefined;
    if (wrong === undefined) continue;
    const rest = isMap(example) ? example : {};
    return { body: { ...rest, [name]: wrong }, pointer: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}` };
  }
  const wrong = wrongValue(top, schema);
  return wrong === undefined ? undefined : { body: wrong, pointer: '' };
}

/** What `$ref` leads to, in the `$defs` of the root. */
function resolve(schema: JsonMap, root: JsonMap): JsonMap {
  const { $ref: reference } = schema;
  if (typeof reference !== 'string') return schema;
  const defs = root['$defs'];
  const found = isMap(defs) ? defs[reference.slice('#/$defs/'.length)] : undefined;
  return isMap(found) ? resolve(found, root) : schema;
}

/** A value of a type that the schema does not allow. */
function wrongValue(schema: JsonMap, root: JsonMap): Json | undefined {
  const types = typesOf(schema, root);
  if (types === undefined) return undefined;
  return (['object', 'array', 'boolean', 'string', 'number', 'null'] as const)
    .map((type) => [type, SAMPLES[type]] as const)
    .find(([type]) => !types.has(type))?.[1];
}

const SAMPLES = { object: {}, array: [], boolean: true, string: 'text', number: 1.5, null: null } as const;

/** The types that the schema allows; undefined for any. */
function typesOf(schema: JsonMap, root: JsonMap): ReadonlySet<string> | undefined {
  const { type } = schema;
  if (typeof type === 'string') return new Set([type]);
  if (Array.isArray(type)) return new Set(type.map(String));
  for (const keyword of ['anyOf', 'oneOf']) {
    const branches = schema[keyword];
    if (!Array.isArray(branches)) continue;
    const all = branches.map((branch) => (isMap(branch) ? typesOf(resolve(branch, root), root) : undefined));
    if (all.every((each) => each !== undefined)) return new Set(all.flatMap((each) => [...each]));
  }
  return undefined;
}
