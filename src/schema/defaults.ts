// A default is written in a schema as it would be in YAML, and read by the same rules.
import type { ListNode, MapNode, Node, Place, ScalarNode, Setting } from './node.ts';
import type { Report, Schema } from './schema.ts';
import * as settings from './settings.ts';

/** A default, as it would be written in YAML. */
export type Written = string | number | boolean | readonly Written[] | { readonly [key: string]: Written };

const NOWHERE: Place = { file: 'default', line: 1, column: 1, length: 1 };

/**
 * Reads a schema's own default.
 * @throws Error when the default does not fit its schema: a mistake in the program, not in a configuration.
 */
export function readDefault(schema: Pick<Schema<unknown>, 'normalise'>, written: Written): Setting {
  const report: Report = {
    add(_at, _code, message) {
      throw new Error(`default ${JSON.stringify(written)} of a schema: ${message}`);
    },
  };
  const setting = schema.normalise(nodeOf(written), report);
  if (setting === undefined) throw new Error(`default ${JSON.stringify(written)} of a schema has no meaning`);
  return fromNowhere(setting);
}

function nodeOf(written: Written): Node {
  if (isList(written)) return { kind: 'list', items: written.map(nodeOf), at: NOWHERE } satisfies ListNode;
  if (typeof written === 'object') {
    const entries = Object.entries(written).map(([key, value]) => ({ key, keyAt: NOWHERE, value: nodeOf(value) }));
    return { kind: 'map', entries, at: NOWHERE } satisfies MapNode;
  }
  const type = typeof written === 'string' ? 'string' : typeof written === 'number' ? 'number' : 'boolean';
  return { kind: 'scalar', text: String(written), type, at: NOWHERE, secret: false } satisfies ScalarNode;
}

function isList(written: Written): written is readonly Written[] {
  return Array.isArray(written);
}

function fromNowhere(setting: Setting): Setting {
  if (setting.kind === 'leaf') return { ...setting, at: 'default' };
  if (setting.kind === 'list') return settings.list(setting.items.map(fromNowhere), 'default');
  const entries = [...setting.entries].map(([key, value]) => [key, fromNowhere(value)] as const);
  return settings.map(entries, 'default');
}
