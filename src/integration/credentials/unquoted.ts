// Schemas for what may hold a secret: their findings quote nothing that was written.
import type { Node, Report, Schema } from '../../schema/schema.ts';

/** The same settings; a text that stands where a map should is not repeated: it may be the secret itself. */
export function unquoted<T>(schema: Schema<T>): Schema<T> {
  return { ...schema, normalise: (node, report) => schema.normalise(hidden(node), report) };
}

/** A map of which one setting is given, and no other. */
export function exactlyOne<T>(schema: Schema<T>): Schema<T> {
  return {
    ...schema,
    normalise(node, report) {
      const setting = schema.normalise(hidden(node), report);
      if (node.kind === 'map') reportOthers(node, report);
      return setting;
    },
  };
}

function hidden(node: Node): Node {
  return node.kind === 'scalar' ? { ...node, secret: true } : node;
}

function reportOthers({ entries, at }: Node & { readonly kind: 'map' }, report: Report): void {
  const [first, ...others] = entries;
  if (first === undefined) {
    report.add(
      at,
      'no-credentials',
      'this says nothing: it needs one way to prove who we are',
      'such as bearer: …, or none',
    );
  }
  for (const { key, keyAt } of others) {
    report.add(
      keyAt,
      'two-credentials',
      `"${first?.key ?? ''}" is given already: one of them proves who we are, and which is not clear`,
      `keep one of "${first?.key ?? ''}" and "${key}"`,
    );
  }
}
