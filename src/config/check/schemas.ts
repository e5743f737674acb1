// Compiles every JSON Schema of the routes, so that a broken one is found before any traffic is. Findings inside a schema's
// own file name that file.
import type { SchemaCompiler } from '../../json/compiler.ts';
import { type SchemaSource, schemaSourceOf } from '../../json/source.ts';
import type { Setting } from '../../schema/node.ts';
import { leaves, unseenLeaves } from '../../schema/settings.ts';
import type { RouteConfig, RoutesConfig } from '../format/routes-config.ts';
import type { Turns } from '../load/turns.ts';
import type { Findings } from './finding.ts';

/** Reports what is wrong with the schemas, each once however many routes use it. */
export async function checkSchemas(
  config: RoutesConfig,
  compiler: SchemaCompiler,
  findings: Findings,
  turns: Turns,
): Promise<void> {
  const seen = new Set<Setting>();
  const known = new Set<SchemaSource>();
  for (const route of config.routes.values()) {
    for (const leaf of unseenLeaves(route.tree, seen)) {
      const source = schemaSourceOf(leaf);
      if (source === undefined || known.has(source)) continue;
      known.add(source);
      await compiler.compile(source, (issue, at) => {
        findings.add(at, issue.code, issue.message, issue.hint, issue.severity);
      });
    }
    if (turns.isOver) await turns.rest();
  }
}

/** Every schema of a route, wherever its settings hold one. */
export function* schemasOf({ tree }: RouteConfig): Generator<SchemaSource> {
  for (const [, leaf] of leaves(tree)) {
    const source = schemaSourceOf(leaf);
    if (source !== undefined) yield source;
  }
}
