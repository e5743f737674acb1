// JSON whose numbers stay what they were: an order number of 20 digits must not come out of a mapping as another number.

// ECMAScript 2027, "JSON.parse source text access": the runtime has it, the compiler's library not yet.
declare global {
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown;
    rawJSON(text: string): object;
    isRawJSON(value: unknown): value is { readonly rawJSON: string };
  }
}

/** A number that a double may not hold: more than 15 significant digits, or an exponent of three. */
const RISKY = /\d[\d.]{15}|[eE][+-]?\d{3}/;

/**
 * The value of a JSON text. A number that would change as a double is a `JSON.rawJSON` object instead: it is written as it
 * was read, and arithmetic on it is an error, not another number.
 *
 * @param text valid JSON
 * @param parsed its value where somebody has parsed it already
 */
export function exactValue(text: string, parsed?: { readonly value: unknown }): unknown {
  if (RISKY.test(text)) return JSON.parse(text, keepExact);
  return parsed === undefined ? JSON.parse(text) : parsed.value;
}

function keepExact(_key: string, value: unknown, context: { readonly source?: string }): unknown {
  const { source } = context;
  if (typeof value !== 'number' || source === undefined || isExact(value, source)) return value;
  return JSON.rawJSON(source);
}

function isExact(value: number, source: string): boolean {
  if (!Number.isFinite(value)) return false;
  if (!/[.eE]/.test(source)) return Number.isSafeInteger(value);
  const digits = source
    .replace(/[eE].*/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '')
    .replace(/0+$/, '');
  return digits.length <= 15 && (value !== 0 || digits === '');
}

/** A copy that shares nothing with `value` and keeps its exact numbers. */
export function exactClone(value: unknown): unknown {
  return value === undefined ? undefined : exactValue(JSON.stringify(value));
}
