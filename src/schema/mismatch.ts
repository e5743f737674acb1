// The finding that every schema shares: another kind of value than the one expected.
import type { Node } from './node.ts';
import type { Report } from './schema.ts';

const LONGEST_SHOWN = 60;

/** How a value is named in a message; a secret is never shown. */
function shown(node: Node): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'a map';
  if (node.secret) return 'the value';
  return node.text.length > LONGEST_SHOWN ? `"${node.text.slice(0, LONGEST_SHOWN)}…"` : `"${node.text}"`;
}

/** Whether nothing was written: `timeout:`, `~`, `null`. */
export function isNothing(node: Node): boolean {
  return node.kind === 'scalar' && node.type === 'null';
}

/** Reports that `node` is not even the right kind of value. */
export function reportMismatch(node: Node, expected: string, report: Report): undefined {
  if (isNothing(node)) {
    report.add(node.at, 'no-value', `there is no value here: expected ${expected}`, 'give a value, or remove the key');
  } else {
    report.add(node.at, 'wrong-type', `expected ${expected}, not ${shown(node)}`);
  }
  return undefined;
}
