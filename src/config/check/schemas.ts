// Compiles every JSON Schema of the routes, so that a broken one is found before any traffic is. Findings inside a schema's
// own file name that file.
import type { SchemaCompiler } from '../../policies/json/compiler.ts';
import type { SchemaSource } from '../../policies/json/source.ts';
import { schemaSource } from '../../policies/json/source.ts';
import type { Setting } from '../../schema/node.ts';
import { type RouteConfig, type RoutesConfig, settingAt } from '../format/routes-config.ts';
import type { Findings } from './finding.ts';

/** Where a route holds schemas, and whether what they check comes as text that has to be read as numbers first. */
const SCHEMAS = [
  { path: ['params'], reading: 'coerced' },
  { path: ['query'], reading: 'coerced' },
  { path: ['headers', 'request', 'schema'], reading: 'coerced' },
  { path: ['body'], reading: 'exact' },
  { path: ['response', 'schema'], reading: 'exact' },
] as const;

/** Reports what is wrong with the schemas, each once however many routes use it. */
export async function checkSchemas(config: RoutesConfig, compiler: SchemaCompiler, findings: Findings): Promise<void> {
  const seen = new Set<Setting>();
  for (const route of config.routes.values()) {
    for (const { setting, source, reading } of schemasOf(route)) {
      if (seen.has(setting)) continue;
      seen.add(setting);
      await compiler.compile(source, reading, (issue, at) => {
        findings.add(at, issue.code, issue.message, issue.hint, issue.severity);
      });
    }
  }
}

/** A schema of a route: what it is, and the setting that says so. */
export interface RouteSchema {
  readonly path: readonly string[];
  readonly setting: Setting;
  readonly source: SchemaSource;
  readonly reading: 'coerced' | 'exact';
}

/** Every schema that a route names. */
export function schemasOf(route: RouteConfig): readonly RouteSchema[] {
  return SCHEMAS.flatMap(({ path, reading }) => {
    const setting = settingAt(route.tree, path);
    if (setting === undefined || (setting.kind === 'leaf' && setting.value === null)) return [];
    return [{ path, reading, setting, source: DECODER.decode(setting) }];
  });
}

const DECODER = schemaSource({ doc: 'A JSON Schema' });
