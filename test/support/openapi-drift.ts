// Answers that a JSON Schema refuses, one breach each, and where: found by looking at the schema, not by asking the validator
// under test.
import { isMap, type Json, type JsonMap } from './openapi-schema.ts';

export type Kind = 'missing' | 'type' | 'enum' | 'unexpected';

export interface Drift {
  readonly kind: Kind;
  /** RFC 6901, with `*` for indexes and for members that the schema does not name. */
  readonly place: string;
  readonly answer: Json;
}

/** What may become of a valid answer: of each kind the one that is deepest inside of it. */
export function driftsOf(schema: JsonMap, answer: Json): readonly Drift[] {
  const deepest = new Map<Kind, Site>();
  for (const site of sitesIn(schema, answer, [], schema)) {
    if (site.path.length >= (deepest.get(site.kind)?.path.length ?? 0)) deepest.set(site.kind, site);
  }
  return Array.from(deepest.values(), ({ kind, path, wrong }) => ({
    kind,
    place: path.map((token) => `/${typeof token === 'number' ? '*' : placeToken(token)}`).join(''),
    answer: replaced(answer, path, wrong),
  }));
}

type Path = readonly (string | number)[];

interface Site {
  readonly kind: Kind;
  readonly path: Path;
  /** Undefined: left out. */
  readonly wrong: Json | undefined;
}

const UNEXPECTED = 'sluice~unexpected/member';
/** Keywords with which a breach of one schema may be none of the whole, or several. */
const UNCLEAR = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'const', 'patternProperties'];
const OF_TEXT = ['pattern', 'format', 'minLength', 'maxLength'];

function* sitesIn(written: JsonMap, value: Json, path: Path, root: JsonMap): Generator<Site> {
  const schema = resolve(written, root);
  if (UNCLEAR.some((keyword) => keyword in schema)) return;
  if (path.length > 0) yield* ofValue(schema, path);
  const { properties, required, items, additionalProperties } = schema;
  if (Array.isArray(value)) {
    const [first] = value;
    if (first !== undefined && isMap(items)) yield* sitesIn(items, first, [...path, 0], root);
  } else if (isMap(value) && isMap(properties)) {
    for (const [name, property] of Object.entries(properties)) {
      const member = value[name];
      if (member === undefined || !isMap(property)) continue;
      if (Array.isArray(required) && required.includes(name)) {
        yield { kind: 'missing', path: [...path, name], wrong: undefined };
      }
      yield* sitesIn(property, member, [...path, name], root);
    }
    if (additionalProperties === false) yield { kind: 'unexpected', path: [...path, UNEXPECTED], wrong: 1 };
  }
}

function* ofValue(schema: JsonMap, path: Path): Generator<Site> {
  const { type, enum: values } = schema;
  const types = new Set(Array.isArray(type) ? type.map(String) : typeof type === 'string' ? [type] : []);
  if (types.size === 0) return;
  if (Array.isArray(values)) {
    const isPlain = OF_TEXT.every((keyword) => !(keyword in schema));
    if (types.has('string') && isPlain) yield { kind: 'enum', path, wrong: 'sluice: none of these' };
    return;
  }
  const wrong = WRONG.find(([name]) => !types.has(name) && !(name === 'number' && types.has('integer')));
  if (wrong !== undefined) yield { kind: 'type', path, wrong: wrong[1] };
}

const WRONG = [
  ['boolean', true],
  ['number', 1.5],
  ['string', 'text'],
] as const;

/** What `$ref` leads to, in the `$defs` of the root. */
function resolve(schema: JsonMap, root: JsonMap): JsonMap {
  const { $ref: reference } = schema;
  if (typeof reference !== 'string') return schema;
  const defs = root['$defs'];
  const found = isMap(defs) ? defs[reference.slice('#/$defs/'.length)] : undefined;
  return isMap(found) ? resolve(found, root) : {};
}

function placeToken(name: string): string {
  return name === UNEXPECTED ? '*' : name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function replaced(value: Json, [first, ...rest]: Path, wrong: Json | undefined): Json {
  if (first === undefined) return wrong ?? null;
  if (Array.isArray(value))
    return value.map((each: Json, index) => (index === first ? replaced(each, rest, wrong) : each));
  const members = isMap(value) ? value : {};
  if (rest.length > 0) return { ...members, [first]: replaced(members[first] ?? null, rest, wrong) };
  const others = Object.entries(members).filter(([name]) => name !== first);
  return Object.fromEntries(wrong === undefined ? others : [...others, [String(first), wrong]]);
}
