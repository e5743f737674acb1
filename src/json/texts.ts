// Values that came as texts (`params`, `query`, headers) against a schema that may want numbers, booleans and lists.
import type { Breach } from './breach.ts';
import { pointerTo } from './pointer.ts';
import type { CompiledSchema } from './validators.ts';

/** What everyone reads as the same number. `1e2`, `0x10` and ` 5` are numbers to some readers and not to others. */
const PLAIN_DECIMAL = /^-?\d+(?:\.\d+)?$/;

/**
 * What `texts` break; nothing when they match. They are coerced in place, for the check only: a text that the upstream may
 * read as something else than what was checked is a breach.
 *
 * @param texts a text or list of texts for each name
 */
export function breachesOfTexts(schema: CompiledSchema, texts: Readonly<Record<string, unknown>>): readonly Breach[] {
  const asSent = Object.entries(texts).map(([name, value]) => [name, listOf(value)] as const);
  const matches = schema.accepts(texts);
  const misread = asSent.flatMap(([name, values]): Breach[] => {
    const read = listOf(texts[name]);
    const isPlain = values.every((text, index) => readsAlike(text, read[index]));
    return isPlain ? [] : [{ pointer: pointerTo('', name), detail: 'must be in plain decimal notation', kind: 'type' }];
  });
  return matches ? misread : [...schema.breaches(texts, 0), ...misread];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? [...value] : [value];
}

function readsAlike(sent: unknown, read: unknown): boolean {
  if (typeof sent !== 'string') return true;
  if (typeof read === 'number') return PLAIN_DECIMAL.test(sent);
  // Where a schema has alternatives, a text can become a number and a text again.
  return typeof read !== 'string' || read === sent;
}
