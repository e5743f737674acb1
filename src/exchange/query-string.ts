// Reads a query as forms write it: names and values percent-encoded, `+` for a space, names may repeat.

/**
 * The values of every name, in order; undefined when a percent-encoding is malformed or not UTF-8.
 * @param query with its `?`, or ''
 */
export function parseQuery(query: string): ReadonlyMap<string, readonly string[]> | undefined {
  const values = new Map<string, string[]>();
  for (const field of query.slice(1).split('&')) {
    if (field === '') continue;
    const equals = field.indexOf('=');
    const name = decode(equals < 0 ? field : field.slice(0, equals));
    const value = equals < 0 ? '' : decode(field.slice(equals + 1));
    if (name === undefined || value === undefined) return undefined;
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  return values;
}

function decode(text: string): string | undefined {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  return percentDecode(spaced);
}

/** Decodes percent-encoded UTF-8; undefined when it is neither. */
export function percentDecode(text: string): string | undefined {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
