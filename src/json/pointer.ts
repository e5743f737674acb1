// JSON Pointers (RFC 6901): the one way to say where in a JSON value.

/** The pointer to `key` below `pointer`. */
export function pointerTo(pointer: string, key: string | number): string {
  const token = String(key);
  if (!token.includes('~') && !token.includes('/')) return `${pointer}/${token}`;
  return `${pointer}/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/**
 * The place that a pointer into a value is at, as the schema knows it: members that the schema does not name, and indexes,
 * are `*`. So the same field of every item has one name, and no name is made of data.
 */
export function placeOf(pointer: string, names: ReadonlySet<string>): string {
  const tokens = pointer.split('/').map((token, index) => {
    return index === 0 || names.has(token.replaceAll('~1', '/').replaceAll('~0', '~')) ? token : '*';
  });
  const place = tokens.join('/');
  return place.length > MAX_PLACE_LENGTH ? `${place.slice(0, MAX_PLACE_LENGTH - 1)}…` : place;
}

/** Places are labels of metrics. */
const MAX_PLACE_LENGTH = 120;
