// Names of stored state.

/**
 * One key from several parts, each with its length before it, so that no two lists of parts give the same key:
 * `['a:b', 'c']` and `['a', 'b:c']` stay apart whatever callers put in.
 */
export function stateKey(...parts: readonly string[]): string {
  let key = '';
  for (const part of parts) key += `${part.length}:${part}`;
  return key;
}
