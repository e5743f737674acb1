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

/** What an operation answers with status 200, in JSON. */
export interface DescribedAnswer {
  readonly operation: Operation;
  /** JSON Schema 2020-12, whole. */
  readonly schema: JsonMap;
  /** Answers given as examples: at least one. */
  readonly examples: readonly Json[];
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: {
    readonly schemas: JsonMap;
    readonly examples: JsonMap;
    readonly parameters: JsonMap;
    readonly responses: Readonly<Record<string, ResponseObject>>;
  };
}

interface OperationObject {
  readonly operationId: string;
  readonly parameters?: readonly JsonMap[];
  readonly requestBody?: ResponseObject;
  readonly responses: Readonly<Record<string, ResponseObject>>;
}

interface ResponseObject {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, MediaType>>;
}

interface MediaType {
  readonly schema: JsonMap;
  readonly examples?: Readonly<Record<string, JsonMap>>;
}

/** All operations of GitHub's REST API: see test/data/README.md. */
export function githubOperations(): readonly Operation[] {
  const description = readDescription();
  return operationsOf(description).map(({ path, method, operation }) =>
    toOperation(path, method, operation, description),
  );
}

/** All answers with status 200 and JSON that operations of GitHub's REST API have an example of. */
export function githubAnswers(): readonly DescribedAnswer[] {
  const description = readDescription();
  const { schemas, responses } = description.components;
  return operationsOf(description).flatMap(({ path, method, operation }) => {
    const written = operation.responses['200'];
    const response = written?.$ref === undefined ? written : responses[nameIn(written.$ref)];
    const json = response?.content?.['application/json'];
    const examples = examplesOf(json, description);
    if (json === undefined || examples.length === 0) return [];
    const schema = toJsonSchema(json.schema, schemas, 'response');
    return [{ operation: toOperation(path, method, operation, description), schema, examples }];
  });
}

function readDescription(): Description {
  const file = join(import.meta.dirname, '../data/github-openapi.json.gz');
  // The file is part of the repository: its shape is known, not checked.
  return JSON.parse(gunzipSync(readFileSync(file)).toString());
}

function operationsOf({ paths }: Description) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
}

function examplesOf(json: MediaType | undefined, description: Description): readonly Json[] {
  return Object.values(json?.examples ?? {}).map((example) => resolve(example, description)['value'] ?? null);
}

/** Of `#/components/KIND/NAME`. */
function nameIn(reference: string): string {
  return reference.split('/').at(-1) ?? '';
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
  const json = operation.requestBody?.content?.['application/json'];
  return {
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    params,
    samplePath: path.replace(/\{([^}]+)\}/g, (_, name: string) => sampleValue(params.get(name) ?? {})),
    body: json && toJsonSchema(json.schema, schemas),
    bodyExamples: examplesOf(json, description),
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
