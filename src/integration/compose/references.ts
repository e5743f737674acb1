// Which answers of other calls a text takes something from: placeholders say it by their name, mappings by `$calls.NAME`.
import jsonata from 'jsonata';
import { compileTemplate, type Known } from '../../exchange/template.ts';

/** Calls that a template names; none when it is no template, which is reported where it is compiled. */
export function callsInTemplate(text: string, known: Known): ReadonlySet<string> {
  // Where it stands changes how values are escaped, not which they are.
  const template = compileTemplate(text, 'query', known);
  return 'error' in template ? NONE : template.calls;
}

const NONE: ReadonlySet<string> = new Set();

/** A `$calls` in a mapping. */
export interface MappedCall {
  /** Undefined: it is used as a whole, and which calls it means cannot be told. */
  readonly name: string | undefined;
  /** Characters from the start of the text. */
  readonly offset: number;
}

const VARIABLE = 'calls';

/** Every use of `$calls` in a mapping that compiles. */
export function callsInMapping(text: string): readonly MappedCall[] {
  const found: MappedCall[] = [];
  const seen = new Set<unknown>();
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null || seen.has(node)) return;
    seen.add(node);
    for (const [step, next] of pairs(member(node, 'steps'))) {
      if (!isUse(step) || member(next, 'type') !== 'name') continue;
      seen.add(step);
      const name = String(member(next, 'value'));
      found.push({ name, offset: startOf(next, name.length) });
      // What selects among the calls is looked at still.
      visit(member(step, 'predicate'));
    }
    if (isUse(node)) found.push({ name: undefined, offset: startOf(node, VARIABLE.length + 1) });
    for (const part of Object.values(node)) visit(part);
  };
  visit(jsonata(text).ast());
  return found;
}

function isUse(node: unknown): boolean {
  return member(node, 'type') === 'variable' && member(node, 'value') === VARIABLE;
}

function pairs(steps: unknown): readonly (readonly [unknown, unknown])[] {
  return Array.isArray(steps) ? steps.map((step, index) => [step, steps[index + 1]] as const) : [];
}

/** JSONata tells where a token ends. */
function startOf(node: unknown, length: number): number {
  const end = member(node, 'position');
  return typeof end === 'number' ? Math.max(0, end - length) : 0;
}

function member(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? Reflect.get(node, name) : undefined;
}
