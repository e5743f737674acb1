// GitHub's API description as routes: methods, paths, parameters and body schemas that nobody wrote for this project.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { isMap, type Json, type JsonMap, toJsonSchema } from './openapi-schema.ts';

/** One operation of an API description, in the terms of a route. */
export interface Operation {
  /** `repos/get`: unique. */
  readonly id: string;
  /** Upper-case. */
  readonly method: string;
  /** A path pattern, as OpenAPI and `match` both write it. */
  readonly path: string;
  /** JSON Schemas 2020-12 of the path parameters, in the order of the path. */
  readonly params: ReadonlyMap<string, JsonMap>;
  /** The path with a value for each parameter that its schema allows and no other path has as literal text. */
  readonly samplePath: string;
  /** JSON Schema 2020-12 of a JSON body. */
  readonly body: JsonMap | undefined;
  /** Bodies given as examples. */
  readonly bodyExamples: readonly Json[];
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: { readonly schemas: JsonMap; readonly examples: JsonMap; readonly parameters: JsonMap };
}

interface OperationObject {
  readonly operationId: string;
  readonly parameters?: readonly JsonMap[];
  readonly requestBody?: { readonly content: Readonly<Record<string, MediaType>> };
}

interface MediaType {
  readonly schema: JsonMap;
  readonly examples?: Readonly<Record<string, JsonMap>>;
}

/** All operations of GitHub's REST API: see test/data/README.md. */
export function githubOperations(): readonly Operation[] {
  const file = join(import.meta.dirname, '../data/github-openapi.json.gz');
  // The file is part of the repository: its shape is known, not checked.
  const description: Description = JSON.parse(gunzipSync(readFileSync(file)).toString());
  return Object.entries(description.paths).flatMap(([path, methods]) => {
    return Object.entries(methods).map(([method, operation]) => toOperation(path, method, operation, description));
  });
}

function toOperation(path: string, method: string, operation: OperationObject, description: Description): Operation {
  const { schemas } = description.components;
  const declared = new Map<string, JsonMap>();
  for (const written of operation.parameters ?? []) {
    const parameter = resolve(written, description);
    if (parameter['in'] === 'path') declared.set(text(parameter['name']), parameter);
  }
  const params = new Map<string, JsonMap>();
  for (const [, name = ''] of path.matchAll(/\{([^}]+)\}/g)) {
    params.set(name, toJsonSchema(declared.get(name)?.['schema'] ?? { type: 'string' }, schemas));
  }
  const json = operation.requestBody?.content['application/json'];
  return {
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    params,
    samplePath: path.replace(/\{([^}]+)\}/g, (_, name: string) => sampleValue(params.get(name) ?? {})),
    body: json && toJsonSchema(json.schema, schemas),
    bodyExamples: Object.values(json?.examples ?? {}).map((example) => resolve(example, description)['value'] ?? null),
  };
}

function text(value: Json | undefined): string {
  if (typeof value !== 'string') throw new TypeError(`not text: ${JSON.stringify(value)}`);
  return value;
}

/** Follows `#/components/KIND/NAME`. */
function resolve(written: JsonMap, description: Description): JsonMap {
  const reference = written['$ref'];
  if (typeof reference !== 'string') return written;
  const [, , kind, name = ''] = reference.split('/');
  const found = description.components[kind === 'examples' ? 'examples' : 'parameters'][name];
  if (!isMap(found)) throw new Error(`dangling ${reference}`);
  return found;
}

const SAMPLES = ['sample', '1.2.3', `sha256:${'7'.repeat(64)}`];

function sampleValue(schema: JsonMap): string {
  const { type, enum: values, $defs, pattern } = schema;
  if (isMap($defs)) return sampleValue(Object.values($defs).find(isMap) ?? {});
  if (Array.isArray(values)) return String(values[0]);
  if (type === 'integer') return '7';
  if (typeof pattern !== 'string') return 'sample~1';
  const sample = SAMPLES.find((each) => new RegExp(pattern, 'u').test(each));
  if (sample === undefined) throw new Error(`no sample for ${pattern}`);
  return sample;
}
