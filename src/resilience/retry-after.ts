// `Retry-After` (RFC 9110 §10.2.3): when an upstream wants to be asked again.

const DELTA_SECONDS = /^\d+$/;
// RFC 9110 §5.6.7: IMF-fixdate, and the obsolete forms of RFC 850 and asctime that a recipient must accept.
const IMF_FIXDATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const RFC_850 = /^[A-Z][a-z]+day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/;

/**
 * Reads a `Retry-After` of delta-seconds or HTTP-date.
 *
 * @param wallMs the wall clock, for a date.
 * @returns milliseconds from now, 0 for a time that has passed; undefined when the value means nothing.
 */
export function retryAfterMs(value: string, wallMs: number = Date.now()): number | undefined {
  const text = value.trim();
  if (DELTA_SECONDS.test(text)) return Number(text) * 1000;
  const at = dateMs(text);
  return at === undefined || Number.isNaN(at) ? undefined : Math.max(0, at - wallMs);
}

function dateMs(text: string): number | undefined {
  if (IMF_FIXDATE.test(text) || RFC_850.test(text)) return Date.parse(text);
  return ASCTIME.test(text) ? Date.parse(`${text} GMT`) : undefined;
}
