// Text as a JSON string, safe for any bytes a client sends and for the terminal of whoever reads the log.

/** All but visible ASCII, spaces, and what JSON does not escape of it: a simple set, as this is asked of every text. */
const UNUSUAL = /[^ !#-[\]-~]/;
const CONTROLS_JSON_ALLOWS = /[\u007f-\u009f\u2028\u2029]/g;

/** A JSON string literal, quotes included. Beyond RFC 8259 it escapes C1 controls, which some terminals obey. */
export function quote(text: string): string {
  if (!UNUSUAL.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(CONTROLS_JSON_ALLOWS, escapeUnit);
}

/** The same without its quotes, for text that is put together with more: most of it is returned as it is. */
export function escaped(text: string): string {
  return UNUSUAL.test(text) ? quote(text).slice(1, -1) : text;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
