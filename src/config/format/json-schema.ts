// The JSON Schema document of a settings schema, for completion and checks in an editor.
import type { JsonSchema, Schema } from '../../schema/schema.ts';

/** A complete JSON Schema 2020-12 document; what occurs more than once is written once, under `$defs`. */
export function toJsonSchema(schema: Schema<unknown>): JsonSchema {
  const { root, definitions } = shareDefinitions(schema.json());
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: schema.doc,
    ...root,
    ...(definitions && { $defs: definitions }),
  };
}

/** Shorter schemas read better where they are used. */
const WORTH_SHARING_CHARACTERS = 300;

function shareDefinitions(root: JsonSchema): { root: JsonSchema; definitions?: JsonSchema } {
  const uses = new Map<string, number>();
  countUses(root, uses);
  const names = new Map<string, string>();
  const definitions: Record<string, unknown> = {};
  const share = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) return value.map((item: unknown) => share(item, key));
    if (!isRecord(value)) return value;
    const text = JSON.stringify(value);
    const inner = () =>
      Object.fromEntries(Object.entries(value).map(([name, each]) => [name, share(each, inherits(name) ? key : name)]));
    if (value === root || text.length < WORTH_SHARING_CHARACTERS || (uses.get(text) ?? 0) < 2) return inner();
    let name = names.get(text);
    if (name === undefined) {
      name = freeName(key, definitions);
      names.set(text, name);
      // Reserved before its parts are named.
      definitions[name] = {};
      definitions[name] = inner();
    }
    return { $ref: `#/$defs/${name}` };
  };
  const shared = share(root, '');
  return { root: isRecord(shared) ? shared : root, ...(names.size > 0 && { definitions }) };
}

function countUses(value: unknown, uses: Map<string, number>): void {
  if (Array.isArray(value)) for (const item of value) countUses(item, uses);
  if (!isRecord(value)) return;
  if (isSchema(value)) {
    const text = JSON.stringify(value);
    const count = (uses.get(text) ?? 0) + 1;
    uses.set(text, count);
    // The parts of a repeated schema are repeated with it.
    if (count > 1) return;
  }
  for (const part of Object.values(value)) countUses(part, uses);
}

/** And not a table of properties. */
function isSchema(value: Record<string, unknown>): boolean {
  return typeof value['description'] === 'string' && ('type' in value || 'anyOf' in value);
}

/** Keywords that say nothing about what is below them; the property above names it. */
function inherits(keyword: string): boolean {
  return keyword === 'anyOf' || keyword === 'items' || keyword === 'additionalProperties';
}

function freeName(key: string, taken: Record<string, unknown>): string {
  let name = key;
  for (let count = 2; Object.hasOwn(taken, name); count++) name = `${key}-${count}`;
  return name;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
