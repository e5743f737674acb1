// Reads a value written as YAML by a schema, the way a configuration is read.
import { type Finding, Findings } from '../../src/config/check/finding.ts';
import { tenantsSchema } from '../../src/config/format/tenants.ts';
import { readYaml } from '../../src/config/read/yaml.ts';
import type { Node, Schema, Setting } from '../../src/schema/schema.ts';
import { plansSchema } from '../../src/tenant/settings.ts';
import { buildTenants, type TenantTable } from '../../src/tenant/tenants.ts';

export interface Reading<T> {
  /** What the value means; throws when there are findings. */
  readonly value: T;
  readonly setting: Setting | undefined;
  readonly findings: readonly Finding[];
  /** The findings as `line:column code message (hint)`. */
  readonly told: readonly string[];
}

/** Reads `written`, the YAML after `value: `. */
export function reading<T>(schema: Schema<T>, written: string): Reading<T> {
  return readingOf(schema, nodeOf(written));
}

export function readingOf<T>(schema: Schema<T>, node: Node): Reading<T> {
  const report = new Findings();
  const setting = schema.normalise(node, report);
  const told = report.all.map(tell);
  return {
    get value() {
      if (told.length > 0) throw new Error(told.join('\n'));
      return schema.decode(setting);
    },
    setting,
    findings: report.all,
    told,
  };
}

/** The node of a value; it stands on line 1 from column 8, or from line 2 on. */
export function nodeOf(written: string, file = 'routes.yaml'): Node {
  const { root, findings } = readYaml(`value: ${written}`, file);
  const node = root?.kind === 'map' ? root.entries[0]?.value : undefined;
  if (node === undefined || findings.length > 0) throw new Error(findings.map(tell).join('\n'));
  return node;
}

export function tell({ at, code, message, hint }: Finding): string {
  return `${at.line}:${at.column} ${code} ${message}${hint === undefined ? '' : ` (${hint})`}`;
}

/** Reads a value that must be in order. */
export function settingsOf<T>(schema: Schema<T>, written: string): T {
  return reading(schema, written).value;
}

/** Tenants and plans written as YAML maps, which must be in order. */
export function tenantsOf(tenants: string, plans = '{}'): TenantTable {
  const { table, issues } = buildTenants(settingsOf(plansSchema, plans), settingsOf(tenantsSchema, tenants));
  if (issues.length > 0) throw new Error(issues.map(({ message }) => message).join('\n'));
  return table;
}
