// Secrets that somebody wrote into an XML template or a mapping: `<Password>hunter2</Password>`, `"apiKey": "hunter2"`.
import { isSecretName } from '../../telemetry/secrets.ts';

/** A part of a text by offsets, `end` excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

const ELEMENT = /<(?:[\w.-]+:)?([\w.-]+)(?:\s[^<>]*)?>([^<>{]+)(?=<\/)/dg;
const ATTRIBUTE = /[\s:]([\w.-]+)\s*=\s*(?:"([^"<>{]+)"|'([^'<>{]+)')/dg;
const MEMBER = /(["'])([\w.-]+)\1\s*:\s*(?:"((?:[^"\\]|\\.)+)"|'((?:[^'\\]|\\.)+)')/dg;

/** What stands under a name that promises a secret, and is no placeholder: in elements and attributes, and in an object. */
export function secretLiterals(text: string): readonly Span[] {
  return [...found(text, ELEMENT, 1), ...found(text, ATTRIBUTE, 1), ...found(text, MEMBER, 2)].toSorted(
    (a, b) => a.start - b.start,
  );
}

/** @param nameGroup the group that is the name; the first one after it that matched is the value */
function found(text: string, pattern: RegExp, nameGroup: number): readonly Span[] {
  return Array.from(text.matchAll(pattern)).flatMap(({ indices, ...match }) => {
    const value = indices?.slice(nameGroup + 1).find((each) => each !== undefined);
    if (value === undefined || !isSecretName(match[nameGroup] ?? '')) return [];
    return [{ start: value[0], end: value[1] }];
  });
}
