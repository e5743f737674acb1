// Formats whose checks in ajv-formats are not linear in the text: `url` is quadratic, and a date and time is first split at
// every `t`. The others were tried with long texts of every kind of character they are made of.
import type { Ajv2020 } from 'ajv/dist/2020.js';

/** No whitespace, a scheme, and something as a host. */
const URL_SHAPE = /^(?:https?|ftp):\/\/[^\s/?#]+(?:[/?#]\S*)?$/i;
/** A date and time in RFC 3339 has 20 to 25 characters and the digits of its fraction. */
const MAX_DATE_TIME_LENGTH = 64;

/** Replaces formats an engine knows already. */
export function addLinearFormats(engine: Ajv2020): void {
  engine.addFormat('url', isUrl);
  for (const name of ['date-time', 'iso-date-time']) {
    const known = engine.formats[name];
    if (typeof known !== 'object' || !('validate' in known) || typeof known.validate !== 'function') {
      throw new TypeError(`ajv-formats has no function for ${name}`);
    }
    // Of its overloads this is the one for texts; the other is for numbers.
    const validate = known.validate as (text: string) => boolean;
    engine.addFormat(name, (text: string) => text.length <= MAX_DATE_TIME_LENGTH && validate(text));
  }
}

/** An absolute URL of the web (http, https, ftp) at an IPv4 address or a name with a dot. */
function isUrl(text: string): boolean {
  if (!URL_SHAPE.test(text)) return false;
  const host = URL.parse(text)?.hostname ?? '';
  return host.includes('.') && !host.startsWith('.') && !host.startsWith('[');
}
