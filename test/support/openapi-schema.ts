// From the schemas of OpenAPI 3.0 to JSON Schema 2020-12.

export type Json = null | boolean | number | string | readonly Json[] | JsonMap;
export interface JsonMap {
  readonly [key: string]: Json;
}

const COMPONENT = '#/components/schemas/';
/** Of OpenAPI alone, and without a say in what is valid. */
const DROPPED: ReadonlySet<string> = new Set(['discriminator', 'xml', 'externalDocs', 'nullable', 'example']);
const ONE_SCHEMA: ReadonlySet<string> = new Set(['items', 'additionalProperties', 'not']);
const MANY_SCHEMAS: ReadonlySet<string> = new Set(['allOf', 'oneOf', 'anyOf']);

/** What a schema is of: a member of one kind of body only is not required in the other. */
export type Direction = 'request' | 'response';

/** A schema that stands alone: what it refers to in `components` (name → schema) is converted into its `$defs`. */
export function toJsonSchema(schema: Json, components: JsonMap, direction: Direction = 'request'): JsonMap {
  const conversion = new Conversion(components, direction);
  const root = conversion.convert(schema);
  const defs = conversion.definitions();
  return Object.keys(defs).length === 0 ? root : { ...root, $defs: defs };
}

class Conversion {
  readonly #components: JsonMap;
  readonly #direction: Direction;
  readonly #wanted: string[] = [];

  constructor(components: JsonMap, direction: Direction) {
    this.#components = components;
    this.#direction = direction;
  }

  /** Everything referred to, and what that refers to in turn. */
  definitions(): JsonMap {
    const defs: Record<string, Json> = {};
    // The list grows while it is walked.
    for (const name of this.#wanted) defs[name] = this.convert(this.#components[name] ?? {});
    return defs;
  }

  convert(schema: Json): JsonMap {
    if (!isMap(schema)) throw new TypeError(`not a schema: ${JSON.stringify(schema)}`);
    const reference = schema['$ref'];
    // In OpenAPI 3.0 what stands beside a reference is ignored.
    if (typeof reference === 'string') return this.#refer(reference);
    const out: Record<string, Json> = {};
    for (const [keyword, value] of Object.entries(schema)) {
      if (!DROPPED.has(keyword) && !keyword.startsWith('x-')) out[keyword] = this.#keyword(keyword, value);
    }
    if (schema['example'] !== undefined) out['examples'] = [schema['example']];
    exclusive(out, 'minimum', 'exclusiveMinimum');
    exclusive(out, 'maximum', 'exclusiveMaximum');
    requireOf(out, this.#direction);
    return schema['nullable'] === true ? orNull(out) : out;
  }

  #refer(reference: string): JsonMap {
    const name = reference.slice(COMPONENT.length);
    if (!reference.startsWith(COMPONENT) || !(name in this.#components)) throw new Error(`dangling ${reference}`);
    if (!this.#wanted.includes(name)) this.#wanted.push(name);
    return { $ref: `#/$defs/${name}` };
  }

  #keyword(keyword: string, value: Json): Json {
    if (keyword === 'properties' && isMap(value)) {
      return Object.fromEntries(Object.entries(value).map(([name, schema]) => [name, this.convert(schema)]));
    }
    if (ONE_SCHEMA.has(keyword) && isMap(value)) return this.convert(value);
    if (MANY_SCHEMAS.has(keyword) && isList(value)) return value.map((schema) => this.convert(schema));
    return value;
  }
}

/** `minimum: 0, exclusiveMinimum: true` is now `exclusiveMinimum: 0`. */
function exclusive(out: Record<string, Json>, bound: string, keyword: string): void {
  if (typeof out[keyword] !== 'boolean') return;
  const limit = out[bound];
  if (out[keyword] && limit !== undefined) {
    out[keyword] = limit;
    delete out[bound];
  } else delete out[keyword];
}

/** OpenAPI 3.0: a read-only property that is required is required of responses alone, a write-only one of requests. */
function requireOf(out: Record<string, Json>, direction: Direction): void {
  const foreign = direction === 'request' ? 'readOnly' : 'writeOnly';
  const { properties, required } = out;
  if (!isList(required) || !isMap(properties)) return;
  out['required'] = required.filter((name) => {
    const property = typeof name === 'string' ? properties[name] : undefined;
    return property === undefined || !isMap(property) || property[foreign] !== true;
  });
}

function orNull(out: Record<string, Json>): JsonMap {
  const { type, enum: values } = out;
  if (typeof type !== 'string') return { anyOf: [out, { type: 'null' }] };
  out['type'] = [type, 'null'];
  if (isList(values) && !values.includes(null)) out['enum'] = [...values, null];
  return out;
}

export function isMap(value: Json | undefined): value is JsonMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
